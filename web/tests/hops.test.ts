// The realtime path hop by hop: each is judged by what is seen of it, and of nothing else.
import { describe, expect, it } from 'vitest';
import { hopsOf, reasonParams } from '../src/views/checks/hops';
import { checkOf, TROUBLES } from './boards';
import { sample } from './sample';

/** Too many signals are no hop that fails. */
const STORM = 'realtime.storm';

const verdicts = (...troubles: Parameters<typeof checkOf> extends [string, ...infer Rest] ? Rest : never) => {
  const { listener, broker, relayed } = hopsOf(checkOf('realtime', ...troubles));
  return [listener, broker.verdict, relayed.verdict];
};

describe('hops', () => {
  it.each(TROUBLES)('are never all well under %s unless the check is', (trouble) => {
    const check = checkOf('realtime', trouble);
    const { signal, listener, broker, relayed, channels } = hopsOf(check);
    const shown = [signal, broker, relayed, ...channels].map((one) => one.verdict);
    if (shown.concat(listener).every((verdict) => verdict === 'ok')) expect(check.reason ?? STORM).toBe(STORM);
  });

  it('are all well when signals are heard and relayed', () => {
    const { heard, broker, relayed, channels } = hopsOf(checkOf('realtime'));
    expect([heard, broker.verdict, relayed.verdict]).toEqual([true, 'ok', 'ok']);
    expect(broker).toMatchObject({ state: 'connected', round_trip_ms: 4.1, subscribers: 14, tells: true });
    expect(relayed).toMatchObject({ seen: 90, relayed: 90, missed: 0, delay_ms: 21 });
    expect(channels.map((channel) => channel.verdict)).toEqual(['ok', 'ok', 'ok']);
  });

  it('end at a server that cannot be reached or refuses', () => {
    expect(verdicts('broker_down')).toEqual(['ok', 'fail', 'unknown']);
    expect(verdicts('broker_refuses_token')).toEqual(['ok', 'fail', 'unknown']);
    expect(hopsOf(checkOf('realtime', 'broker_refuses_token')).broker.answer).toBe('401 invalid signature');
  });

  it('end behind a server that relays nothing of one channel', () => {
    const { channels, broker } = hopsOf(checkOf('realtime', 'broker_not_relaying'));
    expect(verdicts('broker_not_relaying')).toEqual(['ok', 'ok', 'fail']);
    expect(channels.map((channel) => channel.verdict)).toEqual(['fail', 'ok', 'ok']);
    expect([broker.tells, broker.subscribers, broker.listens]).toEqual([false, undefined, false]);
  });

  it('show the server as it is while the database hides the rest', () => {
    const { heard, broker, channels } = hopsOf(checkOf('realtime', 'db_refused'));
    expect([heard, broker.state, broker.verdict]).toEqual([false, 'down', 'fail']);
    expect(broker.round_trip_ms).toBeUndefined();
    expect(new Set(channels.map((channel) => channel.verdict))).toEqual(new Set(['unknown']));
    expect(verdicts('db_refused')).toEqual(['unknown', 'fail', 'unknown']);
  });

  it('blame no server for the first miss', () => {
    const check = checkOf('realtime');
    const once = { ...check, detail: { ...check.detail, broker: { state: 'down', error: 'reset' } } };
    expect(hopsOf(once).broker.verdict).toBe('unknown');
  });

  it('prove nothing without a signal to compare', () => {
    const check = sample({
      realtime: { detail: { listener: { state: 'listening' }, channels: {}, broker: { state: 'connected' } } },
    }).checks.realtime;
    expect(check && hopsOf(check).relayed.verdict).toBe('unknown');
    expect(hopsOf({ verdict: 'ok' })).toMatchObject({ heard: false, broker: { state: 'not_configured' } });
  });

  it('break between PostgreSQL and us where signals are lost, and leave the server its own verdict', () => {
    const { heard, signal, channels } = hopsOf(checkOf('realtime', 'canary_lost'));
    expect([heard, signal]).toEqual([false, { state: 'canary_lost', verdict: 'fail', target: undefined }]);
    expect(verdicts('canary_lost')).toEqual(['unknown', 'ok', 'unknown']);
    expect(new Set(channels.map((channel) => channel.verdict))).toEqual(new Set(['unknown']));
  });

  it('name the pooler that keeps the signals back', () => {
    expect(hopsOf(checkOf('realtime', 'pooler')).signal).toEqual({
      state: 'pooler',
      verdict: 'fail',
      target: '127.0.0.1:6432',
    });
    expect(verdicts('pooler')).toEqual(['unknown', 'ok', 'unknown']);
  });

  it('keep what a reason says while the listener connects anew', () => {
    const check = checkOf('realtime', 'canary_lost');
    const again = { ...check, detail: { ...check.detail, listener: { state: 'reconnecting' } } };
    expect(hopsOf(again).signal).toMatchObject({ state: 'canary_lost', verdict: 'fail' });
    const beside = {
      ...again,
      reason: 'realtime.broker_down',
      also: { 'realtime.pooler': { verdict: 'fail' as const } },
    };
    expect(hopsOf(beside).signal).toMatchObject({ state: 'pooler', verdict: 'fail' });
  });

  it.each([
    ['listener_hung', 'hung'],
    ['listener_reconnecting', 'reconnecting'],
    ['listener_dropped', 'dropped'],
  ] as const)('are not known behind %s', (trouble, state) => {
    expect(hopsOf(checkOf('realtime', trouble)).signal).toMatchObject({ state, verdict: 'unknown' });
    expect(verdicts(trouble)).toEqual(['unknown', 'ok', 'unknown']);
  });

  it('show which channel is not heard, and take none for heard before a test signal is back', () => {
    const check = checkOf('realtime', 'channel_down');
    const { signal, channels } = hopsOf(check);
    expect(signal).toMatchObject({ state: 'lost', verdict: 'unknown' });
    expect(verdicts('channel_down')).toEqual(['warn', 'ok', 'unknown']);
    expect(channels.map((channel) => channel.verdict)).toEqual(['warn', 'unknown', 'unknown']);
    const proven = hopsOf({ ...check, detail: { ...check.detail, listener: { state: 'listening' } } });
    expect([proven.signal.verdict, proven.listener]).toEqual(['ok', 'warn']);
  });

  it('are hidden by a trigger from its channel on, not before', () => {
    const { mute, signal, listener, broker, relayed, channels } = hopsOf(checkOf('realtime', 'trigger_missing'));
    expect([mute, signal.state, listener, broker.verdict]).toEqual([true, 'back', 'ok', 'ok']);
    expect(relayed).toMatchObject({ verdict: 'unknown', relayed: 83 });
    expect(channels.map((channel) => channel.verdict)).toEqual(['ok', 'ok', 'unknown']);
  });

  it('believe nothing of a listener that something else hides, be its last word good or bad', () => {
    const check = { ...checkOf('realtime'), verdict: 'unknown' as const, reason: 'unknown.stale' };
    const also = { 'unknown.blocked_by': { verdict: 'unknown' as const, params: { parent: 'triggers' } } };
    const lost = { 'realtime.canary_lost': { verdict: 'fail' as const } };
    for (const one of [check, { ...check, also }, { ...check, also: lost }]) {
      expect(hopsOf(one)).toMatchObject({ heard: false, listener: 'unknown', signal: { state: 'unseen' } });
    }
    const gone = { ...check, detail: { ...check.detail, listener: { state: 'reconnecting' } } };
    expect(hopsOf(gone).signal).toMatchObject({ state: 'reconnecting', verdict: 'unknown' });
  });

  it('wear the slowness of which the reason speaks', () => {
    expect(hopsOf(checkOf('realtime', 'realtime_slow')).relayed.verdict).toBe('warn');
    const check = checkOf('realtime', 'realtime_slow');
    expect(hopsOf({ ...check, params: { hop: 'listener' } }).signal.verdict).toBe('warn');
  });

  it('read a reason wherever it stands', () => {
    expect(reasonParams(checkOf('realtime', 'db_refused'), 'realtime.broker_down')).toMatchObject({ error: 'timeout' });
    expect(reasonParams(checkOf('realtime', 'broker_down'), 'realtime.broker_down')).toMatchObject({
      error: 'refused',
    });
    expect(reasonParams(checkOf('realtime'), 'constructor')).toBeUndefined();
  });
});

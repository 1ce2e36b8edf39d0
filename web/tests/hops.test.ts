// The realtime path hop by hop: each is judged by what is seen of it, and of nothing else.
import { describe, expect, it } from 'vitest';
import { hopsOf, reasonParams } from '../src/views/checks/hops';
import { checkOf } from './boards';
import { sample } from './sample';

const verdicts = (...troubles: Parameters<typeof checkOf> extends [string, ...infer Rest] ? Rest : never) => {
  const { listener, broker, relayed } = hopsOf(checkOf('realtime', ...troubles));
  return [listener, broker.verdict, relayed.verdict];
};

describe('hops', () => {
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

  it('read a reason wherever it stands', () => {
    expect(reasonParams(checkOf('realtime', 'db_refused'), 'realtime.broker_down')).toMatchObject({ error: 'timeout' });
    expect(reasonParams(checkOf('realtime', 'broker_down'), 'realtime.broker_down')).toMatchObject({
      error: 'refused',
    });
    expect(reasonParams(checkOf('realtime'), 'constructor')).toBeUndefined();
  });
});

// The one writer: applies what follows its place, asks once for what it missed, and never mixes the two.
import { describe, expect, it } from 'vitest';
import { LiveDocument, type LiveState } from '../src/live/document';
import type { Message } from '../src/live/wire';
import { NOW, sample } from './sample';

function writer(now = NOW) {
  const seen: LiveState[] = [];
  const live = new LiveDocument(sample({ db: {}, triggers: {} }), now, (state) => seen.push(state));
  return { live, seen };
}
const diff = (seq: number, patch = {}): Message => ({ type: 'diff', seq, patch });
const bookmark = (seq: number, as_of = '2026-11-22T01:20:14.000Z', evidence = {}): Message => ({
  type: 'bookmark',
  seq,
  as_of,
  evidence,
});
const snapshot = (seq: number, epoch = 7): Message => ({
  type: 'snapshot',
  epoch,
  seq,
  reason: 'gap',
  data: sample({ db: { verdict: 'warn' } }),
});

const hello = (resumed: boolean, epoch = 7): Message => ({
  type: 'hello',
  proto: 'health.v1',
  epoch,
  seq: 50,
  heartbeat: 3,
  resumed,
});
const ASK = { type: 'subscribe', epoch: 7, seq: 41 };

describe('live document', () => {
  it('applies the next diff and moves its place', () => {
    const { live } = writer();
    expect(live.receive(diff(42, { checks: { db: { verdict: 'fail' } } }), NOW)).toBeUndefined();
    expect(live.state.document.checks.db?.verdict).toBe('fail');
    expect(live.state.position).toEqual({ epoch: 7, seq: 42 });
    expect(live.state.document.position).toEqual({ epoch: 7, seq: 42 });
  });

  it('asks once after a gap, from its place, and applies nothing until the snapshot', () => {
    const { live } = writer();
    expect(live.receive(diff(44), NOW)).toEqual(ASK);
    expect(live.receive(diff(45), NOW + 10)).toBeUndefined();
    expect(live.receive(hello(false), NOW + 15)).toBeUndefined();
    expect(live.receive(diff(42, { status: 'degraded' }), NOW + 20)).toBeUndefined();
    expect(live.state.document.status).toBe('healthy');
    expect(live.receive(snapshot(46), NOW + 30)).toBeUndefined();
    expect(live.state.document.checks.db?.verdict).toBe('warn');
    expect(live.receive(diff(47, { status: 'degraded' }), NOW + 40)).toBeUndefined();
    expect(live.state.document.status).toBe('degraded');
  });

  it('asks once after a gap and goes on with what it has missed, once the greeting says that this follows', () => {
    const { live } = writer();
    expect(live.receive(bookmark(43), NOW)).toEqual(ASK);
    expect(live.receive(diff(42, { status: 'degraded' }), NOW + 10)).toBeUndefined();
    expect(live.state.position.seq).toBe(41);
    expect(live.receive(hello(true), NOW + 20)).toBeUndefined();
    for (const seq of [42, 43]) live.receive(diff(seq, { status: 'unknown' }), NOW + 30);
    expect(live.state.position.seq).toBe(43);
    expect(live.state.document.status).toBe('unknown');
  });

  it('asks again when no answer comes', () => {
    const { live } = writer();
    expect(live.receive(bookmark(43), NOW)).toEqual(ASK);
    expect(live.receive(bookmark(43), NOW + 3000)).toBeUndefined();
    expect(live.receive(diff(44), NOW + 12_000)).toBeUndefined();
    expect(live.receive(bookmark(43), NOW + 12_000)).toEqual(ASK);
  });

  it('asks for a whole document where the line that it could go on with is not its own', () => {
    const { live } = writer();
    live.linked(NOW);
    expect(live.receive(hello(true, 8), NOW)).toEqual({ type: 'subscribe' });
    expect(live.receive(diff(42), NOW + 10)).toBeUndefined();
    expect(live.state.position).toEqual({ epoch: 7, seq: 41 });
    live.receive(snapshot(51, 8), NOW + 20);
    expect(live.receive(diff(52), NOW + 30)).toBeUndefined();
    expect(live.state.position).toEqual({ epoch: 8, seq: 52 });
  });

  it('takes the ages of the evidence from the bookmark, of known checks only', () => {
    const { live } = writer();
    const triggers = live.state.document.checks.triggers;
    live.receive(bookmark(41, '2026-11-22T01:20:14.000Z', { db: '2026-11-22T01:20:13.100Z', ghost: 'x' }), NOW + 3000);
    expect(live.state.document.as_of).toBe('2026-11-22T01:20:14.000Z');
    expect(live.state.document.checks.db?.observed_at).toBe('2026-11-22T01:20:13.100Z');
    expect(live.state.document.checks.triggers).toBe(triggers);
    expect(live.state.document.checks.ghost).toBeUndefined();
  });

  it('takes the ages of what stands below the seven as well, and makes up no section', () => {
    const document = { ...sample({ db: {} }), cron: { verdict: 'ok' }, services: { dify: { verdict: 'ok' } } };
    const live = new LiveDocument(document, NOW, () => {});
    const at = '2026-11-22T01:20:13.000Z';
    live.receive(bookmark(41, at, { cron: at, 'services/dify': at, 'services/ghost': at, monitor: at }), NOW);
    expect(live.state.document.cron).toEqual({ verdict: 'ok', observed_at: at });
    expect(live.state.document.services).toEqual({ dify: { verdict: 'ok', observed_at: at } });
    expect(live.state.document.monitor).toBeUndefined();
  });

  it('a new epoch replaces everything', () => {
    const { live } = writer();
    live.receive(snapshot(3, 8), NOW);
    expect(live.state.position).toEqual({ epoch: 8, seq: 3 });
    expect(Object.keys(live.state.document.checks)).toEqual(['db']);
  });

  it('is live again only with a snapshot or the promise of what it missed, and forgets what it asked before', () => {
    const { live, seen } = writer();
    for (const served of [snapshot(50), hello(true)]) {
      live.receive(diff(live.state.position.seq + 3), NOW);
      live.lost();
      live.lost();
      live.linked(NOW);
      expect(live.receive(bookmark(live.state.position.seq), NOW)).toBeUndefined();
      expect(live.receive(hello(false), NOW)).toBeUndefined();
      expect(live.state.link).toBe('lost');
      live.receive(served, NOW);
      expect(live.state.link).toBe('live');
      expect(live.receive(diff(live.state.position.seq + 1), NOW)).toBeUndefined();
    }
    expect(seen.filter((state, place) => state.link === 'lost' && seen[place - 1]?.link === 'live')).toHaveLength(2);
  });

  it('takes what was asked for while the stream is away, whatever it awaits, and nothing that was overtaken', () => {
    const { live } = writer();
    const polled = (seq: number, epoch = 7) => ({ ...sample({ triggers: {} }), position: { epoch, seq } });
    live.polled(polled(50), NOW);
    expect([live.state.link, live.state.position.seq]).toEqual(['live', 41]);
    live.lost();
    live.linked(NOW);
    live.polled(polled(50), NOW);
    expect([live.state.link, live.state.position.seq, Object.keys(live.state.document.checks)]).toEqual([
      'polled',
      50,
      ['triggers'],
    ]);
    live.polled(polled(49), NOW);
    expect(live.state.position.seq).toBe(50);
    live.lost();
    live.polled(undefined, NOW);
    expect([live.state.link, live.state.position.seq]).toEqual(['polled', 50]);
    live.polled(polled(3, 8), NOW);
    expect(live.state.position).toEqual({ epoch: 8, seq: 3 });
    // The connection that was opened before stands elsewhere in line: it is asked for the whole.
    expect(live.receive(hello(true), NOW)).toEqual({ type: 'subscribe' });
    live.receive(snapshot(4, 8), NOW);
    expect([live.state.link, live.state.position.seq]).toEqual(['live', 4]);
  });

  it('tells ages by the clock of the monitor when this machine is wrong', () => {
    expect(writer(NOW + 300).live.state.offset_ms).toBe(0);
    expect(writer(NOW - 3_600_000).live.state.offset_ms).toBe(3_600_000);
  });
});

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

describe('live document', () => {
  it('applies the next diff and moves its place', () => {
    const { live } = writer();
    expect(live.receive(diff(42, { checks: { db: { verdict: 'fail' } } }), NOW)).toBeUndefined();
    expect(live.state.document.checks.db?.verdict).toBe('fail');
    expect(live.state.position).toEqual({ epoch: 7, seq: 42 });
  });

  it('asks once after a gap and applies nothing until the snapshot', () => {
    const { live } = writer();
    expect(live.receive(diff(44), NOW)).toBe('resync');
    expect(live.receive(diff(45), NOW + 10)).toBeUndefined();
    expect(live.receive(diff(42, { status: 'degraded' }), NOW + 20)).toBeUndefined();
    expect(live.state.document.status).toBe('healthy');
    expect(live.receive(snapshot(46), NOW + 30)).toBeUndefined();
    expect(live.state.document.checks.db?.verdict).toBe('warn');
    expect(live.receive(diff(47, { status: 'degraded' }), NOW + 40)).toBeUndefined();
    expect(live.state.document.status).toBe('degraded');
  });

  it('asks again when the snapshot does not come', () => {
    const { live } = writer();
    expect(live.receive(bookmark(43), NOW)).toBe('resync');
    expect(live.receive(bookmark(43), NOW + 3000)).toBeUndefined();
    expect(live.receive(bookmark(43), NOW + 12_000)).toBe('resync');
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

  it('is live again only with a snapshot, and forgets on a new connection what it had asked for', () => {
    const { live, seen } = writer();
    live.receive(diff(44), NOW);
    live.lost();
    live.lost();
    expect(seen.filter((state) => state.link === 'lost')).toHaveLength(1);
    live.linked();
    expect(live.state.link).toBe('lost');
    live.receive(snapshot(50), NOW);
    expect(live.state.link).toBe('live');
  });

  it('tells ages by the clock of the monitor when this machine is wrong', () => {
    expect(writer(NOW + 300).live.state.offset_ms).toBe(0);
    expect(writer(NOW - 3_600_000).live.state.offset_ms).toBe(3_600_000);
  });
});

// What the views derive from the document.
import { describe, expect, it } from 'vitest';
import {
  evidence,
  inOrder,
  isBlind,
  overallVerdict,
  recoveredAfter,
  transitions,
  worstFirst,
} from '../src/live/select';
import type { Check } from '../src/live/wire';
import { sample } from './sample';

const blocked: Partial<Check> = { verdict: 'unknown', reason: 'unknown.blocked_by', params: { parent: 'db' } };
const names = (list: { name: string }[]) => list.map((one) => one.name);

describe('order', () => {
  it("is the brief's, whatever the object's, and unknown names come last", () => {
    const document = sample({ message_throughput: {}, zebra: {}, realtime: {}, db: {} });
    expect(names(inOrder(document))).toEqual(['db', 'realtime', 'message_throughput', 'zebra']);
  });

  it('keeps each card whose check a patch has not named', () => {
    const before = sample({ db: {}, triggers: {} });
    const after = { ...before, checks: { ...before.checks, db: { ...before.checks.db, since: 'x' } as Check } };
    const [db, triggers] = inOrder(before);
    expect(inOrder(after)[1]).toBe(triggers);
    expect(inOrder(after)[0]).not.toBe(db);
  });

  it('puts the worst first on a phone, and what only waits behind what is unknown itself', () => {
    const checks = {
      db: {},
      realtime: blocked,
      triggers: { verdict: 'warn' as const },
      recent_activity: { verdict: 'unknown' as const },
      message_throughput: { verdict: 'fail' as const },
    };
    expect(names(worstFirst(inOrder(sample(checks))))).toEqual([
      'message_throughput',
      'triggers',
      'recent_activity',
      'realtime',
      'db',
    ]);
  });
});

describe('the whole', () => {
  it('is coloured by the worst check it stands on', () => {
    const degraded = {
      ...sample({ db: { verdict: 'warn' }, realtime: { verdict: 'unknown' } }),
      status: 'degraded' as const,
    };
    expect(overallVerdict(degraded)).toBe('warn');
    expect(overallVerdict({ ...degraded, status: 'unknown' })).toBe('unknown');
    expect(overallVerdict(sample({ db: {} }))).toBe('ok');
  });

  it('calls itself blind by unseen checks, never by those that wait for another', () => {
    expect(isBlind(sample({ db: { verdict: 'fail' }, realtime: blocked, triggers: blocked }))).toBe(false);
    expect(
      isBlind(
        sample({ db: { verdict: 'unknown', reason: 'unknown.blind' }, realtime: { verdict: 'unknown' }, triggers: {} }),
      ),
    ).toBe(true);
  });

  it('knows its newest and oldest evidence', () => {
    const ages = evidence(
      sample({ db: { observed_at: '2026-11-22T01:20:00Z' }, realtime: { observed_at: '2026-11-22T01:19:00Z' } }),
    );
    expect([ages.newest?.name, ages.oldest?.name]).toEqual(['db', 'realtime']);
  });
});

describe('transitions', () => {
  const at = (minute: number) => `2026-11-22T01:${String(minute).padStart(2, '0')}:00.000Z`;
  const document = sample(
    { db: {} },
    {
      '9': { at: at(1), check: 'db', from: 'ok', to: 'unknown', reason: 'unknown.blind' },
      '10': { at: at(2), check: 'db', from: 'unknown', to: 'fail', reason: 'db.refused' },
      '11': { at: at(3), check: 'triggers', from: 'ok', to: 'unknown' },
      '100': { at: at(6), check: 'db', from: 'fail', to: 'ok' },
      '101': { at: at(6), check: 'triggers', from: 'unknown', to: 'ok' },
    },
  );

  it('come newest first, by number and not by text', () => {
    expect(transitions(document).map((one) => one.key)).toEqual(['101', '100', '11', '10', '9']);
    expect(transitions(document, 'db')).toHaveLength(3);
  });

  it('tell how long the trouble lasted, and call unseen time no trouble', () => {
    const all = transitions(document);
    const [triggers, db] = all;
    expect(db && recoveredAfter(all, db)).toBe(300);
    expect(triggers && recoveredAfter(all, triggers)).toBeUndefined();
  });
});

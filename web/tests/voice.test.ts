// What is spoken: merged, seldom, and each thing once.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Place } from '../src/format/place';
import { transitions } from '../src/live/select';
import type { Transition, Verdict } from '../src/live/wire';
import { changesTold, Voice } from '../src/views/voice';
import { NOW, sample } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };

describe('voice', () => {
  let waiting: string[];
  let spoken: [number, string][];
  let voice: Voice;
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    [waiting, spoken] = [[], []];
    voice = new Voice(
      () => waiting.splice(0).join(' '),
      (words) => spoken.push([Date.now(), words]),
    );
  });
  afterEach(() => vi.useRealTimers());

  function happens(what: string): void {
    waiting.push(what);
    voice.wake();
  }

  it('says at once what happens together, then at most one thing in 5 s, whatever happens', () => {
    happens('a');
    happens('b');
    vi.advanceTimersByTime(500);
    expect(spoken).toEqual([[500, 'a b']]);
    for (let second = 0; second < 60; second += 1) {
      happens(String(second));
      vi.advanceTimersByTime(1000);
    }
    const pauses = spoken.slice(1).map(([at], index) => at - (spoken[index]?.[0] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(5000);
    expect(spoken.length).toBeGreaterThan(10);
    vi.advanceTimersByTime(5000);
    expect(spoken.flatMap(([, words]) => words.split(' ')).slice(2)).toEqual(
      Array.from({ length: 60 }, (_, second) => String(second)),
    );
  });

  it('keeps behind other tabs what it has to say until somebody looks', () => {
    const look = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    happens('a');
    vi.advanceTimersByTime(60_000);
    expect(spoken).toEqual([]);
    look.mockReturnValue('visible');
    happens('b');
    vi.advanceTimersByTime(500);
    expect(spoken).toEqual([[60_500, 'a b']]);
    look.mockRestore();
  });

  it('has no turn for nothing, and is quiet once it was stopped', () => {
    voice.wake();
    vi.advanceTimersByTime(500);
    happens('a');
    vi.advanceTimersByTime(500);
    expect(spoken).toEqual([[1000, 'a']]);
    happens('b');
    voice.stop();
    vi.advanceTimersByTime(10_000);
    expect(spoken).toHaveLength(1);
  });
});

describe('changes told', () => {
  const at = '2026-11-22T01:20:09.000Z';
  const line = (...all: [string, Verdict, Verdict, string?, Transition['params']?][]) =>
    transitions(
      sample(
        {},
        Object.fromEntries(
          all.map(([check, from, to, reason, params], index) => [
            String(index + 1),
            { at, check, from, to, ...(reason ? { reason } : {}), ...(params ? { params } : {}) },
          ]),
        ),
      ),
    );

  it('one cause and what waits for it are two sentences', () => {
    const waits = (check: string): [string, Verdict, Verdict, string, Transition['params']] => [
      check,
      'ok',
      'unknown',
      'unknown.blocked_by',
      { parent: 'db' },
    ];
    const all = line(['db', 'ok', 'fail', 'db.refused'], waits('realtime'), waits('triggers'), waits('cron'));
    const told = changesTold(all, 0, NOW, id);
    expect(told).toContain('gangguan');
    expect(told.match(/menunggu/g)).toHaveLength(1);
    expect(told).not.toContain('perubahan lain');
  });

  it('only what is new, of each thing its newest, and of many a number', () => {
    const all = line(['db', 'ok', 'warn'], ['db', 'warn', 'ok'], ['triggers', 'ok', 'fail']);
    expect(changesTold(all, 3, NOW, id)).toBe('');
    expect(changesTold(all, 2, NOW, id)).toMatch(/^[^:]+: gangguan\.$/);
    expect(changesTold(all, 0, NOW, id).match(/: /g)).toHaveLength(2);
    const many = line(...['a', 'b', 'c', 'd', 'e'].map((name): [string, Verdict, Verdict] => [name, 'ok', 'fail']));
    expect(changesTold(many, 0, NOW, id)).toMatch(/^E: .* D: .* C: .* Dan 2 perubahan lain\.$/);
  });
});

// One edit from the first key to its arrival: nothing is taken for changed before the stream says so, and nothing is lost.
import { flushSync } from 'svelte';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../src/live/settings';
import type { JsonObject } from '../src/live/wire';
import { Editing } from '../src/views/settings/editing.svelte';
import { setting } from './sample';

describe('editing', () => {
  /** A form over a setting that the test moves as the stream would, and a door that answers what it is told. */
  function form(more: JsonObject = {}) {
    let current = $state.raw(setting(more));
    let next: Outcome | (() => Outcome) = { kind: 'saved', version: 4, changed_at: undefined };
    const asked: unknown[][] = [];
    let editing = undefined as unknown as Editing;
    const stop = $effect.root(() => {
      editing = new Editing(
        () => current,
        () => 'me@example.org',
        async (...question) => {
          asked.push(question);
          return typeof next === 'function' ? next() : next;
        },
      );
    });
    return {
      editing,
      asked,
      stop,
      answer: (outcome: Outcome | (() => Outcome)) => {
        next = outcome;
      },
      arrive: (change: JsonObject) => {
        current = setting({ ...more, ...change });
        flushSync();
        editing.follow();
      },
    };
  }

  it('is a change only where the value would be another', () => {
    const { editing, stop } = form({ type: 'int', value: '7' });
    expect([editing.text, editing.changed]).toEqual(['7', false]);
    editing.write('+07');
    expect(editing.changed).toBe(false);
    editing.write('8');
    expect(editing.changed).toBe(true);
    editing.reset();
    expect([editing.text, editing.changed]).toEqual(['7', false]);
    stop();
  });

  it('takes nothing for changed before the stream has brought it', async () => {
    const { editing, asked, arrive, stop } = form();
    editing.write('b');
    editing.reason = 'why';
    await editing.submit();
    expect(asked).toEqual([['key', 'b', 'why', { version: 3, value: 'a' }]]);
    expect([editing.setting.value, editing.waits, editing.saved?.arrived]).toEqual(['a', true, false]);
    editing.write('c');
    await editing.submit();
    expect([editing.text, asked.length]).toEqual(['b', 1]);
    arrive({ value: 'b', version: 4 });
    expect([editing.text, editing.waits, editing.saved?.arrived, editing.changed, editing.reason]).toEqual([
      'b',
      false,
      true,
      false,
      '',
    ]);
    editing.write('c');
    await editing.submit();
    expect(asked[1]).toEqual(['key', 'c', '', { version: 4, value: 'b' }]);
    stop();
  });

  it('is not confused when the stream is faster than the answer', async () => {
    const { editing, arrive, stop } = form();
    editing.write('b');
    const under_way = editing.submit();
    arrive({ value: 'b', version: 4 });
    expect([editing.busy, editing.conflict]).toEqual([true, undefined]);
    await under_way;
    expect([editing.saved?.arrived, editing.conflict, editing.text]).toEqual([true, undefined, 'b']);
    stop();
  });

  it('keeps mine beside theirs when somebody was faster, whoever tells it', async () => {
    const told = form();
    told.editing.write('mine');
    told.answer({ kind: 'conflict', current: { version: 4, value: 'theirs', changed_at: 1, changed_by: 'budi' } });
    await told.editing.submit();
    const heard = form();
    heard.editing.write('mine');
    heard.arrive({ value: 'theirs', version: 4, changed_by: 'budi' });
    for (const { editing, asked } of [told, heard]) {
      expect([editing.conflict?.value, editing.conflict?.version, editing.text]).toEqual(['theirs', 4, 'mine']);
      const { length } = asked;
      await editing.submit();
      expect(asked).toHaveLength(length);
    }
    told.arrive({ value: 'third', version: 5 });
    expect([told.editing.conflict?.value, told.editing.text]).toEqual(['third', 'mine']);
    told.stop();
    heard.stop();
  });

  it('saves over the version that was shown, and no other', async () => {
    const { editing, asked, answer: say, stop } = form();
    editing.write('mine');
    say({ kind: 'conflict', current: { version: 4, value: 'theirs', changed_at: 1, changed_by: 'budi' } });
    await editing.submit();
    say({ kind: 'saved', version: 5, changed_at: undefined });
    await editing.saveOver();
    expect(asked[1]).toEqual(['key', 'mine', '', { version: 4, value: 'theirs' }]);
    expect([editing.conflict, editing.waits]).toEqual([undefined, true]);
    stop();
  });

  it('lets theirs stand, also while the stream has not brought it yet', async () => {
    const { editing, asked, answer: say, arrive, stop } = form();
    editing.write('mine');
    say({ kind: 'conflict', current: { version: 4, value: 'theirs', changed_at: 1, changed_by: 'budi' } });
    await editing.submit();
    editing.takeTheirs();
    editing.follow();
    expect([editing.conflict, editing.changed]).toEqual([undefined, false]);
    arrive({ value: 'theirs', version: 4 });
    expect([editing.text, editing.conflict]).toEqual(['theirs', undefined]);
    editing.write('next');
    await editing.submit();
    expect(asked[1]?.[3]).toEqual({ version: 4, value: 'theirs' });
    stop();
  });

  it('follows what others change as long as nothing is drafted', () => {
    const { editing, arrive, stop } = form();
    arrive({ value: 'b', version: 4 });
    expect([editing.text, editing.conflict]).toEqual(['b', undefined]);
    editing.write('b');
    arrive({ value: 'c', version: 5 });
    expect([editing.text, editing.changed, editing.conflict]).toEqual(['c', false, undefined]);
    editing.write('d');
    arrive({ value: 'd', version: 6 });
    expect([editing.text, editing.changed, editing.conflict]).toEqual(['d', false, undefined]);
    stop();
  });

  it('keeps the draft when it was refused', async () => {
    const { editing, asked, answer: say, stop } = form();
    editing.write('b');
    say({ kind: 'refused', code: 'database_away' });
    await editing.submit();
    expect([editing.text, editing.refusal?.code, editing.waits]).toEqual(['b', 'database_away', false]);
    say({ kind: 'saved', version: 4, changed_at: undefined });
    await editing.submit();
    expect([asked.length, editing.refusal, editing.waits]).toEqual([2, undefined, true]);
    stop();
  });

  describe.each(['unconfirmed', 'no_answer'] as const)('whose end nobody knows (%s)', (code) => {
    const lost = async (more: JsonObject = {}) => {
      const made = form(more);
      made.editing.write('b');
      made.editing.reason = 'why';
      made.answer({ kind: 'refused', code });
      await made.editing.submit();
      return made;
    };
    const mine = { version: 4, changed_by: 'me@example.org' };

    it.each([
      ['a text', {}, { version: 4, value: 'b' }],
      ['a text that comes back otherwise', {}, { ...mine, value: 'B' }],
      ['a secret', { secret: true, configured: true }, mine],
    ])('is saved when the stream brings it: %s', async (_, more, change) => {
      const { editing, arrive, stop } = await lost(more);
      arrive(change);
      expect([editing.saved?.arrived, editing.conflict, editing.refusal, editing.draft, editing.reason]).toEqual([
        true,
        undefined,
        undefined,
        undefined,
        '',
      ]);
      stop();
    });

    it.each([
      ['a text', {}, { version: 4, value: 'c', changed_by: 'budi' }],
      ['a secret', { secret: true, configured: true }, { version: 4, changed_by: 'budi' }],
      ['a later one', {}, { ...mine, version: 5, value: 'b2' }],
    ])('is in conflict with what somebody else has made of it: %s', async (_, more, change) => {
      const { editing, arrive, stop } = await lost(more);
      arrive(change);
      expect([editing.conflict?.version, editing.draft]).toEqual([change.version, 'b']);
      stop();
    });

    it.each([
      ['a text', {}, { version: 4, value: 'b' }],
      ['a secret', { secret: true, configured: true }, mine],
    ])('is not sent again when the second try finds it there: %s', async (_, more, change) => {
      const { editing, asked, arrive, answer: say, stop } = await lost(more);
      const current = { value: undefined, changed_at: 1, changed_by: 'me@example.org', ...change };
      say({ kind: 'conflict', current });
      await editing.submit();
      expect([asked.length, editing.conflict, editing.waits]).toEqual([2, undefined, true]);
      arrive(change);
      expect([editing.saved?.arrived, editing.draft, editing.reason]).toEqual([true, undefined, '']);
      stop();
    });

    it.each([
      ['refused', { kind: 'refused', code: 'busy' } as const],
      ['lost as well', { kind: 'refused', code } as const],
    ])('does not stand for a later draft that was %s', async (_, outcome) => {
      const { editing, asked, arrive, answer: say, stop } = await lost();
      editing.write('c');
      say(outcome);
      await editing.submit();
      arrive({ ...mine, value: 'b' });
      expect([editing.draft, editing.reason, editing.saved, editing.conflict]).toEqual([
        'c',
        'why',
        undefined,
        undefined,
      ]);
      say({ kind: 'saved', version: 5, changed_at: undefined });
      await editing.submit();
      expect(asked[2]?.[3]).toEqual({ version: 4, value: 'b' });
      stop();
    });

    it('lets a later draft stand on it when the second try finds it there', async () => {
      const { editing, asked, answer: say, stop } = await lost();
      editing.write('c');
      const told: Outcome[] = [
        { kind: 'conflict', current: { version: 4, value: 'b', changed_at: 1, changed_by: 'me@example.org' } },
        { kind: 'saved', version: 5, changed_at: undefined },
      ];
      say(() => told.shift() as Outcome);
      await editing.submit();
      expect([asked.length, asked[2]?.[1], asked[2]?.[3]]).toEqual([3, 'c', { version: 4, value: 'b' }]);
      expect([editing.conflict, editing.waits]).toEqual([undefined, true]);
      stop();
    });

    it('loses nothing that is typed meanwhile', async () => {
      const { editing, asked, arrive, answer: say, stop } = await lost();
      editing.write('c');
      arrive({ version: 4, value: 'b' });
      expect([editing.draft, editing.conflict, editing.saved]).toEqual(['c', undefined, undefined]);
      say({ kind: 'saved', version: 5, changed_at: undefined });
      await editing.submit();
      expect(asked[1]?.[3]).toEqual({ version: 4, value: 'b' });
      stop();
    });
  });

  it('knows its own where the answer says no version, though others came after it', async () => {
    const { editing, arrive, answer: say, stop } = form({ version: null, changed_at: '2026-11-22T02:10:00Z' });
    editing.write('b');
    const at = Date.parse('2026-11-22T02:15:00Z');
    say({ kind: 'saved', version: undefined, changed_at: at });
    await editing.submit();
    arrive({ changed_at: '2026-11-22T02:10:01Z' });
    expect(editing.waits).toBe(true);
    arrive({ value: 'c', changed_at: '2026-11-22T02:15:01Z' });
    expect([editing.waits, editing.saved?.arrived, editing.text]).toEqual([false, true, 'c']);
    stop();
  });

  it('does not ask for what is wrong for certain', async () => {
    const { editing, asked, stop } = form({ type: 'int', value: '3', maximum: 20 });
    editing.write('21');
    await editing.submit();
    expect([editing.problem, editing.tried, asked.length]).toEqual(['bounds', true, 0]);
    stop();
  });

  it('never shows a secret, and keeps none once it is sent', async () => {
    const { editing, asked, arrive, stop } = form({ secret: true, configured: true, value: 'never' });
    expect([editing.text, editing.changed]).toEqual(['', false]);
    editing.write(' sk-1 ');
    await editing.submit();
    expect(asked[0]?.[1]).toBe(' sk-1 ');
    expect([editing.text, editing.draft, JSON.stringify(editing.saved)]).toEqual([
      '',
      undefined,
      '{"base":{"version":4},"arrived":false}',
    ]);
    arrive({ version: 4 });
    expect(editing.saved?.arrived).toBe(true);
    stop();
  });

  it('begins empty where the value is not known whole', () => {
    const { editing, stop } = form({ value: 'long…', partial: true });
    expect([editing.text, editing.changed]).toEqual(['', false]);
    editing.write('long…');
    expect(editing.changed).toBe(true);
    stop();
  });
});

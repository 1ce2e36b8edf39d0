// One edit: what is sent, what comes back, and that nothing is taken for changed before the stream says so.
import { flushSync } from 'svelte';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  canonical,
  fetchHistory,
  hasMoved,
  isEditable,
  type Outcome,
  outcomeOf,
  problemOf,
  REFUSED,
  type Setting,
  save,
  settingAt,
} from '../src/live/settings';
import type { Json, JsonObject } from '../src/live/wire';
import { parted } from '../src/views/settings/difference';
import { Editing } from '../src/views/settings/editing.svelte';

const entry = {
  verdict: 'ok',
  type: 'text',
  editable: true,
  value: 'a',
  version: 3,
  changed_at: '2026-11-22T01:00:00.000Z',
};
const setting = (more: JsonObject = {}): Setting => settingAt({ key: { ...entry, ...more } }, 'key') as Setting;
const answer = (status: number, body?: Json, retry_after_s?: number) => ({ status, body, retry_after_s });
const refused = (status: number, code: string, more: JsonObject = {}) =>
  answer(status, { error: { code, message: '', ...more } });

afterEach(() => vi.unstubAllGlobals());

describe('setting', () => {
  it('is read with the bounds of its form', () => {
    expect(setting({ type: 'int', value: '3', minimum: 1, maximum: 20, changed_by: 'budi' })).toEqual({
      key: 'key',
      type: 'int',
      secret: false,
      configured: true,
      value: '3',
      whole: true,
      editable: true,
      version: 3,
      changed_at: Date.parse('2026-11-22T01:00:00.000Z'),
      changed_by: 'budi',
      choices: [],
      minimum: 1,
      maximum: 20,
      max_length: 2000,
    });
    expect(settingAt({ key: entry }, 'toString')).toBeUndefined();
    expect(settingAt(undefined, 'key')).toBeUndefined();
    expect(setting({ type: 'float' }).type).toBe('text');
  });

  it('never has the value of a secret, even where one came along', () => {
    expect(setting({ secret: true, configured: true, value: 'sk' })).toMatchObject({
      value: undefined,
      configured: true,
    });
  });

  it('is edited only where it is known what the edit stands on', () => {
    const versionless = (more: JsonObject) => isEditable({ ...setting(more), version: undefined });
    expect(isEditable(setting())).toBe(true);
    expect(isEditable(setting({ editable: false }))).toBe(false);
    expect(isEditable(setting({ partial: true }))).toBe(true);
    expect(versionless({})).toBe(true);
    expect(versionless({ partial: true })).toBe(false);
    expect(versionless({ secret: true, configured: true })).toBe(false);
  });

  it.each<[JsonObject, string, string | undefined]>([
    [{}, '', undefined],
    [{ max_length: 3 }, 'abc', undefined],
    [{ max_length: 3 }, 'abcd', 'length'],
    [{ max_length: 1 }, '😀', undefined],
    [{ type: 'bool' }, 'ON', undefined],
    [{ type: 'bool' }, 'maybe', 'type'],
    [{ type: 'int' }, ' +07 ', undefined],
    [{ type: 'int' }, '1.5', 'type'],
    [{ type: 'int' }, '1234567890123456', 'type'],
    [{ type: 'int', minimum: 1 }, '0', 'bounds'],
    [{ type: 'int', minimum: 1 }, '1', undefined],
    [{ type: 'int', maximum: 20 }, '20', undefined],
    [{ type: 'int', maximum: 20 }, '21', 'bounds'],
    [{ type: 'choice', choices: ['x', 'y'] }, 'y', undefined],
    [{ type: 'choice', choices: ['x', 'y'] }, 'z', 'choice'],
    [{ type: 'choice' }, 'z', undefined],
    [{ type: 'int', secret: true }, 'sk-1', undefined],
  ])('%j takes %s: %s', (more, text, problem) => expect(problemOf(setting(more), text)).toBe(problem));

  it('is written as the daemon writes it', () => {
    expect([
      canonical('bool', ' Yes '),
      canonical('bool', 'x'),
      canonical('int', '+007'),
      canonical('text', ' a '),
    ]).toEqual(['true', 'x', '7', ' a ']);
  });

  it('has moved on only when it is newer; without versions, when it is another', () => {
    expect(hasMoved({ version: 4, value: 'b' }, { version: 3, value: 'a' })).toBe(true);
    expect(hasMoved({ version: 3, value: 'a' }, { version: 4, value: 'b' })).toBe(false);
    expect(hasMoved({ version: undefined, value: 'b' }, { version: undefined, value: 'a' })).toBe(true);
    expect(hasMoved({ version: undefined, value: 'a' }, { version: undefined, value: 'a' })).toBe(false);
  });
});

describe('saving', () => {
  async function sent(base: { version: number | undefined; value: string | undefined }, reason = '') {
    let seen: [string, RequestInit] | undefined;
    vi.stubGlobal('fetch', async (address: URL, request: RequestInit) => {
      seen = [address.pathname, request];
      return Response.json({ key: 'a/b', version: 4, changed_at: '2026-11-22T01:20:00.000Z' });
    });
    const outcome = await save('a/b', 'x', reason, base);
    const [path, request] = seen ?? [];
    return { outcome, path, request, body: JSON.parse(String(request?.body)) };
  }

  it('names the version that was seen, and says by its headers that it is our own page', async () => {
    const { outcome, path, request, body } = await sent({ version: 3, value: 'a' }, ' because ');
    expect(path).toMatch(/api\/v1\/settings\/a%2Fb$/);
    expect(request?.method).toBe('PATCH');
    expect(request?.headers).toEqual({ 'Content-Type': 'application/json', 'X-Huph-Monitor': '1', 'If-Match': '"3"' });
    expect(body).toEqual({ value: 'x', reason: 'because' });
    expect(outcome).toEqual({ kind: 'saved', version: 4, changed_at: Date.parse('2026-11-22T01:20:00.000Z') });
  });

  it('names the old value where there is no version', async () => {
    const { request, body } = await sent({ version: undefined, value: 'a' });
    expect(request?.headers).not.toHaveProperty('If-Match');
    expect(body).toEqual({ value: 'x', old: 'a' });
  });

  it.each([
    [undefined, { kind: 'refused', code: 'no_answer' }],
    [refused(400, 'bad_request'), { kind: 'refused', code: 'page_old' }],
    [refused(401, 'expired'), { kind: 'refused', code: 'not_allowed', session: true }],
    [answer(401), { kind: 'refused', code: 'not_allowed', session: true }],
    [refused(403, 'wrong_role'), { kind: 'refused', code: 'not_allowed', session: true }],
    [refused(403, 'not_allowed'), { kind: 'refused', code: 'not_allowed' }],
    [refused(403, 'not_editable'), { kind: 'refused', code: 'not_editable' }],
    [refused(403, 'edits_off'), { kind: 'refused', code: 'edits_off' }],
    [refused(403, 'forbidden'), { kind: 'refused', code: 'turned_away' }],
    [refused(404, 'no_such_setting'), { kind: 'refused', code: 'no_such_setting' }],
    [answer(404), { kind: 'refused', code: 'page_old' }],
    [refused(415, 'unsupported_media_type'), { kind: 'refused', code: 'page_old' }],
    [
      refused(422, 'invalid_value', { problem: 'bounds' }),
      { kind: 'refused', code: 'invalid_value', problem: 'bounds' },
    ],
    [refused(422, 'invalid_value', { problem: 'new' }), { kind: 'refused', code: 'invalid_value' }],
    [refused(428, 'precondition_required'), { kind: 'refused', code: 'page_old' }],
    [
      { ...refused(429, 'too_many_requests'), retry_after_s: 12 },
      { kind: 'refused', code: 'too_many', retry_after_s: 12 },
    ],
    [refused(500, 'internal'), { kind: 'refused', code: 'unconfirmed' }],
    [answer(502), { kind: 'refused', code: 'unconfirmed' }],
    [refused(503, 'database_away'), { kind: 'refused', code: 'database_away' }],
    [refused(503, 'busy'), { kind: 'refused', code: 'busy' }],
    [refused(503, 'unconfirmed'), { kind: 'refused', code: 'unconfirmed' }],
    [
      refused(409, 'conflict', { current: { value: 'b', version: 4, changed_by: 'budi' } }),
      { kind: 'conflict', current: { value: 'b', version: 4, changed_by: 'budi', changed_at: undefined } },
    ],
  ])('%j is %j', (told, outcome) => expect(outcomeOf(told)).toEqual(outcome));

  it('has words for whatever it may be refused for', async () => {
    const { isText } = await import('../src/i18n/text');
    for (const code of REFUSED) expect(isText(`edit.refused.${code}`), code).toBe(true);
  });

  it('reads the history, and leaves out what has no moment', async () => {
    vi.stubGlobal('fetch', async () =>
      Response.json({
        key: 'a',
        changes: [
          { id: 7, at: '2026-11-22T01:00:00.000Z', by: 'budi', old: 'a', new: 'b' },
          { id: 6 },
          { at: '2026-11-21T01:00:00.000Z', secret: true },
        ],
      }),
    );
    expect(await fetchHistory('a')).toEqual([
      {
        id: '7',
        at: Date.parse('2026-11-22T01:00:00.000Z'),
        by: 'budi',
        reason: undefined,
        old: 'a',
        now: 'b',
        secret: false,
      },
      {
        id: '#2',
        at: Date.parse('2026-11-21T01:00:00.000Z'),
        by: undefined,
        reason: undefined,
        old: undefined,
        now: undefined,
        secret: true,
      },
    ]);
    vi.stubGlobal('fetch', async () => Response.json({}, { status: 503 }));
    expect(await fetchHistory('a')).toBeUndefined();
  });
});

describe('editing', () => {
  /** A form over a setting that the test moves as the stream would, and a door that answers what it is told. */
  function form(more: JsonObject = {}) {
    let current = $state.raw(setting(more));
    let next: Outcome = { kind: 'saved', version: 4, changed_at: undefined };
    const asked: unknown[][] = [];
    let editing = undefined as unknown as Editing;
    const stop = $effect.root(() => {
      editing = new Editing(
        () => current,
        async (...question) => {
          asked.push(question);
          return next;
        },
      );
    });
    return {
      editing,
      asked,
      stop,
      answer: (outcome: Outcome) => {
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

describe('difference', () => {
  it.each([
    ['claude-haiku-4', 'claude-sonnet-4', 'claude-', 'haiku', 'sonnet', '-4'],
    ['a', 'a', 'a', '', '', ''],
    ['', 'x y', '', '', 'x y', ''],
    ['a a', 'a a a', 'a a', '', ' a', ''],
    ['true', 'false', '', 'true', 'false', ''],
  ])('%s to %s', (old, now, before, was, becomes, after) => {
    expect(parted(old, now)).toEqual({ before, old: was, now: becomes, after });
  });
});

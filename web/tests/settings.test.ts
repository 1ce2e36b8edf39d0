// A setting and its edit on the wire: what a value must be like, what is sent, and what each answer means.
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  canonical,
  fetchHistory,
  hasMoved,
  isEditable,
  outcomeOf,
  problemOf,
  REFUSED,
  save,
  settingAt,
} from '../src/live/settings';
import type { Json, JsonObject } from '../src/live/wire';
import { parted } from '../src/views/settings/difference';
import { entry, setting } from './sample';

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
    expect(versionless({ value: null })).toBe(true);
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
    [refused(401, 'expired'), { kind: 'refused', code: 'signed_out', session: true }],
    [answer(401), { kind: 'refused', code: 'signed_out', session: true }],
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

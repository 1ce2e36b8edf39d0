// Who reads, why somebody is turned away, and where they sign in.
import { describe, expect, it } from 'vitest';
import { callerOf, REFUSALS, refined, refusalOf, signIn } from '../src/live/caller';
import type { Json } from '../src/live/wire';

const answer = (status: number, body?: Json) => ({ status, body, retry_after_s: undefined });
const refused = (status: number, code: string, more = {}) => answer(status, { error: { code, message: '', ...more } });
const dewi = { kind: 'user', name: 'dewi', role: 'super_admin', level: 'edit', edits: true };

describe('caller', () => {
  it('is who the daemon says, and edits only where that says so', () => {
    expect(callerOf(answer(200, { ...dewi, expires_at: '2026-11-22T09:00:00.000Z' }))).toEqual({
      kind: 'user',
      name: 'dewi',
      role: 'super_admin',
      edits: true,
      expires_at: Date.parse('2026-11-22T09:00:00.000Z'),
    });
    expect(callerOf(answer(200, { kind: 'open', name: '', edits: 'yes' }))?.edits).toBe(false);
  });

  it.each([undefined, answer(200), answer(200, 'x'), answer(200, {}), answer(401, dewi), answer(502, dewi)])(
    'is nobody after %j',
    (told) => expect(callerOf(told)).toBeUndefined(),
  );
});

describe('refusal', () => {
  it.each(REFUSALS)('says %s, and where one signs in', (code) => {
    expect(refusalOf(refused(403, code, { sign_in_url: '/login' }))).toEqual({ code, address: '/login' });
  });

  it('takes every 401 for a question of who asks, and of the 403 only those that say so', () => {
    expect(refusalOf(answer(401))).toEqual({ code: 'sign_in', address: undefined });
    expect(refusalOf(refused(401, 'unheard_of'))?.code).toBe('sign_in');
    expect(refusalOf(refused(403, 'forbidden'))).toBeUndefined();
    for (const other of [undefined, answer(200), answer(404), refused(500, 'sign_in')]) {
      expect(refusalOf(other)).toBeUndefined();
    }
  });

  it('tells a session whose time is up from one that was ended', () => {
    const gone = { code: 'sign_in', address: '/login' } as const;
    const last = { kind: 'user', name: 'dewi', role: undefined, edits: true, expires_at: 100_000 };
    expect(refined(gone, last, 99_000)).toEqual({ code: 'expired', address: '/login' });
    expect(refined(gone, last, 80_000)).toEqual(gone);
    expect(refined(gone, { ...last, expires_at: undefined }, 200_000)).toEqual(gone);
    expect(refined(gone, undefined, 200_000)).toEqual(gone);
    expect(refined({ ...gone, code: 'revoked' }, last, 200_000).code).toBe('revoked');
  });
});

describe('sign-in', () => {
  const here = 'https://admin.example/hm/?a=1#/settings/x';
  it.each([
    ['https://admin.example/login', 'https://admin.example/login'],
    ['/login?callbackUrl={here}', `https://admin.example/login?callbackUrl=${encodeURIComponent(here)}`],
    ['http://127.0.0.1:3000/login', 'http://127.0.0.1:3000/login'],
    ['java\tscript:alert(1)', undefined],
    ['javascript:alert(1)', undefined],
    ['data:text/html,x', undefined],
    ['https://', undefined],
    [undefined, undefined],
  ])('%s leads to %s', (address, followed) => expect(signIn(address, here)).toBe(followed));
});

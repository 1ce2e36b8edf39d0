// The page and its session: what is kept on the screen, what is taken away, and how it comes back without a reload.
import { flushSync } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sample } from './sample';

/** A small true socket: it does what the daemon's end is told to do. */
class Socket {
  static made: Socket[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;
  constructor() {
    Socket.made.push(this);
  }
  send() {}
  close() {}
}
const socket = () => Socket.made.at(-1) as Socket;

const user = { kind: 'user', name: 'dewi', role: 'super_admin', level: 'edit', edits: true };
const NO = (status: number, code: string, more = {}): [number, unknown] => [status, { error: { code, ...more } }];
const YES: [number, unknown] = [200, user];
let answers: Record<string, [number, unknown] | undefined>;
let asked: string[];

async function fresh() {
  vi.resetModules();
  const { live } = await import('../src/live/state.svelte');
  const { session } = await import('../src/live/session.svelte');
  return { live, session };
}
const settled = () => vi.advanceTimersByTimeAsync(1);

describe('session', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', Socket);
    Socket.made = [];
    asked = [];
    answers = { session: YES, full: [200, sample({ db: {} })] };
    vi.stubGlobal('fetch', async (address: URL) => {
      const name = address.pathname.split('/').at(-1) ?? '';
      asked.push(name);
      const answer = answers[name];
      if (!answer) throw new TypeError('nobody is there');
      return new Response(JSON.stringify(answer[1]), { status: answer[0] });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function signedIn(expires_at?: string) {
    answers.session = [200, { ...user, ...(expires_at ? { expires_at } : {}) }];
    const page = await fresh();
    page.live.start(sample({ db: {} }));
    socket().onopen?.();
    await settled();
    flushSync();
    return page;
  }

  it('knows who reads, and whether they edit', async () => {
    const { session } = await signedIn();
    expect([session.caller?.name, session.edits, session.refusal]).toEqual(['dewi', true, undefined]);
  });

  it('keeps the old state under a session whose time is up, and goes on once it is good again', async () => {
    const { live, session } = await signedIn();
    answers.session = NO(401, 'expired', { sign_in_url: '/login' });
    socket().onclose?.({ code: 4401 });
    await settled();
    expect([session.refusal?.code, session.closed, session.edits, live.begun]).toEqual(['expired', false, false, true]);
    expect([session.known, session.mayEdit]).toEqual([true, true]);
    expect(live.state.link).toBe('lost');
    await vi.advanceTimersByTimeAsync(120_000);
    expect(Socket.made).toHaveLength(1);
    answers.session = YES;
    await live.look();
    expect([session.refusal, Socket.made.length]).toEqual([undefined, 2]);
  });

  it('takes a cookie that is no longer sent for an end by time only when the time was up', async () => {
    const early = await signedIn(new Date(Date.now() + 3_600_000).toISOString());
    answers.session = NO(401, 'sign_in');
    socket().onclose?.({ code: 4401 });
    await settled();
    expect([early.session.refusal?.code, early.session.closed, early.live.begun]).toEqual(['sign_in', true, false]);
    const late = await signedIn(new Date(Date.now() + 5000).toISOString());
    answers.session = NO(401, 'sign_in');
    socket().onclose?.({ code: 4401 });
    await settled();
    expect([late.session.refusal?.code, late.live.begun]).toEqual(['expired', true]);
  });

  it('reconnects at once when the session was renewed meanwhile', async () => {
    const { session } = await signedIn();
    socket().onclose?.({ code: 4401 });
    await vi.advanceTimersByTimeAsync(600);
    expect([session.refusal, Socket.made.length]).toEqual([undefined, 2]);
  });

  it('counts as expired when the daemon ends the connection and then is away', async () => {
    const { live, session } = await signedIn();
    answers.session = undefined;
    socket().onclose?.({ code: 4401 });
    await settled();
    expect([session.refusal?.code, live.begun]).toEqual(['expired', true]);
  });

  it('takes everything away from a role that may not see it, and says what the session says', async () => {
    const { live, session } = await signedIn();
    answers.session = NO(403, 'inactive', { sign_in_url: '/login' });
    socket().onclose?.({ code: 4403 });
    expect([session.refusal?.code, session.closed, live.begun, live.state, live.rates]).toEqual([
      'wrong_role',
      true,
      false,
      undefined,
      undefined,
    ]);
    await settled();
    expect(session.refusal).toEqual({ code: 'inactive', address: '/login' });
    answers.session = YES;
    await live.look();
    expect([session.refusal, live.begun, Socket.made.length]).toEqual([undefined, true, 2]);
  });

  it('looks again by itself where the session contradicts the close', async () => {
    const { live, session } = await signedIn();
    socket().onclose?.({ code: 4403 });
    await settled();
    expect([session.refusal?.code, live.begun]).toEqual(['wrong_role', false]);
    await vi.advanceTimersByTimeAsync(5000);
    expect([session.refusal, live.begun]).toEqual([undefined, true]);
  });

  it('asks who reads when a handshake fails, and stops knocking when turned away', async () => {
    const { live, session } = await signedIn();
    socket().onclose?.({ code: 1006 });
    answers.session = NO(401, 'revoked');
    await vi.advanceTimersByTimeAsync(600);
    socket().onclose?.({ code: 1006 });
    await settled();
    expect([session.refusal?.code, live.begun]).toEqual(['revoked', false]);
    const { length } = Socket.made;
    await vi.advanceTimersByTimeAsync(120_000);
    expect(Socket.made).toHaveLength(length);
  });

  it('goes on knocking while nobody answers at all', async () => {
    const { live, session } = await signedIn();
    answers.session = undefined;
    socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(600);
    socket().onclose?.({ code: 1006 });
    await vi.advanceTimersByTimeAsync(2000);
    expect([session.refusal, live.begun, Socket.made.length]).toEqual([undefined, true, 3]);
  });

  it('notices who signed out elsewhere when the page is looked at', async () => {
    const { live, session } = await signedIn();
    answers.session = NO(401, 'sign_in');
    await live.look();
    expect(session.refusal).toBeUndefined();
    await vi.advanceTimersByTimeAsync(10_000);
    await live.look();
    expect([session.refusal?.code, live.begun]).toEqual(['sign_in', false]);
  });

  it('opens by itself for who signed in after the page was refused from the start', async () => {
    answers.full = NO(401, 'sign_in', { sign_in_url: '/login' });
    const { live, session } = await fresh();
    await live.load();
    expect([session.refusal, live.begun]).toEqual([{ code: 'sign_in', address: '/login' }, false]);
    answers.full = [200, sample({ db: {} })];
    await live.look();
    await settled();
    expect([session.refusal, session.caller?.name, live.begun]).toEqual([undefined, 'dewi', true]);
  });

  it.each([4400, 4406])('says after %i that it does not fit the daemon any more', async (code) => {
    const { live, session } = await signedIn();
    socket().onclose?.({ code });
    await vi.advanceTimersByTimeAsync(60_000);
    expect([live.foreign, live.begun, live.state.link, session.refusal, Socket.made.length]).toEqual([
      true,
      true,
      'lost',
      undefined,
      1,
    ]);
  });
});

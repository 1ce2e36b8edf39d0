// The page as it lives: through a network without WebSockets, behind other tabs, and beyond the version it came with.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sample } from './sample';

/** A small true socket: it does what the daemon's end is told to do. */
class Socket {
  static made: Socket[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: (event: { code: number }) => void;
  constructor() {
    Socket.made.push(this);
  }
  send() {}
  close() {}
  says(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  greets(seq: number, epoch = 7): void {
    this.onopen?.();
    this.says({ type: 'hello', proto: 'health.v1', epoch, seq, resumed: true });
  }
}
const socket = () => Socket.made.at(-1) as Socket;
const at = (seq: number, epoch = 7) => ({ ...sample({ db: {} }), position: { epoch, seq } });
const diff = (seq: number, patch: object) => ({ type: 'diff', seq, ts: 'x', patch });
const page = (name: string) => `<link rel="preload" href="./assets/index-${name}.js">`;

let full: [number, unknown] | undefined;
let asked: string[];
let visible: DocumentVisibilityState;
let served: string;

async function fresh() {
  vi.resetModules();
  return (await import('../src/live/state.svelte')).live;
}
/** A little more than one takes. */
const FRAME = 20;
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('live', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse('2026-11-22T01:20:11.000Z') });
    vi.stubGlobal('WebSocket', Socket);
    vi.spyOn(Math, 'random').mockReturnValue(1);
    vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible);
    document.head.innerHTML = page('a');
    [Socket.made, asked, visible, full, served] = [[], [], 'visible', [200, at(41)], page('a')];
    vi.stubGlobal('fetch', async (address: URL) => {
      const name = address.pathname.split('/').at(-1) || 'page';
      asked.push(name);
      if (name === 'page') return new Response(served);
      if (name === 'session') return new Response('{"kind":"open","name":""}');
      if (name !== 'full') return new Response('{}', { status: 404 });
      if (!full) throw new TypeError('nobody is there');
      return new Response(full[0] === 304 ? null : JSON.stringify(full[1]), { status: full[0] });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  const rounds = () => asked.filter((name) => name === 'full').length;

  async function blocked() {
    const live = await fresh();
    live.start(at(41));
    socket().onclose?.({ code: 1006 });
    expect(live.state.link).toBe('lost');
    await pass(500);
    expect(rounds()).toBe(0);
    socket().onclose?.({ code: 1006 });
    await pass(1);
    return live;
  }

  it('asks after two handshakes that failed, and shows what comes', async () => {
    const live = await blocked();
    expect([live.state.link, live.tab?.lost, rounds()]).toEqual(['polled', false, 1]);
    full = [200, at(44)];
    await pass(5000 + FRAME);
    expect([live.state.link, live.state.position.seq]).toEqual(['polled', 44]);
  });

  it('draws of all that comes between two frames the last alone', async () => {
    const live = await fresh();
    live.start(at(41));
    socket().greets(41);
    await pass(FRAME);
    const shown = live.state;
    for (const seq of [42, 43, 44])
      socket().says({ ...diff(seq, { checks: { db: { since: `${seq}` } } }), prev: seq - 1 });
    expect(live.state).toBe(shown);
    await pass(FRAME);
    expect([live.state.position.seq, live.state.document.checks.db?.since]).toEqual([44, '44']);
    socket().onclose?.({ code: 1006 });
    expect(live.state.link).toBe('lost');
  });

  it('goes on trying the stream without turning grey, and returns to it by itself', async () => {
    const live = await blocked();
    const tried = Socket.made.length;
    for (let second = 0; second < 120; second += 1) {
      socket().onclose?.({ code: 1006 });
      await pass(1000);
      expect(live.state.link).toBe('polled');
    }
    expect(Socket.made.length - tried).toBeGreaterThan(3);
    expect(Socket.made.length - tried).toBeLessThan(12);
    for (const { length } = Socket.made; Socket.made.length === length; ) await pass(1000);
    socket().greets(41);
    const { length } = asked;
    expect(live.state.link).toBe('live');
    socket().says(diff(42, {}));
    await pass(4000);
    expect([live.state.position.seq, asked.slice(length).includes('full')]).toEqual([42, false]);
  });

  it('asks at once where a connection is let through and says nothing', async () => {
    const live = await fresh();
    live.start(at(41));
    socket().onopen?.();
    await pass(8001);
    expect([live.state.link, rounds()]).toEqual(['polled', 1]);
  });

  it('is lost when nobody answers either, and knocks at once when somebody does again', async () => {
    const live = await blocked();
    full = undefined;
    await pass(5000);
    expect([live.state.link, live.tab?.lost]).toEqual(['lost', true]);
    for (let second = 0; second < 40; second += 1) {
      socket().onclose?.({ code: 1006 });
      await pass(1000);
    }
    const tried = Socket.made.length;
    full = [200, at(50)];
    await pass(5000);
    expect([live.state.link, live.state.position.seq, Socket.made.length]).toEqual(['polled', 50, tried + 1]);
  });

  it('does not ask when a link that was good is cut and comes back', async () => {
    const live = await fresh();
    live.start(at(41));
    socket().greets(41);
    for (let round = 0; round < 5; round += 1) {
      socket().onclose?.({ code: 1006 });
      expect(live.state.link).toBe('lost');
      await pass(1000);
      socket().greets(41);
      expect(live.state.link).toBe('live');
    }
    expect(rounds()).toBe(0);
  });

  it('costs nothing behind other tabs but what the tab itself shows, and is as it is when looked at', async () => {
    const live = await fresh();
    live.start(at(41));
    socket().greets(41);
    await pass(1000);
    const { drawn } = await import('./drawn.svelte');
    const { counts, stop } = drawn(
      () => live.state,
      () => live.now,
      () => live.tab,
    );
    expect(counts()).toEqual([1, 1, 1]);
    visible = 'hidden';
    live.rest();
    const { length } = asked;
    // Nothing but the eight seconds of the link, which each message sets anew.
    expect(vi.getTimerCount()).toBe(1);
    for (let seq = 42; seq <= 241; seq += 1) {
      socket().says(diff(seq, { checks: { db: { headline: { value: seq } } } }));
      await pass(1000);
      expect(counts()).toEqual([1, 1, 1]);
    }
    expect([asked.length - length, vi.getTimerCount(), live.state.position.seq]).toEqual([0, 1, 41]);
    socket().says(diff(242, { status: 'degraded', checks: { db: { verdict: 'fail' } } }));
    expect([counts(), live.tab?.verdict]).toEqual([[1, 1, 2], 'fail']);
    visible = 'visible';
    await live.look();
    expect([counts()[0], live.state.position.seq]).toEqual([2, 242]);
    expect(live.state.document.checks.db?.headline).toEqual({ value: 241 });
    await pass(3000);
    expect(counts()[1]).toBeGreaterThanOrEqual(4);
    stop();
  });

  it('lets no clock tick in a tab that was opened behind others', async () => {
    visible = 'hidden';
    const live = await fresh();
    live.start(at(41));
    socket().greets(41);
    await pass(100);
    const began = live.now;
    for (let seq = 42; seq < 52; seq += 1) {
      socket().says(diff(seq, {}));
      await pass(1000);
    }
    expect([live.begun, live.now - began, vi.getTimerCount()]).toEqual([true, 0, 1]);
  });

  it('notices a machine that slept by the clock on the wall', async () => {
    const live = await fresh();
    live.start(at(41));
    socket().greets(41);
    full = undefined;
    vi.setSystemTime(Date.now() + 3_600_000);
    expect(live.state.link).toBe('live');
    await pass(1000);
    expect([live.state.link, rounds()]).toEqual(['lost', 1]);
  });

  it('learns in another life of the daemon that there is another page, and does not reload by itself', async () => {
    const live = await fresh();
    live.start(at(41));
    const again = async (epoch: number) => {
      socket().onopen?.();
      socket().says({ type: 'snapshot', epoch, seq: 3, reason: 'epoch', data: at(3, epoch) });
      await pass(10);
      return [live.newer, asked.filter((name) => name === 'page').length];
    };
    expect(await again(7)).toEqual([false, 0]);
    expect(await again(8)).toEqual([false, 1]);
    served = page('b');
    expect(await again(8)).toEqual([false, 1]);
    expect(await again(9)).toEqual([true, 2]);
    expect(live.state.link).toBe('live');
  });

  it('learns it as well where it only asks', async () => {
    const live = await blocked();
    [served, full] = [page('b'), [200, at(1, 8)]];
    await pass(5010);
    expect([live.state.link, live.newer]).toEqual(['polled', true]);
  });
});

// The wire: silence is noticed, and the way back is quick, jittered and bounded.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ending, Link } from '../src/live/link';
import type { Message } from '../src/live/wire';
import { sample } from './sample';

/** A small true socket: opens, says what it is told to say, and closes when either side wants to. */
class Socket {
  static made: Socket[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: unknown }) => void;
  onclose?: (event: { code: number }) => void;
  sent: string[] = [];
  closed = false;
  readonly address: string;
  readonly protocol: string;
  constructor(address: string, protocol: string) {
    this.address = address;
    this.protocol = protocol;
    Socket.made.push(this);
  }
  send(text: string) {
    this.sent.push(text);
  }
  close() {
    this.closed = true;
  }
}

const bookmark = JSON.stringify({ type: 'bookmark', seq: 1, as_of: 'x', evidence: {} });
const snapshot = JSON.stringify({ type: 'snapshot', epoch: 1, seq: 1, reason: 'initial', data: sample({ db: {} }) });
const hello = (resumed: boolean) => JSON.stringify({ type: 'hello', proto: 'health.v1', epoch: 7, seq: 41, resumed });
let lost = 0;
let how: Ending | undefined;
let ended: number[] = [];
let heard: Message[] = [];
let answer: object | undefined;
let place = { epoch: 7, seq: 41 };

function open(): Link {
  const link = new Link('ws://board/api/v1/stream', {
    place: () => place,
    connected: () => {},
    message: (message) => {
      heard.push(message);
      return answer;
    },
    lost: (ending) => {
      lost += 1;
      how = ending;
    },
    ended: (code) => {
      ended.push(code);
    },
  });
  link.open();
  return link;
}
const latest = () => Socket.made.at(-1) as Socket;

describe('link', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', Socket);
    vi.spyOn(Math, 'random').mockReturnValue(1);
    Socket.made = [];
    lost = 0;
    how = undefined;
    ended = [];
    heard = [];
    answer = undefined;
    place = { epoch: 7, seq: 41 };
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it('names its subprotocol and hands on what it hears', () => {
    open();
    expect(latest().protocol).toBe('health.v1.json');
    latest().onmessage?.({ data: snapshot });
    expect(heard).toHaveLength(1);
  });

  it('asks for what it has missed on the same connection', () => {
    open();
    answer = { type: 'subscribe', epoch: 7, seq: 41 };
    latest().onmessage?.({ data: bookmark });
    expect(latest().sent).toEqual(['{"type":"subscribe","epoch":7,"seq":41}']);
    answer = undefined;
    latest().onmessage?.({ data: bookmark });
    expect(latest().sent).toHaveLength(1);
    expect(Socket.made).toHaveLength(1);
  });

  it('says at each connection where it stands, from the document inside the page on', () => {
    open();
    expect(latest().address).toBe('ws://board/api/v1/stream?epoch=7&seq=41');
    place = { epoch: 7, seq: 50 };
    latest().onclose?.({ code: 1006 });
    vi.advanceTimersByTime(500);
    expect(latest().address).toBe('ws://board/api/v1/stream?epoch=7&seq=50');
  });

  it('takes 8 s of silence for a dead link, and every message for life', () => {
    open();
    vi.advanceTimersByTime(7900);
    latest().onmessage?.({ data: bookmark });
    vi.advanceTimersByTime(7900);
    expect(lost).toBe(0);
    const dead = latest();
    vi.advanceTimersByTime(200);
    expect(lost).toBe(1);
    expect(dead.closed).toBe(true);
    dead.onmessage?.({ data: snapshot });
    expect(heard).toHaveLength(1);
  });

  it('comes back after 0.5 s at first, doubling to 30 s, and starts small again once it was served', () => {
    open();
    const waits: number[] = [];
    for (let round = 0; round < 9; round += 1) {
      const count = Socket.made.length;
      latest().onclose?.({ code: 1006 });
      let waited = 0;
      while (Socket.made.length === count) {
        vi.advanceTimersByTime(100);
        waited += 100;
      }
      waits.push(waited);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    for (const served of [snapshot, hello(true)]) {
      latest().onmessage?.({ data: hello(false) });
      latest().onmessage?.({ data: served });
      latest().onclose?.({ code: 1006 });
      const count = Socket.made.length;
      vi.advanceTimersByTime(500);
      expect(Socket.made).toHaveLength(count + 1);
    }
    // A greeting that promises a document is not yet one.
    latest().onmessage?.({ data: hello(false) });
    latest().onclose?.({ code: 1006 });
    const count = Socket.made.length;
    vi.advanceTimersByTime(500);
    expect(Socket.made).toHaveLength(count);
  });

  it('waits up to 1 s after a restart', () => {
    open();
    latest().onclose?.({ code: 1012 });
    vi.advanceTimersByTime(999);
    expect(Socket.made).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(Socket.made).toHaveLength(2);
  });

  it('hurries when the machine is back, but never opens a second connection', () => {
    const link = open();
    link.hurry();
    expect(Socket.made).toHaveLength(1);
    latest().onclose?.({ code: 1006 });
    link.hurry();
    expect(Socket.made).toHaveLength(2);
    vi.advanceTimersByTime(600);
    expect(Socket.made).toHaveLength(2);
  });

  it('does not wait for late timers when the machine has slept', () => {
    const link = open();
    const first = latest();
    link.check();
    link.hurry();
    expect([lost, Socket.made.length]).toEqual([0, 1]);
    // The timers stood still meanwhile, the clock on the wall did not.
    vi.setSystemTime(Date.now() + 9000);
    link.hurry();
    expect([lost, how?.silent, first.closed, Socket.made.length]).toEqual([1, true, true, 2]);
    link.check();
    expect(lost).toBe(1);
  });

  it.each([4400, 4401, 4403, 4406])('does not come back by itself after %i', (code) => {
    const link = open();
    latest().onopen?.();
    latest().onclose?.({ code });
    expect(ended).toEqual([code]);
    link.hurry();
    vi.advanceTimersByTime(60_000);
    expect([lost, Socket.made.length]).toEqual([0, 1]);
    link.open();
    link.open();
    expect(Socket.made).toHaveLength(2);
  });

  it('tells a connection that was never had from one that was lost', () => {
    open();
    latest().onclose?.({ code: 1006 });
    expect(how).toEqual({ unheard: true, silent: false });
    vi.advanceTimersByTime(500);
    // One that is let through and then says nothing was not had either.
    latest().onopen?.();
    vi.advanceTimersByTime(8000);
    expect(how).toEqual({ unheard: true, silent: true });
    vi.advanceTimersByTime(1000);
    latest().onmessage?.({ data: hello(true) });
    latest().onclose?.({ code: 1006 });
    expect(how).toEqual({ unheard: false, silent: false });
    vi.advanceTimersByTime(500);
    latest().onmessage?.({ data: hello(true) });
    vi.advanceTimersByTime(8000);
    expect(how).toEqual({ unheard: false, silent: true });
  });

  it('is still once it was stopped, also amid a pause', () => {
    const link = open();
    const first = latest();
    link.stop();
    expect(first.closed).toBe(true);
    first.onclose?.({ code: 1006 });
    link.open();
    latest().onclose?.({ code: 1006 });
    link.stop();
    vi.advanceTimersByTime(60_000);
    expect([lost, Socket.made.length]).toEqual([1, 2]);
  });

  it('leaves a connection that speaks what it cannot read', () => {
    open();
    latest().onmessage?.({ data: 'no JSON' });
    expect(lost).toBe(1);
    expect(Socket.made[0]?.closed).toBe(true);
  });
});

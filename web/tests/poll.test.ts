// Asking in place of the stream: how often, for what, and when it stops.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Answer } from '../src/live/ask';
import { Poll } from '../src/live/poll';

let asked: (string | null)[];
let answers: (Answer | undefined)[];
let status: number;
let visible: DocumentVisibilityState;
let headers: Record<string, string>;
const settled = () => vi.advanceTimersByTimeAsync(1);

describe('poll', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    [asked, answers, status, visible, headers] = [[], [], 200, 'visible', { ETag: 'W/"7:41"' }];
    vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visible);
    vi.stubGlobal('fetch', async (_: URL, request: RequestInit) => {
      asked.push(new Headers(request.headers).get('If-None-Match'));
      if (status === 0) throw new TypeError('nobody is there');
      return new Response(status === 304 ? null : '{}', { status, headers });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  function begun(): Poll {
    const poll = new Poll((answer) => answers.push(answer));
    poll.start();
    poll.start();
    return poll;
  }

  it('asks at once and then every 5 s for the whole, so that ages are seen', async () => {
    begun();
    await settled();
    expect(asked).toEqual([null]);
    await vi.advanceTimersByTimeAsync(10_010);
    expect(asked).toEqual([null, null, null]);
    expect(answers.map((answer) => answer?.status)).toEqual([200, 200, 200]);
  });

  it('asks once a minute for changes alone while nobody looks, and at once when somebody does', async () => {
    const poll = begun();
    await settled();
    visible = 'hidden';
    await vi.advanceTimersByTimeAsync(5000);
    status = 304;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([null, 'W/"7:41"', 'W/"7:41"']);
    expect(answers.at(-1)).toMatchObject({ status: 304, body: undefined });
    visible = 'visible';
    poll.hurry();
    await settled();
    expect(asked.slice(3)).toEqual([null]);
    await vi.advanceTimersByTimeAsync(5000);
    expect(asked).toHaveLength(5);
  });

  it('goes on where nobody answers, and stays away as long as it is told', async () => {
    begun();
    status = 0;
    await settled();
    await vi.advanceTimersByTimeAsync(5000);
    expect(answers).toEqual([expect.objectContaining({ status: 200 }), undefined].slice(2 - answers.length));
    [status, headers] = [429, { 'Retry-After': '20' }];
    await vi.advanceTimersByTimeAsync(5000);
    const { length } = asked;
    await vi.advanceTimersByTimeAsync(19_000);
    expect(asked).toHaveLength(length);
    await vi.advanceTimersByTimeAsync(1100);
    expect(asked).toHaveLength(length + 1);
  });

  it('gives up an answer that does not come within 3 s', async () => {
    vi.stubGlobal('fetch', (_: URL, request: RequestInit) => {
      asked.push(null);
      return new Promise((_done, fail) => request.signal?.addEventListener('abort', () => fail(new Error('late'))));
    });
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((patience_ms) => {
      const late = new AbortController();
      setTimeout(() => late.abort(), patience_ms);
      return late.signal;
    });
    begun();
    await vi.advanceTimersByTimeAsync(2900);
    expect(answers).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(answers).toEqual([undefined]);
  });

  it('is still once it was stopped, also amid an answer, and can be started anew', async () => {
    const poll = begun();
    poll.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, answers.length]).toEqual([1, 0]);
    poll.hurry();
    expect(asked).toHaveLength(1);
    poll.start();
    await settled();
    expect([asked.length, answers.length]).toEqual([2, 1]);
  });
});

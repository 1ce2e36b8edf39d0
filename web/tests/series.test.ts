// The series: checked, joined with the running window, and grouped.
import { describe, expect, it } from 'vitest';
import { decodeLatency, decodeRates, grouped, windows, withWindow } from '../src/live/series';

const answer = {
  as_of: '2026-11-22T01:20:05.000Z',
  start: '2026-11-22T01:00:00.000Z',
  step_s: 300,
  counts: { user: [1, 2, 3], bot: [1, 1, 1], counselor: [0, 0, 1] },
};
const rates = decodeRates(answer);
const totals = (detail?: object) => rates && windows(withWindow(rates, detail as never)).map((point) => point.value);

describe('rates', () => {
  it('adds the senders up', () => expect(totals()).toEqual([2, 3, 5]));
  it('takes the running window as it grows', () => {
    expect(totals({ window: { start: '2026-11-22T01:10:00.000Z', user: 9, bot: 4 } })).toEqual([2, 3, 13]);
  });
  it('moves on with a new window', () => {
    const moved = rates && withWindow(rates, { window: { start: '2026-11-22T01:15:00.000Z', user: 1 } });
    expect(moved && windows(moved).map((point) => point.value)).toEqual([3, 5, 1]);
    expect(moved?.start).toBe(Date.parse('2026-11-22T01:05:00.000Z'));
  });
  it('leaves a window alone that is not its own', () => {
    expect(totals({ window: { start: '2026-11-22T09:00:00.000Z', user: 1 } })).toEqual([2, 3, 5]);
  });
  it('refuses an answer without its shape', () => expect(decodeRates({ start: 'x', step_s: 300 })).toBeUndefined());
  it('groups into means', () => {
    expect(
      grouped(
        [1, 3, 5].map((value, at) => ({ at, value })),
        2,
      ),
    ).toEqual([
      { at: 0, value: 2 },
      { at: 2, value: 5 },
    ]);
  });
});

describe('latency', () => {
  it('keeps the points that are pairs of numbers', () => {
    expect(decodeLatency({ points: [[1, 2.5], ['x', 1], 7, [3]] })).toEqual([{ at: 1000, value: 2.5 }]);
  });
});

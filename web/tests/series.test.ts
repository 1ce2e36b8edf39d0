// The series: checked, joined with the running window, and grouped.
import { describe, expect, it } from 'vitest';
import {
  decodeLatency,
  decodeRates,
  decodeRuns,
  grouped,
  ranges,
  sendersOf,
  windows,
  withWindow,
} from '../src/live/series';

const answer = {
  as_of: '2026-11-22T01:20:05.000Z',
  start: '2026-11-22T01:00:00.000Z',
  step_s: 300,
  counts: { user: [1, 2, 3], bot: [1, 1, 1], counselor: [0, 0, 1] },
};
const rates = decodeRates(answer);
const totals = (detail?: object) => rates && windows(withWindow(rates, detail as never)).map((point) => point.value);

describe('rates', () => {
  it('takes whoever writes on the platform', () => {
    const clinic = decodeRates({ ...answer, counts: { patient: [1, 2], assistant: [0, 1] } });
    expect(sendersOf(clinic, { user: 1 })).toEqual(['patient', 'assistant']);
    expect(clinic && windows(clinic).map((point) => point.value)).toEqual([1, 3]);
    expect(clinic && windows(clinic, 'assistant').map((point) => point.value)).toEqual([0, 1]);
    expect(sendersOf(undefined, { nurse: 1 }, undefined, { nurse: 2, patient: 1 })).toEqual(['nurse', 'patient']);
    expect(windows({ start: 0, step_ms: 1, counts: {} })).toEqual([]);
  });
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

describe('what is usual', () => {
  const band = { low: [1, 2, null], usual: [3, 4, null], high: [5, 6, null] };
  const known = decodeRates({ ...answer, band } as never);
  const of = (found: typeof known, size?: number) =>
    found && ranges(found, size).map((range) => [range.low, range.usual, range.high]);

  it('stands beside each window that has it, and leaves a hole where it is not known', () => {
    expect(of(known)).toEqual([
      [1, 3, 5],
      [2, 4, 6],
    ]);
    expect(of(rates)).toEqual([]);
  });
  it('is a mean only of windows that all have it', () => {
    expect(of(known, 2)).toEqual([[1.5, 3.5, 5.5]]);
    expect(of(known, 3)).toEqual([]);
  });
  it('moves on with a new window', () => {
    const moved = known && withWindow(known, { window: { start: '2026-11-22T01:15:00.000Z', user: 1 } });
    expect(moved && ranges(moved).map((range) => [range.at, range.usual])).toEqual([
      [Date.parse('2026-11-22T01:05:00.000Z'), 4],
    ]);
  });
});

describe('runs', () => {
  it('keep those that say when they began and how they ended', () => {
    const runs = decodeRuns({
      runs: [
        { started_at: '2026-11-22T01:00:00.000Z', status: 'failed', duration_s: 2.5, error: 'no', fingerprint: 'f' },
        { started_at: '2026-11-22T00:40:00.000Z', status: 'running' },
        { started_at: 'x', status: 'success' },
        7,
      ],
    });
    expect(runs?.map((run) => [run.status, run.duration_s, run.error])).toEqual([
      ['failed', 2.5, 'no'],
      ['running', undefined, undefined],
    ]);
    expect([decodeRuns({}), decodeRuns(undefined)]).toEqual([undefined, undefined]);
  });
});

describe('latency', () => {
  it('keeps the points that are pairs of numbers', () => {
    expect(decodeLatency({ points: [[1, 2.5], ['x', 1], 7, [3]] })).toEqual([{ at: 1000, value: 2.5 }]);
  });
});

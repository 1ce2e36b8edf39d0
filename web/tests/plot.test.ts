// The geometry of the charts.
import { describe, expect, it } from 'vitest';
import {
  apart,
  bandPath,
  gaps,
  hatch,
  linePath,
  middle,
  scale,
  stepPath,
  strip,
  timeTicks,
  yTicks,
} from '../src/parts/plot';

const same = scale(0, 1, 0, 1);

describe('plot', () => {
  it('ends its axis above the highest value', () => {
    expect(yTicks(17, true).at(-1)).toBe(20);
    expect(yTicks(312, true).at(-1)).toBe(400);
    expect(yTicks(0, true)).toEqual([0, 1, 2, 3, 4]);
    for (const highest of [0.2, 0.9, 3, 7, 48, 101, 999])
      expect(yTicks(highest, false).at(-1)).toBeGreaterThanOrEqual(highest);
  });
  it('has ticks at whole hours of the zone, half-hour zones included', () => {
    const from = Date.parse('2026-11-22T00:10:00Z');
    const day = 86_400_000;
    expect(timeTicks(from, from + day, 180, 'Asia/Jakarta')).toHaveLength(8);
    expect(timeTicks(from, from + day, 60, 'Asia/Kolkata')[0]).toBe(Date.parse('2026-11-22T00:30:00Z'));
  });
  it('holds a window for the whole of its step', () => {
    expect(
      stepPath(
        [
          { at: 0, value: 2 },
          { at: 5, value: 3 },
        ],
        5,
        same,
        same,
      ),
    ).toBe('M0 2H5L5 3H10');
  });
  it('never bridges a hole', () => {
    const points = [0, 1, 2, 10, 11].map((at) => ({ at, value: 1 }));
    expect(linePath(points, 3, same, same).match(/M/g)).toHaveLength(2);
    expect(gaps(points, 3, 0, 20)).toEqual([
      [2, 10],
      [11, 20],
    ]);
  });

  it('leaves a hole in the band where nothing is known', () => {
    const ranges = [
      { at: 0, low: 1, high: 3 },
      { at: 20, low: 2, high: 4 },
    ];
    expect(bandPath(ranges, 10, same, same)).toBe('M0 3H10V1H0ZM20 4H30V2H20Z');
  });

  it('draws the shortest stretch so that it is seen, and the longest within the picture', () => {
    const x = scale(0, 1000, 0, 100);
    const drawn = (from: number, to: number) => strip({ from, to, text: '' }, x, 0, 100);
    expect(drawn(500, 501)).toEqual([48.55, 51.55]);
    expect(drawn(500, 700)).toEqual([50, 70]);
    expect(drawn(-400, 300)).toEqual([0, 30]);
    expect(drawn(900, 4000)).toEqual([90, 100]);
    expect(drawn(999, 1000)).toEqual([97, 100]);
    expect(drawn(0, 1)).toEqual([0, 3]);
  });

  it('hatches even a strip, and two that overlap with the same lines', () => {
    const feet = (path: string) =>
      [...path.matchAll(/M([\d.]+) ([\d.]+)L/g)].map(([, x, y]) => Number(x) - (100 - Number(y)));
    for (const path of [hatch(7, 9, 0, 100), hatch(4, 31.3, 0, 100)]) {
      expect(feet(path).length).toBeGreaterThan(10);
      expect(feet(path).filter((foot) => Math.abs(foot % 6) > 0.11 && Math.abs(foot % 6) < 5.89)).toEqual([]);
    }
  });
});

describe('poles', () => {
  const x = scale(0, 100, 0, 100);

  it('stand as one where their signs would cover each other, and say all', () => {
    const found = apart(
      [
        { at: 10, verdict: 'warn', title: 'a' },
        { at: 12, title: 'b' },
        { at: 14, verdict: 'ok', title: 'c' },
        { at: 40, title: 'd' },
      ],
      x,
      16,
    );
    expect(found).toEqual([
      { at: 10, verdict: 'ok', title: 'a; b; c' },
      { at: 40, title: 'd' },
    ]);
  });
  it('leave their own list as it was', () => {
    const poles = [
      { at: 1, title: 'a' },
      { at: 2, title: 'b' },
    ];
    apart(poles, x, 16);
    expect(poles[0]?.title).toBe('a');
  });
});

describe('middle', () => {
  it('leaves out as many above as below', () => {
    const values = Array.from({ length: 100 }, (_, index) => 99 - index);
    expect(middle(values, 0.9)).toEqual({ low: 5, high: 94 });
    expect(middle([7], 0.9)).toEqual({ low: 7, high: 7 });
    expect(middle([], 0.9)).toBeUndefined();
  });
});

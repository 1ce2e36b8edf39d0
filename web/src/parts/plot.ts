// The geometry of the charts: scales, ticks and paths, as plain numbers and strings.
import type { Point } from '../live/series';
import type { Verdict } from '../live/wire';

export type Scale = (value: number) => number;

export function scale(from: number, to: number, start: number, end: number): Scale {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

/** A round top above the value, and lines at round numbers below it. */
export function yTicks(highest: number, whole: boolean): number[] {
  const rough = Math.max(highest, whole ? 4 : 0.4) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough && (!whole || (one * power) % 1 === 0)) ?? 10;
  return [0, 1, 2, 3, 4].map((index) => index * factor * power);
}

/** The moments whose local clock stands at a multiple of so many minutes; every zone is a multiple of a quarter off. */
export function timeTicks(from: number, to: number, every_min: number, zone: string): number[] {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  });
  const quarter = 900_000;
  const found: number[] = [];
  for (let moment = Math.ceil(from / quarter) * quarter; moment <= to; moment += quarter) {
    const [hour = 0, minute = 0] = parts.format(moment).split(':').map(Number);
    if ((hour * 60 + minute) % every_min === 0) found.push(moment);
  }
  return found;
}

/** Each value holds for the whole of its window. */
export function stepPath(points: Point[], step_ms: number, x: Scale, y: Scale): string {
  return points
    .map((point, index) => {
      const height = round(y(point.value));
      return `${index === 0 ? 'M' : 'L'}${round(x(point.at))} ${height}H${round(x(point.at + step_ms))}`;
    })
    .join('');
}

/** The area between two edges, window by window; a window without a range leaves a hole. */
export function bandPath(
  ranges: { at: number; low: number; high: number }[],
  step_ms: number,
  x: Scale,
  y: Scale,
): string {
  return ranges
    .map(({ at, low, high }) => {
      const [left, right] = [round(x(at)), round(x(at + step_ms))];
      return `M${left} ${round(y(high))}H${right}V${round(y(low))}H${left}Z`;
    })
    .join('');
}

/** A hole in the evidence is never bridged: the line starts anew behind it. */
export function linePath(points: Point[], gap_ms: number, x: Scale, y: Scale): string {
  let before: number | undefined;
  return points
    .map((point) => {
      const joined = before !== undefined && point.at - before <= gap_ms;
      before = point.at;
      return `${joined ? 'L' : 'M'}${round(x(point.at))} ${round(y(point.value))}`;
    })
    .join('');
}

export function gaps(points: Point[], gap_ms: number, from: number, to: number): [number, number][] {
  const found: [number, number][] = [];
  let before = from;
  for (const point of points) {
    if (point.at - before > gap_ms) found.push([before, point.at]);
    before = point.at;
  }
  if (points.length > 0 && to - before > gap_ms) found.push([before, to]);
  return found;
}

/** A stretch in which nobody listened, in words. */
export interface Stretch {
  from: number;
  to: number;
  text: string;
}

const STRIP = 3;

/** Where a stretch is drawn: within the picture, and never so narrow that it is missed. */
export function strip({ from, to }: Stretch, x: Scale, left: number, right: number): [number, number] {
  const spare = Math.max(STRIP - (x(to) - x(from)), 0) / 2;
  const start = Math.min(Math.max(x(from) - spare, left), right - STRIP);
  return [start, Math.max(Math.min(x(to) + spare, right), start + STRIP)];
}

/** Slanted lines within a box: the sign for "not seen". Boxes that overlap share their lines. */
export function hatch(left: number, right: number, top: number, bottom: number): string {
  let path = '';
  const height = bottom - top;
  for (let foot = Math.floor((left - height) / 6) * 6; foot < right; foot += 6) {
    const start = Math.max(foot, left);
    const end = Math.min(foot + height, right);
    if (end > start)
      path += `M${round(start)} ${round(bottom - (start - foot))}L${round(end)} ${round(bottom - (end - foot))}`;
  }
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Something that happened: a turn of the verdict, or without one an edit. */
export interface Pole {
  at: number;
  verdict?: Verdict;
  title: string;
}

/** Poles whose signs would cover each other stand as one: the last turn of them, and all that they say. */
export function apart(poles: Pole[], x: Scale, room: number): Pole[] {
  const found: Pole[] = [];
  for (const pole of poles) {
    const before = found.at(-1);
    if (before === undefined || x(pole.at) - x(before.at) >= room) found.push({ ...pole });
    else {
      before.title += `; ${pole.title}`;
      if (pole.verdict) before.verdict = pole.verdict;
    }
  }
  return found;
}

/** Between which values most of them lie: so large a share, as many left out above as below. */
export function middle(values: number[], share: number): { low: number; high: number } | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  // A tenth of a hundred is a little less than ten to a machine.
  const out = Math.floor(((1 - share) / 2) * sorted.length + 1e-9);
  const [low, high] = [sorted[out], sorted[sorted.length - 1 - out]];
  return low === undefined || high === undefined ? undefined : { low, high };
}

export interface Bound {
  value: number;
  label: string;
}

/** A limit far above all that was seen would flatten the line; it is told in words then. */
export function nearBounds(bounds: Bound[], points: Point[]): Bound[] {
  const highest = Math.max(...points.map((point) => point.value), 0);
  return bounds.filter((bound) => bound.value <= highest * 2);
}

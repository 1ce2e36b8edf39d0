// What a chart's drawing looks like at its true size: lines and letters where they stand, and what is said of each point.
import { number } from '../format/number';
import type { Place } from '../format/place';
import { clock } from '../format/time';
import type { Point } from '../live/series';
import {
  apart,
  type Bound,
  bandPath,
  gaps,
  hatch,
  linePath,
  nearBounds,
  type Pole,
  type Stretch,
  scale,
  stepPath,
  strip,
  timeTicks,
  yTicks,
} from './plot';

/** An entry of the legend: a short piece of such a line, or a band. */
export interface Sign {
  look?: 'band' | 'over' | 'bound';
  path?: string;
  text: string;
}

export interface Drawing {
  points: Point[];
  from: number;
  to: number;
  /** A step line when the points are windows; absent: a line through samples. */
  step_ms?: number;
  /** Samples further apart than this were not seen in between. */
  gap_ms?: number;
  bounds?: Bound[];
  /** What is usual, drawn behind a step line. */
  band?: { at: number; low: number; high: number }[];
  /** The same for samples, which have no windows: one range for all of them. */
  range?: { low: number; high: number } | undefined;
  /** What happened, in the order of time. */
  poles?: Pole[];
  /** When nobody listened, newest first: hatched, and told in the legend. */
  deaf?: Stretch[];
  every_min: number;
  label: string;
  read: (point: Point) => string;
  legend?: (Sign | false | undefined)[];
}

/** A line, or where it has none, letters at a place. */
export interface Shape {
  look: string;
  path?: string;
  text?: string;
  x?: number;
  y?: number;
  /** Only what lies above the highest bound is seen. */
  cut?: boolean;
}

export const LEFT = 36;
export const TOP = 20;
/** The legend names so many stretches; all are drawn, and read out. */
const NAMED = 3;
const BOTTOM = 24;
/** The width of a sign, and a little. */
const SIGN = 16;

export function picture(drawing: Drawing, width: number, now_label: string, place: Place) {
  const {
    points,
    from,
    to,
    step_ms,
    gap_ms = Infinity,
    bounds = [],
    band = [],
    range,
    poles = [],
    deaf = [],
  } = drawing;
  const height = width < 560 ? 224 : 320;
  const foot = height - BOTTOM;
  const highest = Math.max(...points.map((point) => point.value), 0);
  const shown = nearBounds(bounds, points);
  const usual = new Map(band.map((range) => [range.at, range]));
  const ticks = yTicks(
    Math.max(highest, ...band.map((range) => range.high), ...shown.map((bound) => bound.value)),
    step_ms !== undefined,
  );
  const x = scale(from, to, LEFT, width);
  const y = scale(0, ticks.at(-1) ?? 1, foot, TOP);
  const top = Math.min(...bounds.map((bound) => bound.value), Infinity);
  const up = (value: number) => `M${LEFT} ${y(value)}H${width}`;
  const steps = (some: Point[]) => stepPath(some, step_ms ?? 0, x, y);
  const line = step_ms === undefined ? linePath(points, gap_ms, x, y) : steps(points);
  const strips = deaf.map((one) => {
    const [start, end] = strip(one, x, LEFT, width);
    return { text: one.text, start, end, path: hatch(start, end, TOP, foot) };
  });
  /** The newest, and the longest of the others: those are seen. */
  const longest = deaf.slice(1).sort((a, b) => b.to - b.from - (a.to - a.from));
  const named = deaf.filter((one, index) => index === 0 || longest.indexOf(one) < NAMED - 1);

  /** Above a bound, or outside of what is usual; a window that still runs cannot be too low yet. */
  const isOut = ({ at, value }: Point) => {
    const range = usual.get(at);
    const running = at + (step_ms ?? 0) >= to;
    return value > top || (range !== undefined && (value > range.high || (value < range.low && !running)));
  };
  const behind: Shape[] = [
    ...ticks.flatMap((tick) => [
      { look: tick === 0 ? 'base' : 'grid', path: `M${LEFT} ${Math.round(y(tick)) + 0.5}H${width}` },
      { look: 'y', x: LEFT - 8, y: y(tick) + 4, text: number(tick, place.language) },
    ]),
    ...timeTicks(from, to, drawing.every_min, place.zone)
      // The word for now stands at the right end; an hour too near would run into it.
      .filter((tick) => x(tick) > LEFT + 16 && x(tick) < width - 52)
      .map((tick) => ({ look: 'x', x: x(tick), y: height - 6, text: clock(tick, place) })),
    { look: 'x last', x: width, y: height - 6, text: now_label },
    ...gaps(points, gap_ms, from, to).map(([start, end]) => ({
      look: 'gap',
      path: hatch(x(start), x(end), TOP, foot),
    })),
    ...(step_ms === undefined ? [] : [{ look: 'band', path: bandPath(band, step_ms, x, y) }]),
    ...(range
      ? [{ look: 'band', path: `${up(range.high)}V${Math.max(y(range.low), y(range.high) + 1)}H${LEFT}Z` }]
      : []),
  ];
  const before: Shape[] = [
    { look: 'line', path: line },
    step_ms === undefined
      ? { look: 'over', path: highest > top ? line : '', cut: true }
      : {
          look: 'over',
          path: points
            .filter(isOut)
            .map((point) => steps([point]))
            .join(''),
        },
    ...shown.flatMap(({ value, label }) => [
      { look: 'bound', path: up(value) },
      { look: 'bound-label', x: LEFT + 6, y: y(value) - 5, text: label },
    ]),
  ];
  return {
    height,
    foot,
    behind,
    before,
    above: `M${LEFT} 0H${width}V${Math.max(y(top), 0)}H${LEFT}Z`,
    poles: apart(poles, x, SIGN).map((pole) => ({ ...pole, x: x(pole.at) })),
    turned: poles.findLast((pole) => pole.verdict)?.verdict,
    edited: poles.some((pole) => !pole.verdict),
    strips,
    named,
    spot: (point: Point) => ({ x: x(point.at + (step_ms ?? 0) / 2), y: y(point.value) }),
    /** What a point says, and that nobody listened where its place in the picture is hatched. */
    told: (point: Point) => {
      const [left, right] =
        step_ms === undefined ? [x(point.at) - 1, x(point.at) + 1] : [x(point.at), x(point.at + step_ms)];
      const within = strips.filter(({ start, end }) => start < right && end > left);
      const near = poles.filter((pole) => x(pole.at) >= left - 2 && x(pole.at) <= right + 2);
      return [drawing.read(point), ...within.map((strip) => strip.text), ...near.map((pole) => pole.title)].join('; ');
    },
    /** The point that is nearest to this share of the way from left to right. */
    nearest: (share: number) => {
      const far = ({ at }: Point) => Math.abs(at - (from + share * (to - from) - (step_ms ?? 0) / 2));
      return points.reduce((best, point, index) => (far(point) < far(points[best] ?? point) ? index : best), 0);
    },
  };
}

// The series that the charts draw: asked for by REST, checked, and joined with the window that is still running.
import { ask, brought } from './ask';
import { isObject } from './protocol';
import { momentAt, numberAt, textAt } from './read';
import type { Json } from './wire';

export interface Point {
  at: number;
  value: number;
}

/** What is usual in each window; nothing where the baseline does not know it. */
export interface Band {
  low: (number | undefined)[];
  usual: (number | undefined)[];
  high: (number | undefined)[];
}

export interface Rates {
  start: number;
  step_ms: number;
  /** Of each kind of sender, in the platform's order; all are equally long. */
  counts: Record<string, number[]>;
  band?: Band;
}

export interface Range {
  at: number;
  low: number;
  usual: number;
  high: number;
}

export interface Run {
  started: number;
  finished: number | undefined;
  status: string;
  duration_s: number | undefined;
  error: string | undefined;
  fingerprint: string | undefined;
}

export async function fetchRates(): Promise<Rates | undefined> {
  return decodeRates(brought(await ask('api/v1/series/message_rates')));
}

export async function fetchLatency(): Promise<Point[] | undefined> {
  return decodeLatency(brought(await ask('api/v1/series/db_latency')));
}

/** The runs of one job in the last 24 h, newest first. */
export async function fetchRuns(job: string): Promise<Run[] | undefined> {
  return decodeRuns(brought(await ask(`api/v1/cron/${encodeURIComponent(job)}/runs`)));
}

export function decodeRuns(answer: Json | undefined): Run[] | undefined {
  if (!isObject(answer) || !Array.isArray(answer.runs)) return undefined;
  return answer.runs.flatMap((run) => {
    const started = momentAt(run, 'started_at');
    const status = textAt(run, 'status');
    if (started === undefined || status === undefined) return [];
    return {
      started,
      status,
      finished: momentAt(run, 'finished_at'),
      duration_s: numberAt(run, 'duration_s'),
      error: textAt(run, 'error'),
      fingerprint: textAt(run, 'fingerprint'),
    };
  });
}

export function decodeRates(answer: Json | undefined): Rates | undefined {
  const start = momentAt(answer, 'start');
  const step_s = numberAt(answer, 'step_s');
  if (!isObject(answer) || start === undefined || !step_s || !isObject(answer.counts)) return undefined;
  const counts = Object.fromEntries(Object.entries(answer.counts).map(([sender, values]) => [sender, numbers(values)]));
  const { low, usual, high } = isObject(answer.band) ? answer.band : {};
  const band = { low: holed(low), usual: holed(usual), high: holed(high) };
  return { start, step_ms: step_s * 1000, counts, ...(band.usual.length > 0 ? { band } : {}) };
}

export function decodeLatency(answer: Json | undefined): Point[] | undefined {
  if (!isObject(answer) || !Array.isArray(answer.points)) return undefined;
  return answer.points.flatMap((pair) => {
    const [seconds, value] = numbers(pair);
    return seconds === undefined || value === undefined ? [] : [{ at: seconds * 1000, value }];
  });
}

/** The document carries the running window as it grows; the series is a minute old at worst. */
export function withWindow(rates: Rates, detail: Json | undefined): Rates {
  const start = momentAt(detail, 'window', 'start');
  if (start === undefined) return rates;
  const index = Math.round((start - rates.start) / rates.step_ms);
  const length = lengthOf(rates);
  if (index < 0 || index > length + 1) return rates;
  const shift = Math.max(0, index - length + 1);
  const counts = { ...rates.counts };
  for (const [sender, values] of Object.entries(rates.counts)) {
    const grown = [...values];
    while (grown.length <= index) grown.push(0);
    grown[index] = Math.max(numberAt(detail, 'window', sender) ?? 0, 0);
    counts[sender] = grown.slice(shift);
  }
  const { band } = rates;
  const moved = band && { low: band.low.slice(shift), usual: band.usual.slice(shift), high: band.high.slice(shift) };
  return { ...rates, start: rates.start + shift * rates.step_ms, counts, ...(moved ? { band: moved } : {}) };
}

/** One point per window, all senders together unless one is named; the last one is still running. */
export function windows(rates: Rates, sender?: string): Point[] {
  const chosen = sender === undefined ? Object.values(rates.counts) : [rates.counts[sender] ?? []];
  return Array.from({ length: lengthOf(rates) }, (_, index) => ({
    at: rates.start + index * rates.step_ms,
    value: chosen.reduce((sum, values) => sum + (values[index] ?? 0), 0),
  }));
}

/** Who writes on this platform: as the series says, or as far as the details (objects by sender) name them. */
export function sendersOf(rates: Rates | undefined, ...details: (Json | undefined)[]): string[] {
  if (rates) return Object.keys(rates.counts);
  return [...new Set(details.flatMap((detail) => (isObject(detail) ? Object.keys(detail) : [])))];
}

function lengthOf(rates: Rates): number {
  return Math.max(0, ...Object.values(rates.counts).map((values) => values.length));
}

/** The usual range of each window that has one, or the means of several windows that all have. */
export function ranges(rates: Rates, size = 1): Range[] {
  const { band } = rates;
  if (!band) return [];
  const length = lengthOf(rates);
  const found: Range[] = [];
  for (let index = 0; index < length; index += size) {
    const mean = (values: (number | undefined)[]) => {
      const group = values.slice(index, Math.min(index + size, length));
      const sum = group.reduce<number>((total, one) => total + (one ?? Number.NaN), 0);
      return group.length === 0 ? Number.NaN : sum / group.length;
    };
    const range = {
      at: rates.start + index * rates.step_ms,
      low: mean(band.low),
      usual: mean(band.usual),
      high: mean(band.high),
    };
    if (!Number.isNaN(range.low + range.usual + range.high)) found.push(range);
  }
  return found;
}

/** Means of several windows, for a picture too narrow to draw each. */
export function grouped(points: Point[], size: number): Point[] {
  if (size <= 1) return points;
  const groups: Point[] = [];
  for (let index = 0; index < points.length; index += size) {
    const group = points.slice(index, index + size);
    const first = group[0];
    if (first) groups.push({ at: first.at, value: group.reduce((sum, one) => sum + one.value, 0) / group.length });
  }
  return groups;
}

/** Each value keeps its place; what is no number is a hole. */
function holed(value: Json | undefined): (number | undefined)[] {
  return Array.isArray(value) ? value.map((one) => (typeof one === 'number' ? one : undefined)) : [];
}

function numbers(value: Json | undefined): number[] {
  return Array.isArray(value) ? value.filter((one): one is number => typeof one === 'number') : [];
}

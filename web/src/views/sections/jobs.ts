// The scheduled jobs: the columns of their table, and the errors of one of them by their kind.
import { entriesAt, flagAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Row } from '../../live/sections';
import type { Run } from '../../live/series';
import type { Entry, JsonObject, Verdict } from '../../live/wire';

export interface Job {
  name: string;
  entry: Entry;
  schedule: string | undefined;
  enabled: boolean;
  last_run: number | undefined;
  last_status: string | undefined;
  last_s: number | undefined;
  running_since: number | undefined;
  fails: number | undefined;
  runs: number | undefined;
  abandoned: number;
  next: number | undefined;
  usual_s: number | undefined;
  error: string | undefined;
}

export interface JobError {
  fingerprint: string;
  count: number;
  error: string;
  last: number | undefined;
}

export function jobOf({ name, entry, value }: Row): Job {
  return {
    name,
    entry,
    schedule: textAt(value, 'schedule'),
    enabled: flagAt(value, 'enabled') !== false,
    last_run: momentAt(value, 'last_run'),
    last_status: textAt(value, 'last_status'),
    last_s: numberAt(value, 'last_s'),
    running_since: momentAt(value, 'running_since'),
    fails: numberAt(value, 'fails_24h'),
    runs: numberAt(value, 'runs_24h'),
    abandoned: numberAt(value, 'abandoned') ?? 0,
    next: momentAt(value, 'next_expected'),
    usual_s: numberAt(value, 'usual_s'),
    error: textAt(value, 'last_error'),
  };
}

/** The most frequent first: it is the one to mend. */
export function errorsOf(value: JsonObject): JobError[] {
  return entriesAt(value, 'errors')
    .map(([fingerprint, row]) => ({
      fingerprint,
      count: numberAt(row, 'count') ?? 0,
      error: textAt(row, 'error') ?? '',
      last: momentAt(row, 'last_at'),
    }))
    .sort((a, b) => b.count - a.count || (b.last ?? 0) - (a.last ?? 0));
}

/** A run has no verdict of its own; its shape tells how it ended. */
export function runVerdict(run: Run): Verdict {
  if (run.status === 'success') return 'ok';
  return run.status === 'failed' ? 'fail' : 'unknown';
}

/** How long it took, or has taken so far. */
export function runSeconds(run: Run, now: number): number | undefined {
  if (run.duration_s !== undefined) return run.duration_s;
  if (run.finished !== undefined) return (run.finished - run.started) / 1000;
  return run.status === 'running' ? (now - run.started) / 1000 : undefined;
}

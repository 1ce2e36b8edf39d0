// What follows from the document: derived at every reading, never stored.
import { kept } from './kept';
import type { Check, HealthDocument, Transition, Verdict } from './wire';

/** The brief's order; objects lose theirs on the way through patches. */
const ORDER = [
  'db',
  'realtime',
  'triggers',
  'cluster_coverage',
  'recent_activity',
  'feature_flags',
  'message_throughput',
];
const BADNESS: Record<Verdict, number> = { fail: 3, warn: 2, unknown: 1, ok: 0 };

export interface NamedCheck {
  name: string;
  check: Check;
}

export interface NamedTransition extends Transition {
  key: string;
}

export function inOrder(document: HealthDocument): NamedCheck[] {
  return ordered(document.checks);
}

const ordered = kept((checks: HealthDocument['checks']) =>
  Object.entries(checks)
    .map(([name, check]) => named(check)(name))
    .sort((a, b) => rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1)),
);
/** A card whose check is the same is the same card. */
const named = kept((check: Check) => {
  let made: NamedCheck | undefined;
  return (name: string) => {
    if (made?.name !== name) made = { name, check };
    return made;
  };
});

/** For a narrow screen: worst first, and among equals the brief's order; a check that only waits for another goes behind. */
export function worstFirst(checks: NamedCheck[]): NamedCheck[] {
  const weight = ({ check }: NamedCheck) => BADNESS[check.verdict] * 2 - (isBlocked(check) ? 1 : 0);
  return [...checks].sort((a, b) => weight(b) - weight(a));
}

/** The same for whatever has a verdict; what is equally bad keeps its order. */
export function worstOf<T>(all: T[], verdict: (one: T) => Verdict): T[] {
  return [...all].sort((a, b) => BADNESS[verdict(b)] - BADNESS[verdict(a)]);
}

/** The word of the whole is the daemon's; its colour is that of the worst check it stands on. */
export function overallVerdict(document: HealthDocument): Verdict {
  if (document.status === 'healthy') return 'ok';
  if (document.status === 'unknown') return 'unknown';
  return Object.values(document.checks).some((check) => check.verdict === 'fail') ? 'fail' : 'warn';
}

export function isBlocked(check: Check): boolean {
  return check.verdict === 'unknown' && check.reason === 'unknown.blocked_by';
}

export function hasNote(check: Check): boolean {
  return check.verdict === 'ok' && (check.reason !== undefined || Object.keys(check.also ?? {}).length > 0);
}

/** More than half unseen for a reason of their own: then the monitor is to be doubted before the platform. */
export function isBlind(document: HealthDocument): boolean {
  const counted = Object.values(document.checks);
  const unseen = counted.filter((check) => check.verdict === 'unknown' && !isBlocked(check));
  return unseen.length * 2 > counted.length;
}

export function isStarting(document: HealthDocument): boolean {
  const checks = Object.values(document.checks);
  return checks.length > 0 && checks.every((check) => check.reason === 'unknown.starting');
}

export interface Evidence {
  name: string;
  observed_at: string;
}

export function evidence(document: HealthDocument): { newest: Evidence | undefined; oldest: Evidence | undefined } {
  let [newest, oldest]: (Evidence | undefined)[] = [];
  for (const { name, check } of inOrder(document)) {
    const { observed_at } = check;
    if (observed_at === undefined) continue;
    // All stamps of the wire are of one form, so that their letters have the order of time.
    if (newest === undefined || observed_at >= newest.observed_at) newest = { name, observed_at };
    if (oldest === undefined || observed_at < oldest.observed_at) oldest = { name, observed_at };
  }
  return { newest, oldest };
}

/** Newest first; their keys are numbers of the one line in which everything happens. */
export function transitions(document: HealthDocument, check?: string): NamedTransition[] {
  const all = newestFirst(document.transitions ?? NONE);
  return check === undefined ? all : all.filter((transition) => transition.check === check);
}

const NONE = {};
const newestFirst = kept((transitions: NonNullable<HealthDocument['transitions']>): NamedTransition[] =>
  Object.entries(transitions)
    .map(([key, transition]) => ({ key, ...transition }))
    .sort((a, b) => Number(b.key) - Number(a.key)),
);

/** How long the trouble had lasted that this transition ended; nothing when it ended none. */
export function recoveredAfter(all: NamedTransition[], ending: NamedTransition): number | undefined {
  if (ending.to !== 'ok') return undefined;
  let began: string | undefined;
  let bad = ending.from === 'warn' || ending.from === 'fail';
  for (const earlier of all) {
    if (earlier.check !== ending.check || Number(earlier.key) >= Number(ending.key)) continue;
    if (earlier.to === 'ok') break;
    began = earlier.at;
    bad ||= earlier.to !== 'unknown';
  }
  return bad && began !== undefined ? (Date.parse(ending.at) - Date.parse(began)) / 1000 : undefined;
}

function rank(name: string): number {
  const index = ORDER.indexOf(name);
  return index === -1 ? ORDER.length : index;
}

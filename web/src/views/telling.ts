// Puts checks and transitions into words: which sentence, which name, which verdict word.
import type { Place } from '../format/place';
import { durationLong, parse, stamp } from '../format/time';
import { type Piece, sentence } from '../i18n/sentence';
import { text, word } from '../i18n/text';
import { type Beside, isDisabled, whoHas } from '../live/sections';
import { type NamedTransition, recoveredAfter } from '../live/select';
import type { Entry, HealthDocument, Verdict } from '../live/wire';
import type { ToldEvent } from '../parts/Events.svelte';
import type { ToldReason } from '../parts/Reasons.svelte';
import { toWatched } from '../route.svelte';

const SERVICE = 'services/';

/** The name of a watched thing by its key. */
export function nameOf(key: string, place: Place): string {
  if (!key.startsWith(SERVICE)) return word('check', key, place.language);
  return text('name.service', place.language, { name: key.slice(SERVICE.length) });
}

export function wordOf(entry: Entry, place: Place): string {
  return word('verdict', isDisabled(entry) ? 'disabled' : entry.verdict, place.language);
}

/**
 * What stands beside a reason: that it wobbles, what it may turn to, and what it follows from.
 * The document is asked for only where somebody else is the cause.
 */
export function flagsOf(entry: Entry, document: () => HealthDocument, place: Place): string {
  const flags: string[] = [];
  const { flapping, pending, explained_by } = entry;
  if (flapping === true) flags.push(text('flag.flapping', place.language));
  if (pending && typeof pending.n === 'number' && typeof pending.need === 'number') {
    const { n, need } = pending;
    const to = lower(word('verdict', String(pending.to), place.language));
    flags.push(text('flag.pending', place.language, { to, n, need }));
  }
  if (typeof explained_by === 'string') {
    const who = whoHas(document(), explained_by);
    const name = who === undefined ? explained_by : `${nameOf(who, place)} (${explained_by})`;
    flags.push(text('flag.explained_by', place.language, { name }));
  }
  return flags.join(' · ');
}

/** What is said beside the overall word about one section below the seven. */
export function besideTold({ section, count }: Beside, place: Place): string {
  if (section === 'monitor') return text('beside.monitor', place.language);
  if (section === 'cron' && count === 0) return text('beside.scheduler', place.language);
  return text(count === 1 ? `beside.${section}_one` : `beside.${section}`, place.language, { count });
}

export function reasonOf(check: Entry, now: number, place: Place): Piece[] | undefined {
  if (check.reason === undefined) return undefined;
  return sentence({ code: check.reason, params: check.params ?? {}, since: check.since }, now, place);
}

/** The reasons beside the one that decides, worst first; of a check that is ok, its own note is one of them. */
export function besides(check: Entry, now: number, place: Place): ToldReason[] {
  const badness: Verdict[] = ['fail', 'warn', 'unknown', 'ok'];
  const also = Object.entries(check.also ?? {}).map(([code, reason]) => ({
    code,
    verdict: reason.verdict,
    pieces: sentence({ code, params: reason.params ?? {}, since: check.since }, now, place),
  }));
  also.sort((a, b) => badness.indexOf(a.verdict) - badness.indexOf(b.verdict));
  const own = check.verdict === 'ok' ? reasonOf(check, now, place) : undefined;
  return own && check.reason ? [{ code: check.reason, verdict: check.verdict, pieces: own }, ...also] : also;
}

/** What several have in common within so short a time is one event: all are first seen, or all wait for the same. */
const TOGETHER_MS = 30_000;

/** What a transition has in common with others: which of them are one line. */
function kindOf(all: NamedTransition[], one: NamedTransition): string | undefined {
  if (one.reason === 'unknown.blocked_by') return `waits ${one.params?.parent}`;
  const plain = one.from === 'unknown' && one.to === 'ok' && one.reason === undefined;
  return plain && recoveredAfter(all, one) === undefined ? 'seen' : undefined;
}

/** Each transition, or together with it the earlier ones of its kind; the place is that of the newest. */
function together(all: NamedTransition[], shown: NamedTransition[]): NamedTransition[][] {
  const open = new Map<string, { until: number; group: NamedTransition[] }>();
  const groups: NamedTransition[][] = [];
  for (const one of shown) {
    const [kind, moment] = [kindOf(all, one), Date.parse(one.at)];
    const found = kind === undefined ? undefined : open.get(kind);
    if (found && found.until - moment <= TOGETHER_MS) {
      found.group.push(one);
      continue;
    }
    const group = [one];
    if (kind !== undefined) open.set(kind, { until: moment, group });
    groups.push(group);
  }
  return groups;
}

/** One line for all of a group; their names stand below it, so that nothing is lost. */
function foldedOf(
  group: NamedTransition[],
  first: NamedTransition,
  moment: number,
  now: number,
  place: Place,
): ToldEvent {
  const keys = [...group].reverse().map((one) => one.check);
  const services = keys.filter((key) => key.startsWith(SERVICE));
  const names = [...keys.filter((key) => !services.includes(key)), ...services].map((key) => nameOf(key, place));
  const parent = nameOf(String(first.params?.parent), place);
  return {
    key: first.key,
    moment,
    time: stamp(moment, now, place),
    verdict: first.to,
    name: text('events.folded', place.language, { count: group.length }),
    said:
      first.to === 'ok' ? text('events.seen_ok', place.language) : text('events.waiting', place.language, { parent }),
    rest: [{ kind: 'plain', text: capital(names.join(', ')) }],
  };
}

export function eventsOf(all: NamedTransition[], shown: NamedTransition[], now: number, place: Place): ToldEvent[] {
  return together(all, shown).flatMap((group): ToldEvent[] => {
    const transition = group[0];
    const moment = parse(transition?.at);
    if (transition === undefined || moment === undefined) return [];
    if (group.length > 1) return [foldedOf(group, transition, moment, now, place)];
    const { reason, params } = transition;
    return [
      {
        key: transition.key,
        moment,
        time: stamp(moment, now, place),
        verdict: transition.to,
        name: capital(nameOf(transition.check, place)),
        href: toWatched(transition.check),
        said: saidOf(all, transition, place),
        rest:
          reason === undefined
            ? []
            : sentence({ code: reason, params: params ?? {}, since: transition.at }, now, place),
      },
    ];
  });
}

export function saidOf(all: NamedTransition[], transition: NamedTransition, place: Place): string {
  const lasted = recoveredAfter(all, transition);
  if (lasted !== undefined) {
    return text('events.recovered', place.language, { long: durationLong(lasted, place.language) });
  }
  return lower(word('verdict', transition.to, place.language));
}

/** A word in the middle of a line; "OK" stays as it is. */
function lower(told: string): string {
  return told === told.toUpperCase() ? told : told.charAt(0).toLowerCase() + told.slice(1);
}

export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

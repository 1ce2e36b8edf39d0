// Puts checks and transitions into words: which sentence, which name, which verdict word.
import type { Place } from '../format/place';
import { durationLong, parse, stamp } from '../format/time';
import { type Piece, sentence } from '../i18n/sentence';
import { text, word } from '../i18n/text';
import { type NamedTransition, recoveredAfter } from '../live/select';
import type { Check, Verdict } from '../live/wire';
import type { ToldEvent } from '../parts/Events.svelte';
import type { ToldReason } from '../parts/Reasons.svelte';
import { toCheck } from '../route.svelte';

export function nameOf(check: string, place: Place): string {
  return word('check', check, place.language);
}

export function wordOf(check: Check, place: Place): string {
  return word('verdict', check.verdict, place.language);
}

export function reasonOf(check: Check, now: number, place: Place): Piece[] | undefined {
  if (check.reason === undefined) return undefined;
  return sentence({ code: check.reason, params: check.params ?? {}, since: check.since }, now, place);
}

/** The reasons beside the one that decides, worst first; of a check that is ok, its own note is one of them. */
export function besides(check: Check, now: number, place: Place): ToldReason[] {
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

export function eventsOf(all: NamedTransition[], shown: NamedTransition[], now: number, place: Place): ToldEvent[] {
  return shown.flatMap((transition) => {
    const moment = parse(transition.at);
    if (moment === undefined) return [];
    const { reason, params } = transition;
    return {
      key: transition.key,
      moment,
      time: stamp(moment, now, place),
      verdict: transition.to,
      name: nameOf(transition.check, place),
      href: toCheck(transition.check),
      said: saidOf(all, transition, place),
      rest:
        reason === undefined ? [] : sentence({ code: reason, params: params ?? {}, since: transition.at }, now, place),
    };
  });
}

export function saidOf(all: NamedTransition[], transition: NamedTransition, place: Place): string {
  const lasted = recoveredAfter(all, transition);
  if (lasted !== undefined) {
    return text('events.recovered', place.language, { long: durationLong(lasted, place.language) });
  }
  const told = word('verdict', transition.to, place.language);
  // A word in the middle of a line; "OK" stays as it is.
  return told === told.toUpperCase() ? told : told.charAt(0).toLowerCase() + told.slice(1);
}

// Puts the runbook's entry for one reason into words: its values filled in, its command, and where it leads.
import type { Place } from '../format/place';
import { clockSeconds } from '../format/time';
import { command, withHost } from '../i18n/command';
import { filled, type Piece } from '../i18n/sentence';
import { text } from '../i18n/text';
import type { Advice, Book } from '../live/runbook';
import { toWatched } from '../route.svelte';
import type { Told, Way } from './Guide.svelte';
import type { Followed } from './healing';
import { capital, nameOf } from './telling';

const PARENT = '{parent}';

/** Nothing where the runbook has no entry for it. */
export function adviceFor(book: Book, one: Followed, self: string, now: number, place: Place): Told | undefined {
  const advice = book.entries.get(one.code);
  if (!advice) return undefined;
  const fill = (template: string): Piece[] =>
    filled(template, { code: one.code, params: withHost(one.params), since: one.since }, now, place);
  return {
    means: fill(advice.means),
    causes: advice.causes.map(fill),
    first: fill(advice.first),
    verify: fill(advice.verify),
    command: advice.command === undefined ? undefined : command(advice.command, one.params),
    ways: waysOf(book, advice, one, self, place),
    done: one.ended !== undefined,
    state: stateOf(one, place),
  };
}

function waysOf(book: Book, { link, see }: Advice, { params }: Followed, self: string, place: Place): Way[] {
  const admin = link === undefined ? undefined : book.links.get(link);
  const key = see === PARENT ? params.parent : see;
  const ways: Way[] = admin ? [{ ...admin, away: true }] : [];
  if (typeof key === 'string' && key !== self) {
    ways.push({ title: capital(nameOf(key, place)), href: toWatched(key), away: false });
  }
  return ways;
}

function stateOf(one: Followed, place: Place): string {
  if (one.ended !== undefined) return text('runbook.done', place.language, { at: clockSeconds(one.ended, place) });
  return text(one.hidden ? 'runbook.hidden' : 'runbook.waiting', place.language);
}

// The page's voice for those who do not see it: says what has changed, seldom enough that one can follow.
import type { Place } from '../format/place';
import { plain } from '../i18n/sentence';
import { text } from '../i18n/text';
import type { NamedTransition } from '../live/select';
import { eventsOf } from './telling';

/** What happens together is said together. */
const GATHER_MS = 500;
/** Between two announcements. */
const PAUSE_MS = 5000;
/** So many changes are told in full; of the rest their number. */
const MOST = 3;

export class Voice {
  readonly #compose: () => string;
  readonly #speak: (words: string) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #spoke_at = Number.NEGATIVE_INFINITY;

  /** What is to be said is composed only when it is its turn, so that it is never old and says each thing once. */
  constructor(compose: () => string, speak: (words: string) => void) {
    this.#compose = compose;
    this.#speak = speak;
  }

  /** Something may have changed, or somebody looks again: behind other tabs nothing is said. */
  wake(): void {
    if (this.#timer !== undefined) return;
    const pause = Math.max(GATHER_MS, this.#spoke_at + PAUSE_MS - Date.now());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (document.visibilityState === 'hidden') return;
      const words = this.#compose();
      if (words === '') return;
      this.#spoke_at = Date.now();
      this.#speak(words);
    }, pause);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** What has changed since the transition of this number: of each thing its newest, what belongs together in one. */
export function changesTold(all: NamedTransition[], after: number, now: number, place: Place): string {
  const fresh = all.filter((one) => Number(one.key) > after);
  const newest = fresh.filter((one, index) => fresh.findIndex((other) => other.check === one.check) === index);
  const events = eventsOf(all, newest, now, place);
  const told = events.slice(0, MOST).map((event) => {
    const rest = plain(event.rest);
    return `${event.name}: ${event.said}.${rest === '' ? '' : ` ${rest}`}`;
  });
  const left = events.length - told.length;
  if (left > 0) told.push(text('voice.more', place.language, { count: left }));
  return told.join(' ');
}

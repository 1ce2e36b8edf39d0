// The runbook of each language: what concerns the reasons of the first paint came inside the page, the rest is fetched when
// it is first needed, and kept, so that it is there while the daemon is away.
import type { Language } from '../format/place';
import { type Book, bookOf, fetchBook } from '../live/runbook';
import type { Json } from '../live/wire';

class Runbooks {
  books = $state.raw<Partial<Record<Language, Book>>>({});
  /** The last try brought nothing: the daemon is away. */
  failed = $state.raw(false);
  /** Asked for, or there as a whole. */
  #asked = new Set<Language>();

  /** Takes in what came inside the page, in both languages: it is not known yet which will be read. */
  begin(told: { [language: string]: Json }): void {
    for (const language of ['id', 'en'] as const) {
      if (told[language]) this.#keep(language, bookOf(told[language]));
    }
  }

  async need(language: Language): Promise<void> {
    if (this.#asked.has(language)) return;
    this.#asked.add(language);
    const found = await fetchBook(language);
    this.failed = found === undefined;
    if (found) this.#keep(language, found);
    else this.#asked.delete(language);
  }

  #keep(language: Language, book: Book): void {
    this.books = { ...this.books, [language]: book };
  }
}

export const runbooks = new Runbooks();

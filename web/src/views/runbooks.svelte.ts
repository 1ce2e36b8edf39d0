// The runbook of each language: fetched when it is first needed, and kept, so that it is there while the daemon is away.
import type { Language } from '../format/place';
import { type Book, fetchBook } from '../live/runbook';

class Runbooks {
  books = $state.raw<Partial<Record<Language, Book>>>({});
  /** The last try brought nothing: the daemon is away. */
  failed = $state.raw(false);
  #asking = new Set<Language>();

  async need(language: Language): Promise<void> {
    if (this.books[language] || this.#asking.has(language)) return;
    this.#asking.add(language);
    const found = await fetchBook(language);
    this.#asking.delete(language);
    this.failed = found === undefined;
    if (found) this.books = { ...this.books, [language]: found };
  }
}

export const runbooks = new Runbooks();

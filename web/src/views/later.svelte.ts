// What the first paint does without: fetched when it is wanted, or when the browser has nothing else to do.
import { reader } from '../i18n/say.svelte';
import { learnPages } from '../i18n/text';
import { runbooks } from './runbooks.svelte';

type Pages = typeof import('./pages');

class Later {
  pages = $state.raw<Pages>();
  /** They cannot be had: the daemon is away, or has the files of another version. */
  failed = $state.raw(false);
  #asked: Promise<Pages> | undefined;

  /** Asked for once, or again when that failed. */
  ask(): Promise<Pages> {
    this.#asked ??= import('./pages');
    this.#asked.catch(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async fetch(): Promise<void> {
    if (this.pages) return;
    try {
      const [pages] = await Promise.all([this.ask(), learnPages(reader.language)]);
      this.pages = pages;
      this.failed = false;
    } catch {
      this.failed = true;
    }
  }

  /** So that a page opens at once, and also while the daemon is away. */
  whenIdle(): void {
    const fetch = () => {
      void this.fetch();
      // So is what to do about whatever fails next: its card grows once, with its verdict.
      void runbooks.need(reader.language);
    };
    // Safari has no idle callback.
    if ('requestIdleCallback' in window) window.requestIdleCallback(fetch, { timeout: 5000 });
    else setTimeout(fetch, 1000);
  }
}

export const later = new Later();

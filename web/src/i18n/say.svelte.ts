// The reader's language, look and zone as reactive values, and the words said in them.
import { type Language, type Place, usableZone } from '../format/place';
import { learn, type TextKey, text, type Values, type WordGroup, word } from './text';

export type Theme = 'light' | 'dark';

class Reader implements Place {
  language = $state.raw<Language>('id');
  zone = $state.raw('UTC');
  platform_zone = $state.raw('UTC');
  /** Absent = as the system says. */
  theme = $state.raw<Theme>();

  /** Says whether there are words at all. */
  async begin(): Promise<boolean> {
    const asked = new URLSearchParams(location.search).get('lang') ?? remembered('language');
    this.language = asked === 'en' && (await learn('en')) ? 'en' : 'id';
    if (this.language === 'id' && !(await learn('id'))) return false;
    const theme = remembered('theme');
    if (theme === 'light' || theme === 'dark') this.theme = theme;
    this.zone = usableZone(undefined) ?? 'UTC';
    this.#show();
    return true;
  }

  /** The platform's zone, which stands in for the viewer's where that is not known. */
  home(platform_zone: string | undefined): void {
    this.platform_zone = usableZone(platform_zone) ?? 'UTC';
    this.zone = usableZone(undefined) ?? this.platform_zone;
  }

  async speak(language: Language): Promise<void> {
    if (!(await learn(language))) return;
    this.language = language;
    remember('language', language);
    // The address must not bring the other language back at the next reload.
    const address = new URL(location.href);
    address.searchParams.delete('lang');
    history.replaceState(null, '', address);
    this.#show();
  }

  /** Choosing what the system shows anyway means following the system again. */
  look(theme: Theme, system: Theme): void {
    this.theme = theme === system ? undefined : theme;
    remember('theme', this.theme);
    this.#show();
  }

  #show(): void {
    const root = document.documentElement;
    root.lang = this.language;
    if (this.theme) root.dataset.theme = this.theme;
    else delete root.dataset.theme;
  }
}

export const reader = new Reader();

export function say(key: TextKey, values?: Values): string {
  return text(key, reader.language, values);
}

export function sayWord(group: WordGroup, value: string): string {
  return word(group, value, reader.language);
}

function remembered(key: string): string | null {
  try {
    return localStorage.getItem(`huph-monitor.${key}`);
  } catch {
    return null; // Storage may be forbidden; the page only forgets the choice.
  }
}

function remember(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(`huph-monitor.${key}`);
    else localStorage.setItem(`huph-monitor.${key}`, value);
  } catch {
    // As above.
  }
}

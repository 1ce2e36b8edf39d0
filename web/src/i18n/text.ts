// The interface's own words: looked up in the catalogue of a language, and filled in.
import id from 'catalogue:id';
import type { Language } from '../format/place';
import type pages from './pages.json';
import type texts from './texts.json';
import type words from './words.json';

export type TextKey = keyof typeof texts | keyof typeof pages;
export type WordGroup = keyof typeof words;
export type Values = Record<string, string | number>;
type Catalogue = typeof id;

/** Indonesian is the language of most readers, and of whoever's own could not be fetched. */
const known: { id: Catalogue } & Partial<Record<Language, Catalogue>> = { id };

/** Fetches the words of a language, once; says whether they are there now. */
export async function learn(language: Language): Promise<boolean> {
  try {
    if (language === 'en' && !known.en) {
      const { texts, pages, ...rest } = (await import('catalogue:en')).default;
      known.en = { ...rest, texts: { ...texts, ...pages } };
    }
  } catch {
    return false; // The daemon is away, or has other files since.
  }
  return true;
}

/** Takes in what came later. */
export function add(more: Record<string, string>): void {
  Object.assign(known.id.texts, more);
}

const spoken = (language: Language): Catalogue => known[language] ?? known.id;

export function text(key: TextKey, language: Language, values: Values = {}): string {
  return (spoken(language).texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export function isText(key: string): key is TextKey {
  return Object.hasOwn(known.id.texts, key);
}

/** An enumerated word of the wire; one that the catalogue does not know is shown as it came. */
export function word(group: WordGroup, value: string, language: Language): string {
  return hasWord(group, value) ? (spoken(language).words[group]?.[value] ?? value) : value;
}

export function hasWord(group: WordGroup, value: string): boolean {
  return Object.hasOwn(known.id.words[group] ?? {}, value);
}

export function isWordGroup(group: string): group is WordGroup {
  return Object.hasOwn(known.id.words, group);
}

/** The sentence of a reason with its holes; nothing for one that the catalogue does not know. */
export function template(code: string, language: Language): string | undefined {
  const { reasons } = spoken(language);
  return Object.hasOwn(reasons, code) ? reasons[code] : undefined;
}

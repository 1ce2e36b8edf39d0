// The interface's own words: looked up in one catalogue, filled in, in one of two languages.
import type { Language } from '../format/place';
import texts from './texts.json';
import words from './words.json';

export type TextKey = keyof typeof texts;
export type WordGroup = keyof typeof words;
export type Values = Record<string, string | number>;
type Both = Record<Language, string>;

export function text(key: TextKey, language: Language, values: Values = {}): string {
  return texts[key][language].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export function isText(key: string): key is TextKey {
  return Object.hasOwn(texts, key);
}

/** An enumerated word of the wire; one that the catalogue does not know is shown as it came. */
export function word(group: WordGroup, value: string, language: Language): string {
  const found = words[group] as Record<string, Both>;
  return hasWord(group, value) ? (found[value]?.[language] ?? value) : value;
}

export function hasWord(group: WordGroup, value: string): boolean {
  return Object.hasOwn(words[group], value);
}

export function isWordGroup(group: string): group is WordGroup {
  return Object.hasOwn(words, group);
}

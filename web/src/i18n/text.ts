// The interface's own words: looked up in the catalogue of a language, and filled in.
import addresses from 'catalogue:addresses';
import type { Language } from '../format/place';
import type pages from './pages.json';
import type texts from './texts.json';
import type words from './words.json';

export type TextKey = keyof typeof texts | keyof typeof pages;
export type WordGroup = keyof typeof words;
export type Values = Record<string, string | number>;
export type Part = 'board' | 'pages';

interface Texts {
  [key: string]: string;
}
/** What a part says in one language, as it is fetched: the pages have but texts. */
export interface Catalogue {
  texts?: Texts;
  pages?: Texts;
  words?: Record<string, Texts>;
  reasons?: Texts;
}
type Known = Required<Omit<Catalogue, 'pages'>>;

const known: Partial<Record<Language, Known>> = {};
const learned = new Set<string>();
/** The pages behind the board are wanted in each language that is spoken from now on. */
let behind = false;

/** Takes in what a part says. */
export function teach(language: Language, { texts, pages, words, reasons }: Catalogue): void {
  const before = known[language];
  known[language] = {
    texts: { ...before?.texts, ...texts, ...pages },
    words: { ...before?.words, ...words },
    reasons: { ...before?.reasons, ...reasons },
  };
}

/** Fetches the words of a language, each part once; says whether they are there now. */
export async function learn(language: Language): Promise<boolean> {
  try {
    await Promise.all([fetched(language, 'board'), behind ? fetched(language, 'pages') : undefined]);
  } catch {
    return false; // The daemon is away, or has other files since.
  }
  return true;
}

/** Fetches what the pages behind the board say besides; raises where that cannot be had. */
export async function learnPages(language: Language): Promise<void> {
  behind = true;
  await fetched(language, 'pages');
}

async function fetched(language: Language, part: Part): Promise<void> {
  const address = addresses[language][part];
  if (learned.has(address)) return;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  teach(language, (await answer.json()) as Catalogue);
  learned.add(address);
}

const NONE: Known = { texts: {}, words: {}, reasons: {} };
/** Indonesian is the language of most readers, and of whoever's own could not be fetched. */
const spoken = (language: Language): Known => known[language] ?? anyone();
/** All languages have the same keys. */
const anyone = (): Known => known.id ?? known.en ?? NONE;

export function text(key: TextKey, language: Language, values: Values = {}): string {
  return (spoken(language).texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''));
}

export function isText(key: string): key is TextKey {
  return Object.hasOwn(anyone().texts, key);
}

/** An enumerated word of the wire; one that the catalogue does not know is shown as it came. */
export function word(group: WordGroup, value: string, language: Language): string {
  return hasWord(group, value) ? (spoken(language).words[group]?.[value] ?? value) : value;
}

export function hasWord(group: WordGroup, value: string): boolean {
  return Object.hasOwn(anyone().words[group] ?? {}, value);
}

export function isWordGroup(group: string): group is WordGroup {
  return Object.hasOwn(anyone().words, group);
}

/** The sentence of a reason with its holes; nothing for one that the catalogue does not know. */
export function template(code: string, language: Language): string | undefined {
  const { reasons } = spoken(language);
  return Object.hasOwn(reasons, code) ? reasons[code] : undefined;
}

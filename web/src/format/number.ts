// Numbers as people read them: below 10 one decimal, else none; the unit is written by whoever knows it.
import { type Language, LOCALES } from './place';

const made = new Map<string, Intl.NumberFormat>();

function format(language: Language, digits: number, least = 0): Intl.NumberFormat {
  const key = `${language}${digits}${least}`;
  const found =
    made.get(key) ??
    new Intl.NumberFormat(LOCALES[language], { minimumFractionDigits: least, maximumFractionDigits: digits });
  made.set(key, found);
  return found;
}

export function number(value: number, language: Language): string {
  const size = Math.abs(value);
  // Something is never written as nothing.
  if (size > 0 && size < 0.05) return `<${format(language, 1).format(0.1)}`;
  return format(language, size < 9.95 ? 1 : 0).format(value);
}

/** One that is measured again and again: 2.0 between 1.9 and 2.1, so that what stands beside it keeps its place. */
export function steady(value: number, language: Language): string {
  const size = Math.abs(value);
  return size >= 0.05 && size < 9.95 ? format(language, 1, 1).format(value) : number(value, language);
}

export function percent(value: number, language: Language): string {
  return language === 'id' ? `${number(value, language)} %` : `${number(value, language)}%`;
}

/** Sizes come in MB; from 10 GB on the megabytes tell nothing. */
export function megabytes(value: number, language: Language): string {
  return value < 10_240 ? `${number(value, language)} MB` : `${number(value / 1024, language)} GB`;
}

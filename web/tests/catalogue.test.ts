// Both languages are equal: a text without both, or with other placeholders, fails the build.
import { describe, expect, it } from 'vitest';
import reasons from '../src/i18n/reasons.json';
import texts from '../src/i18n/texts.json';
import words from '../src/i18n/words.json';

const all: [string, Record<string, string>][] = [
  ...Object.entries(reasons),
  ...Object.entries(texts),
  ...Object.entries(words).flatMap(([group, entries]) =>
    Object.entries(entries).map(([value, both]): [string, Record<string, string>] => [`${group}.${value}`, both]),
  ),
];
const placeholders = (text: string | undefined) => [...new Set(text?.match(/\{\w+\}/g))].sort();

describe('catalogue', () => {
  it.each(all)('%s speaks both languages with the same values', (_, both) => {
    expect(Object.keys(both).sort()).toEqual(['en', 'id']);
    expect(both.id).not.toBe('');
    expect(both.en).not.toBe('');
    expect(placeholders(both.id)).toEqual(placeholders(both.en));
  });

  it('never shouts', () => {
    for (const [key, both] of all) expect(`${both.id}${both.en}`, key).not.toMatch(/!/);
  });
});

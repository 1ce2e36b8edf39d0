// Both languages are equal: a text without both, or with other placeholders, fails the build.

import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import pages from '../src/i18n/pages.json';
import reasons from '../src/i18n/reasons.json';
import texts from '../src/i18n/texts.json';
import words from '../src/i18n/words.json';

const all: [string, Record<string, string>][] = [
  ...Object.entries(reasons),
  ...Object.entries(texts),
  ...Object.entries(pages),
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

  it('has at the first paint whatever that says', () => {
    const early = [...reached('src/main.ts')].map((file) => readFileSync(file, 'utf-8')).join('\n');
    const late = Object.keys(pages).filter((key) => early.includes(`'${key}'`));
    expect(late).toEqual([]);
    // Keys that are put together: their first word must not be one that the pages share with the first paint.
    const begun = [...early.matchAll(/`([a-z_]+\.[a-z_]*)\$\{/g)].map((found) => String(found[1]));
    expect(begun.length).toBeGreaterThan(5);
    expect(Object.keys(pages).filter((key) => begun.some((prefix) => key.startsWith(prefix)))).toEqual([]);
    expect(Object.keys(texts).filter((key) => Object.hasOwn(pages, key))).toEqual([]);
  });
});

/** All files that one imports at once, as the build follows them. */
function reached(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  for (const [, named] of readFileSync(file, 'utf-8').matchAll(/(?:from|import) '(\.[^']+)'/g)) {
    const path = join(dirname(file), String(named));
    const source = [path, `${path}.ts`].find((one) => /\.(ts|svelte)$/.test(one) && existsSync(one));
    if (source) reached(source, found);
  }
  return found;
}

// The page that the daemon sends to who may not see ours: its words are the catalogue's, and it can be filled in.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type TextKey, text } from '../src/i18n/text';
import { REFUSALS } from '../src/live/caller';

const source = readFileSync('sign-in.html', 'utf-8');
// Without what happy-dom would try to fetch.
const page = new DOMParser().parseFromString(source.replaceAll(/<link .*>/g, ''), 'text/html');
const style = readFileSync('src/styles/sign-in.css', 'utf-8');

describe('sign-in page', () => {
  it.each(REFUSALS.flatMap((code) => (['id', 'en'] as const).map((language) => [code, language] as const)))(
    'says %s in %s',
    (code, language) => {
      const said = [...page.querySelectorAll(`.for-${code}[lang="${language}"]`)].map((one) => one.textContent);
      const parts = ['what', 'why', 'act'].map((part) => text(`closed.${code}.${part}` as TextKey, language));
      expect(said).toEqual(parts);
      expect(style).toContain(`html:not([data-code="${code}"]) .for-${code}`);
    },
  );

  it('says nothing that the catalogue does not say', () => {
    const shared: TextKey[] = ['app.title', 'closed.no_address', 'closed.look_again'];
    for (const language of ['id', 'en'] as const) {
      const said = [...page.querySelectorAll(`span[lang="${language}"]:not([class])`)].map((one) => one.textContent);
      expect(said).toEqual(shared.map((key) => text(key, language)));
    }
  });

  it('has each place that the daemon fills in exactly once, and neither script nor style of its own', () => {
    expect(source.split('lang="id" data-code="sign_in" data-address="no"')).toHaveLength(2);
    expect(source.split('#sign-in-address')).toHaveLength(2);
    expect(page.querySelector('a.button')?.getAttribute('href')).toBe('#sign-in-address');
    expect(page.querySelectorAll('script, style, [style], [onclick]')).toHaveLength(0);
  });
});

// An old tab: which build it is, and what the daemon serves by now.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { buildOf, isReplaced } from '../src/live/build';

const page = (script: string, style = 'b', more = '') =>
  `<link rel="icon" href="./favicon.svg"><script type="application/json" id="document">${more}</script>` +
  `<script type="module" crossorigin src="./assets/index-${script}.js"></script>` +
  `<link rel="stylesheet" crossorigin href="./assets/index-${style}.css">`;
const served = (body: string, status = 200) =>
  vi.stubGlobal('fetch', async () => new Response(body, { status, headers: { 'Content-Type': 'text/html' } }));

describe('build', () => {
  afterEach(() => vi.unstubAllGlobals());

  it('is what its files are called, whatever the document inside it quotes', () => {
    const quoted = JSON.stringify({ error: 'src="./assets/evil.js"' });
    expect(buildOf(page('a', 'b', quoted))).toBe('assets/index-a.js assets/index-b.css');
    expect(buildOf('<p>no page of ours</p>')).toBe('');
  });

  it.each([
    ['the same', page('a'), 200, false],
    ['another script', page('c'), 200, true],
    ['another style sheet', page('a', 'c'), 200, true],
    ['a page that turns away', page('c'), 401, false],
    ['a page of somebody in between', '<h1>Welcome to our network</h1>', 200, false],
  ])('is replaced by another one alone: %s', async (_, body, status, expected) => {
    served(body, status);
    expect(await isReplaced(buildOf(page('a')))).toBe(expected);
  });

  it('is not replaced where nobody answers, nor where the page is served file by file', async () => {
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('nobody is there');
    });
    expect(await isReplaced(buildOf(page('a')))).toBe(false);
    served(page('c'));
    expect(await isReplaced()).toBe(false);
  });
});

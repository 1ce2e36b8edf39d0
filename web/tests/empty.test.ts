// Every view of a platform that has little or nothing to show: each part explains itself.
import { flushSync, mount, unmount } from 'svelte';
import { describe, expect, it, vi } from 'vitest';
import { reader } from '../src/i18n/say.svelte';
import { live } from '../src/live/state.svelte';
import type { HealthDocument } from '../src/live/wire';
import Shell from '../src/Shell.svelte';
import { later } from '../src/views/later.svelte';
import { board } from './boards';
import { sample } from './sample';

class Socket {
  send() {}
  close() {}
}

vi.stubGlobal('WebSocket', Socket);
// Nobody answers; without a build the words have no address, and are there already.
vi.stubGlobal('fetch', async (address?: URL) => new Response('{}', { status: address ? 404 : 200 }));
vi.stubGlobal('Image', class {});

const SEVEN = Object.keys(board().checks);
const bare = (more: object = {}) => sample(Object.fromEntries(SEVEN.map((name) => [name, more])));
const sections = { cron: { verdict: 'ok' }, services: {}, settings: {}, monitor: { verdict: 'ok' } };
const DOCUMENTS: Record<string, HealthDocument> = {
  'with no check at all': sample(),
  'whose checks bring no detail': { ...bare(), ...sections },
  'of which nothing has been seen yet': {
    ...sample(
      Object.fromEntries(SEVEN.map((name) => [name, { verdict: 'unknown' as const, reason: 'unknown.starting' }])),
    ),
    ...sections,
  },
  'whose details are there and empty': { ...bare({ detail: {}, headline: { value: 0, of: 0 } }), ...sections },
  'with a check that nobody knows here': {
    ...sample({ db: {}, appointments: { headline: { value: 3 } } }),
    cron: { verdict: 'ok', jobs: {} },
  },
};
const ADDRESSES = [
  '#/',
  '#/events',
  ...SEVEN.map((name) => `#/checks/${name}`),
  '#/checks/appointments',
  '#/cron/none',
  '#/settings/none',
];

describe.each(Object.entries(DOCUMENTS))('a platform %s', (_, document) => {
  it.each(ADDRESSES)('explains itself at %s', async (address) => {
    await later.fetch();
    expect(later.pages).toBeDefined();
    live.start(document);
    for (const language of ['id', 'en'] as const) {
      location.hash = address;
      window.dispatchEvent(new HashChangeEvent('hashchange'));
      reader.language = language;
      const page = mount(Shell, { target: window.document.body });
      flushSync();
      const body = window.document.body;
      const named = [...body.querySelectorAll('h1, h2, h3')].map((heading) => heading.textContent?.trim());
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((name) => !name)).toEqual([]);
      for (const section of body.querySelectorAll('.section')) {
        const heading = section.querySelector('header')?.textContent ?? '';
        const told = (section.textContent ?? '').replace(heading, '').trim();
        expect(told, `${language} ${heading}`).not.toBe('');
      }
      for (const table of body.querySelectorAll('table'))
        expect(table.querySelectorAll('tbody tr').length).toBeGreaterThan(0);
      const main = body.querySelector('main')?.textContent?.trim();
      expect(main).not.toBe('');
      expect(body.textContent).not.toMatch(/undefined|NaN|null|\{\w+\}|\[object/);
      await unmount(page);
      body.innerHTML = '';
    }
  });
});

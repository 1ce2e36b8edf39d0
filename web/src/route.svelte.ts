// Which page the address names: the part behind the # alone, so that the page can lie under any path.

import { SECTIONS, type SectionName } from './live/sections';

export type Route =
  | { page: 'board'; section?: SectionName }
  | { page: 'events' }
  | { page: 'check'; name: string }
  | { page: 'job'; name: string }
  | { page: 'setting'; name: string };

/** The pages of one thing each, by the first word of their address. */
const NAMED = { checks: 'check', cron: 'job', settings: 'setting' } as const;

export function parseRoute(hash: string): Route {
  const [first, second] = hash.replace(/^#\/?/, '').split('/');
  if (first === 'events') return { page: 'events' };
  if (second && first && Object.hasOwn(NAMED, first)) {
    try {
      return { page: NAMED[first as keyof typeof NAMED], name: decodeURIComponent(second) };
    } catch {
      return { page: 'board' }; // A broken escape in the address.
    }
  }
  const section = SECTIONS.find((name) => name === first);
  return section ? { page: 'board', section } : { page: 'board' };
}

/** Where a watched thing is shown, by its key: one of the seven has a page, the rest a section of the board. */
export function toWatched(key: string): string {
  const section = SECTIONS.find((name) => name === key.split('/')[0]);
  return section ? toSection(section) : `#/checks/${encodeURIComponent(key)}`;
}

export function toSection(section: SectionName): string {
  return `#/${section}`;
}

export function toJob(name: string): string {
  return `#/cron/${encodeURIComponent(name)}`;
}

export function toSetting(key: string): string {
  return `#/settings/${encodeURIComponent(key)}`;
}

class Where {
  route = $state.raw<Route>(parseRoute(location.hash));

  constructor() {
    window.addEventListener('hashchange', () => {
      this.route = parseRoute(location.hash);
    });
  }
}

export const where = new Where();

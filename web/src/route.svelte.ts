// Which page the address names: the part behind the # alone, so that the page can lie under any path.

export type Route = { page: 'board' } | { page: 'events' } | { page: 'check'; name: string };

export function parseRoute(hash: string): Route {
  const [first, second] = hash.replace(/^#\/?/, '').split('/');
  if (first === 'events') return { page: 'events' };
  if (first === 'checks' && second) {
    try {
      return { page: 'check', name: decodeURIComponent(second) };
    } catch {
      return { page: 'board' }; // A broken escape in the address.
    }
  }
  return { page: 'board' };
}

export function toCheck(name: string): string {
  return `#/checks/${encodeURIComponent(name)}`;
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

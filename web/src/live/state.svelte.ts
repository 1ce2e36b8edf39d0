// What the views read: the live state and the series as reactive values, replaced whole and shared in part.
import { LiveDocument, type LiveState } from './document';
import { Link } from './link';
import { fetchLatency, fetchRates, type Point, type Rates } from './series';
import type { HealthDocument } from './wire';

const SERIES_EVERY_MS = 60_000;

class Live {
  /** Raw on purpose: the patch already shares what did not change, deep proxies would only cost. */
  state = $state.raw() as LiveState;
  rates = $state.raw<Rates>();
  latency = $state.raw<Point[]>();
  /** The one ticking clock; every age on the page is told from it. */
  now = $state(Date.now());

  start(document: HealthDocument): void {
    const writer = new LiveDocument(document, Date.now(), (state) => {
      this.state = state;
    });
    const address = new URL('api/v1/stream', window.document.baseURI);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const link = new Link(address.href, {
      place: () => writer.state.position,
      connected: () => writer.linked(Date.now()),
      message: (message) => {
        const before = writer.state.link;
        const answer = writer.receive(message, Date.now());
        if (before !== writer.state.link) void this.#refresh();
        return answer;
      },
      lost: () => writer.lost(),
    });
    this.#tick();
    link.open();
    window.addEventListener('online', () => link.hurry());
    window.document.addEventListener('visibilitychange', () => {
      if (window.document.visibilityState !== 'visible') return;
      link.hurry();
      this.now = Date.now() + this.state.offset_ms;
    });
    // After the first paint: the board is complete without its little charts.
    requestAnimationFrame(() => void this.#refresh());
    setInterval(() => void this.#refresh(), SERIES_EVERY_MS);
  }

  #tick(): void {
    this.now = Date.now() + this.state.offset_ms;
    setTimeout(() => this.#tick(), 1000 - (this.now % 1000));
  }

  async #refresh(): Promise<void> {
    const [rates, latency] = await Promise.all([fetchRates(), fetchLatency()]);
    if (rates) this.rates = rates;
    if (latency) this.latency = latency;
  }
}

export const live = new Live();

// What the views read: the live state and the series as reactive values, replaced whole and shared in part.
import { ask, brought } from './ask';
import { refusalOf } from './caller';
import { LiveDocument, type LiveState } from './document';
import { Link } from './link';
import { isDocument } from './protocol';
import { fetchLatency, fetchRates, type Point, type Rates } from './series';
import { session } from './session.svelte';
import type { HealthDocument } from './wire';

const SERIES_EVERY_MS = 60_000;
/** A session that was closed and is good again is believed after this long: the two must not chase each other. */
const CONTRADICTED_MS = 5000;
/** Looking at the page asks who looks, but not at every glance. */
const GLANCE_MS = 10_000;
const SIGNED_OUT = 4401;
const NOT_ALLOWED = 4403;

class Live {
  /** Raw on purpose: the patch already shares what did not change, deep proxies would only cost. */
  state = $state.raw() as LiveState;
  rates = $state.raw<Rates>();
  latency = $state.raw<Point[]>();
  /** The one ticking clock; every age on the page is told from it. */
  now = $state(Date.now());
  /** The daemon does not understand this page any more. */
  foreign = $state(false);
  /** Whether there is anything to show. */
  readonly begun = $derived(this.state !== undefined);
  #link: Link | undefined;
  #ticking = false;
  #glanced_at = 0;

  start(document: HealthDocument): void {
    const writer = new LiveDocument(document, Date.now(), (state) => {
      this.state = state;
    });
    const address = new URL('api/v1/stream', window.document.baseURI);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    this.#link?.stop();
    const link = new Link(address.href, {
      place: () => writer.state.position,
      connected: () => writer.linked(Date.now()),
      message: (message) => {
        const before = writer.state.link;
        const answer = writer.receive(message, Date.now());
        if (before !== writer.state.link) void this.#refresh();
        return answer;
      },
      lost: (unheard) => {
        writer.lost();
        // A handshake that is turned away looks to a page like one that fails.
        if (unheard) void this.whoLooks();
      },
      ended: (code) => {
        writer.lost();
        void this.#ended(link, code);
      },
    });
    this.#link = link;
    link.open();
    void this.whoLooks();
    // After the first paint: the board is complete without its little charts.
    requestAnimationFrame(() => void this.#refresh());
    if (this.#ticking) return;
    this.#ticking = true;
    this.#tick();
    setInterval(() => void this.#refresh(), SERIES_EVERY_MS);
  }

  /** Asks for the document; where it is refused, the session says why. */
  async load(): Promise<void> {
    const answer = await ask('api/v1/health/full');
    const found = brought(answer);
    if (isDocument(found)) return this.start(found);
    const refusal = refusalOf(answer);
    if (refusal) session.refuse(refusal);
  }

  /** Somebody looks at the page, or the network is back: whatever waits need not wait longer. */
  async look(): Promise<void> {
    this.now = Date.now() + (this.state?.offset_ms ?? 0);
    this.#link?.hurry();
    const refused = session.refusal !== undefined;
    if (!refused && Date.now() - this.#glanced_at < GLANCE_MS) return;
    await this.whoLooks();
    if (refused && session.refusal === undefined) await this.#resume();
  }

  async #resume(): Promise<void> {
    if (this.#link && this.begun) this.#link.open();
    else await this.load();
  }

  /** Asks whether who looks still may. */
  async whoLooks(): Promise<void> {
    this.#glanced_at = Date.now();
    if ((await session.ask()) === 'out') this.#turnedAway();
  }

  #turnedAway(): void {
    this.#link?.stop();
    if (session.closed) this.#forget();
  }

  /** What may not be seen is not kept either. */
  #forget(): void {
    this.#link?.stop();
    this.#link = undefined;
    this.rates = undefined;
    this.latency = undefined;
    this.state = undefined as unknown as LiveState;
  }

  async #ended(link: Link, code: number): Promise<void> {
    if (code === SIGNED_OUT) {
      const found = await session.ask();
      if (found === 'in') link.later();
      else if (found === 'unknown') session.refuse({ code: 'expired', address: undefined });
      else this.#turnedAway();
    } else if (code === NOT_ALLOWED) {
      session.refuse({ code: 'wrong_role', address: undefined });
      this.#forget();
      const refusal = refusalOf(await ask('api/v1/session'));
      if (refusal) session.refuse(refusal);
      else setTimeout(() => void this.look(), CONTRADICTED_MS);
    } else {
      this.foreign = true;
    }
  }

  #tick(): void {
    this.now = Date.now() + (this.state?.offset_ms ?? 0);
    setTimeout(() => this.#tick(), 1000 - (this.now % 1000));
  }

  async #refresh(): Promise<void> {
    if (!this.begun || session.refusal) return;
    const [rates, latency] = await Promise.all([fetchRates(), fetchLatency()]);
    if (!this.begun) return;
    if (rates) this.rates = rates;
    if (latency) this.latency = latency;
  }
}

export const live = new Live();

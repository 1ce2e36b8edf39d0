// What the views read: the live state and the series as reactive values, replaced whole and shared in part.
import { type Answer, ask, brought } from './ask';
import { isReplaced } from './build';
import { refusalOf } from './caller';
import { LiveDocument, type LiveState } from './document';
import { type Ending, Link } from './link';
import { Poll } from './poll';
import { isDocument } from './protocol';
import { overallVerdict } from './select';
import { fetchLatency, fetchRates, type Point, type Rates } from './series';
import { session } from './session.svelte';
import type { HealthDocument, Status, Verdict } from './wire';

const SERIES_EVERY_MS = 60_000;
/** A session that was closed and is good again is believed after this long: the two must not chase each other. */
const CONTRADICTED_MS = 5000;
/** Looking at the page asks who looks, but not at every glance. */
const GLANCE_MS = 10_000;
const SIGNED_OUT = 4401;
const NOT_ALLOWED = 4403;
/** So many connections without a word, one after the other, are a network that lets none through. */
const BLOCKED = 2;

/** The little that is seen of a tab behind others. */
export interface Tab {
  platform: string;
  status: Status;
  verdict: Verdict;
  lost: boolean;
}

class Live {
  /** Raw on purpose: the patch already shares what did not change, deep proxies would only cost. */
  state = $state.raw() as LiveState;
  rates = $state.raw<Rates>();
  latency = $state.raw<Point[]>();
  /** The one ticking clock; every age on the page is told from it. */
  now = $state.raw(Date.now());
  /** The daemon does not understand this page any more. */
  foreign = $state.raw(false);
  /** The daemon serves another build of this page by now. */
  newer = $state.raw(false);
  /** Kept also while nobody looks. */
  tab = $state.raw<Tab>();
  /** Whether there is anything to show. */
  readonly begun = $derived(this.state !== undefined);
  #writer: LiveDocument | undefined;
  #link: Link | undefined;
  #poll: Poll | undefined;
  #unheard = 0;
  #frame: number | undefined;
  #tick_timer: ReturnType<typeof setTimeout> | undefined;
  #series_timer: ReturnType<typeof setInterval> | undefined;
  #glanced_at = 0;

  start(document: HealthDocument): void {
    this.#leave();
    const writer = new LiveDocument(document, Date.now(), (state) => this.#keep(state));
    this.#writer = writer;
    this.#show(writer.state);
    const address = new URL('api/v1/stream', window.document.baseURI);
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
    const poll = new Poll((answer) => this.#polled(writer, answer));
    const link = new Link(address.href, {
      place: () => writer.state.position,
      connected: () => writer.linked(Date.now()),
      message: (message) => {
        const before = writer.state.link;
        const answer = writer.receive(message, Date.now());
        if (writer.state.link === 'live') {
          poll.stop();
          this.#unheard = 0;
          if (before !== 'live') void this.#refresh();
        }
        return answer;
      },
      lost: (how) => this.#lost(writer, how),
      ended: (code) => {
        poll.stop();
        writer.lost();
        void this.#ended(link, code);
      },
    });
    this.#link = link;
    this.#poll = poll;
    link.open();
    void this.whoLooks();
    this.#tick();
    // After the first paint: the board is complete without its little charts.
    requestAnimationFrame(() => this.#draw());
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
    if (this.#writer) this.#show(this.#writer.state);
    this.#tick();
    this.#link?.hurry();
    this.#poll?.hurry();
    if (this.#series_timer === undefined) this.#draw();
    const refused = session.refusal !== undefined;
    if (!refused && Date.now() - this.#glanced_at < GLANCE_MS) return;
    await this.whoLooks();
    if (refused && session.refusal === undefined) await this.#resume();
  }

  /** Nobody looks: nothing is drawn, and no clock ticks; the document is kept as it comes. */
  rest(): void {
    clearTimeout(this.#tick_timer);
    clearInterval(this.#series_timer);
    this.#series_timer = undefined;
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

  #keep(state: LiveState): void {
    const { document, link } = state;
    const tab: Tab = {
      platform: document.platform,
      status: document.status,
      verdict: overallVerdict(document),
      lost: link === 'lost',
    };
    if (JSON.stringify(tab) !== JSON.stringify(this.tab)) this.tab = tab;
    if (isHidden()) return;
    // How the link stands is told at once; of what comes between two frames only the last is drawn.
    if (!this.begun || link !== this.state.link) this.#show(state);
    else this.#frame ??= requestAnimationFrame(() => this.#framed());
  }

  #framed(): void {
    this.#frame = undefined;
    if (this.#writer && this.begun) this.#show(this.#writer.state);
  }

  #show(state: LiveState): void {
    const other = this.begun && state.position.epoch !== this.state.position.epoch;
    this.state = state;
    // Another life of the daemon may be one of another version.
    if (other) void this.#compare();
  }

  async #compare(): Promise<void> {
    if (await isReplaced()) this.newer = true;
  }

  #lost(writer: LiveDocument, { unheard, silent }: Ending): void {
    if (writer.state.link === 'live') writer.lost();
    this.#unheard = unheard ? this.#unheard + 1 : 0;
    if (silent || this.#unheard >= BLOCKED) this.#poll?.start();
    // A handshake that is turned away looks to a page like one that fails.
    if (unheard) void this.whoLooks();
  }

  #polled(writer: LiveDocument, answer: Answer | undefined): void {
    const before = writer.state.link;
    const found = brought(answer);
    if (isDocument(found)) writer.polled(found, Date.now());
    else if (answer?.status === 304) writer.polled(undefined, Date.now());
    else writer.lost();
    if (refusalOf(answer)) void this.whoLooks();
    // Somebody answers again: then the stream may be had as well.
    if (before === 'lost' && writer.state.link === 'polled') {
      this.#link?.hurry();
      void this.#refresh();
    }
  }

  #leave(): void {
    this.#link?.stop();
    this.#poll?.stop();
    this.#unheard = 0;
  }

  #turnedAway(): void {
    this.#leave();
    if (session.closed) this.#forget();
  }

  /** What may not be seen is not kept either. */
  #forget(): void {
    this.#leave();
    this.rest();
    this.#writer = undefined;
    this.#link = undefined;
    this.#poll = undefined;
    this.tab = undefined;
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
    clearTimeout(this.#tick_timer);
    this.now = Date.now() + (this.state?.offset_ms ?? 0);
    if (!this.begun || isHidden()) return;
    this.#link?.check();
    this.#tick_timer = setTimeout(() => this.#tick(), 1000 - (this.now % 1000));
  }

  #draw(): void {
    clearInterval(this.#series_timer);
    if (!this.begun || isHidden()) return;
    this.#series_timer = setInterval(() => void this.#refresh(), SERIES_EVERY_MS);
    void this.#refresh();
  }

  async #refresh(): Promise<void> {
    if (!this.begun || isHidden() || session.refusal) return;
    const [rates, latency] = await Promise.all([fetchRates(), fetchLatency()]);
    if (!this.begun || isHidden()) return;
    if (rates) this.rates = rates;
    if (latency) this.latency = latency;
  }
}

const isHidden = (): boolean => window.document.visibilityState === 'hidden';

export const live = new Live();

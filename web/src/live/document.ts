// The one writer of what the page knows: the document, the place in line, the link and when it last spoke.
import { applyPatch } from './patch';
import { judge } from './position';
import type { HealthDocument, JsonObject, Message, Position } from './wire';

export interface LiveState {
  readonly document: HealthDocument;
  readonly position: Position;
  /** `polled`: no stream can be had, but the daemon answers who asks. */
  readonly link: 'live' | 'polled' | 'lost';
  /** The monitor's clock minus this machine's, so that ages are right on a machine whose clock is wrong. */
  readonly offset_ms: number;
}

/** Less than this is the way over the network, not a wrong clock. */
const OFFSET_NOISE_MS = 1500;
/** What was asked for and did not come is asked for again, well inside the daemon's inbound limit. */
const ASK_AGAIN_MS = 10_000;

/** Asks for what came after this place, or for the whole document. */
export type Request = { type: 'subscribe' } & (Position | { epoch?: never; seq?: never });

export class LiveDocument {
  #state: LiveState;
  /** What must come before anything is applied: every subscription is answered by a hello. */
  #awaited: 'hello' | 'snapshot' | undefined;
  #asked_at: number | undefined;
  readonly #changed: (state: LiveState) => void;

  constructor(document: HealthDocument, now: number, changed: (state: LiveState) => void) {
    this.#changed = changed;
    this.#state = { document, position: document.position, link: 'live', offset_ms: 0 };
    this.#adopt({ offset_ms: this.#offset(document.as_of, now) });
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The caller must send the request that comes back; until its answer comes nothing else is applied. */
  receive(message: Message, now: number): Request | undefined {
    if (message.type === 'hello') return this.#greeted(message, now);
    const action = judge(this.#state.position.seq, message);
    if (this.#awaited !== undefined && message.type !== 'snapshot') {
      const late = this.#asked_at !== undefined && now - this.#asked_at >= ASK_AGAIN_MS;
      return message.type === 'bookmark' && late ? this.#ask(now) : undefined;
    }
    if (action === 'resync') return this.#ask(now);
    if (action === 'ignore') return undefined;
    switch (message.type) {
      case 'snapshot':
        this.#arrived();
        this.#adopt({
          document: message.data,
          position: { epoch: message.epoch, seq: message.seq },
          link: 'live',
          offset_ms: this.#offset(message.data.as_of, now),
        });
        break;
      case 'diff': {
        const position = { epoch: this.#state.position.epoch, seq: message.seq };
        // The patch does not carry its own place.
        this.#adopt({ document: { ...this.#patched(message.patch), position }, position });
        break;
      }
      case 'bookmark':
        this.#adopt({
          document: this.#patched(bookmarked(this.#state.document, message.as_of, message.evidence)),
          offset_ms: this.#offset(message.as_of, now),
        });
        break;
    }
    return undefined;
  }

  /** A new connection greets first: what was asked on the old one will not be answered. */
  linked(now: number): void {
    this.#awaited = 'hello';
    this.#asked_at = now;
  }

  /** What was asked for by HTTP while the stream is away; without a document nothing has changed since the last one. */
  polled(document: HealthDocument | undefined, now: number): void {
    const { position, link } = this.#state;
    if (link === 'live') return;
    const overtaken = document?.position.epoch === position.epoch && document.position.seq < position.seq;
    const found = overtaken ? undefined : document;
    if (found) {
      const offset_ms = this.#offset(found.as_of, now);
      this.#adopt({ document: found, position: found.position, link: 'polled', offset_ms });
    } else if (link !== 'polled') this.#adopt({ link: 'polled' });
  }

  lost(): void {
    if (this.#state.link !== 'lost') this.#adopt({ link: 'lost' });
  }

  #greeted(hello: Message & { type: 'hello' }, now: number): Request | undefined {
    if (!hello.resumed) {
      this.#awaited = 'snapshot';
      return undefined;
    }
    // A line that is not ours can only be joined with its whole document.
    if (hello.epoch !== this.#state.position.epoch) return this.#ask(now, { type: 'subscribe' });
    this.#arrived();
    if (this.#state.link !== 'live') this.#adopt({ link: 'live' });
    return undefined;
  }

  #arrived(): void {
    this.#awaited = undefined;
    this.#asked_at = undefined;
  }

  #ask(now: number, request: Request = { type: 'subscribe', ...this.#state.position }): Request {
    this.#awaited = 'hello';
    this.#asked_at = now;
    return request;
  }

  #patched(patch: JsonObject): HealthDocument {
    return applyPatch(this.#state.document as unknown as JsonObject, patch) as unknown as HealthDocument;
  }

  #offset(stamp: string, now: number): number {
    const offset = Date.parse(stamp) - now;
    if (Number.isNaN(offset)) return this.#state.offset_ms;
    return Math.abs(offset - this.#state.offset_ms) > OFFSET_NOISE_MS ? offset : this.#state.offset_ms;
  }

  #adopt(change: Partial<LiveState>): void {
    this.#state = { ...this.#state, ...change };
    this.#changed(this.#state);
  }
}

/** Evidence refreshed with the same meaning is no diff: its age travels in the bookmark. */
function bookmarked(document: HealthDocument, as_of: string, evidence: { [key: string]: string }): JsonObject {
  const checks: JsonObject = {};
  const services: JsonObject = {};
  const patch: JsonObject = { as_of, checks };
  for (const [key, observed_at] of Object.entries(evidence)) {
    const service = key.startsWith('services/') ? key.slice('services/'.length) : undefined;
    if (Object.hasOwn(document.checks, key)) checks[key] = { observed_at };
    else if (service !== undefined && Object.hasOwn(document.services ?? {}, service)) {
      services[service] = { observed_at };
      patch.services = services;
    } else if ((key === 'cron' || key === 'monitor') && document[key]) patch[key] = { observed_at };
  }
  return patch;
}

// The wire itself: the only file that knows WebSocket. Connects, listens for silence, and comes back by itself.
import { decode, SUBPROTOCOL } from './protocol';
import type { Message, Position } from './wire';

/** How a connection went: nothing was ever said on it, or it was left because it said nothing for too long. */
export interface Ending {
  unheard: boolean;
  silent: boolean;
}

export interface Ears {
  /** The place in line to go on from. */
  place(): Position;
  connected(): void;
  /** What comes back is said to the daemon on this same connection. */
  message(message: Message): object | undefined;
  /** The connection is gone; the next attempt comes by itself. */
  lost(how: Ending): void;
  /** The daemon has closed it with a code that says: do not come back as you are. */
  ended(code: number): void;
}

/** Bookmarks come every 3 s, so 8 s of silence are two of them missed. */
const SILENCE_MS = 8000;
const FIRST_STEP_MS = 500;
const RESTART_STEP_MS = 1000;
const LAST_STEP_MS = 30_000;
/** "Service restart": everyone is thrown out at once and must not come back at once. */
const RESTART = 1012;
/** Not understood, not signed in, not allowed, another protocol: the same attempt would end the same way. */
const FINAL = [4400, 4401, 4403, 4406];

export class Link {
  readonly #address: string;
  readonly #ears: Ears;
  #socket: WebSocket | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #step_ms = FIRST_STEP_MS;
  #heard = false;
  #spoke_at = 0;

  constructor(address: string, ears: Ears) {
    this.#address = address;
    this.#ears = ears;
  }

  open(): void {
    if (this.#socket) return;
    this.#heard = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    const { epoch, seq } = this.#ears.place();
    const socket = new WebSocket(`${this.#address}?epoch=${epoch}&seq=${seq}`, SUBPROTOCOL);
    this.#socket = socket;
    this.#listen();
    socket.onopen = () => {
      if (socket !== this.#socket) return;
      this.#ears.connected();
    };
    socket.onmessage = (event) => {
      if (socket !== this.#socket || typeof event.data !== 'string') return;
      this.#listen();
      const message = decode(event.data);
      if (message === undefined) return this.#drop(socket);
      this.#heard = true;
      if (message.type === 'snapshot' || (message.type === 'hello' && message.resumed)) this.#step_ms = FIRST_STEP_MS;
      const answer = this.#ears.message(message);
      if (answer !== undefined) socket.send(JSON.stringify(answer));
    };
    socket.onclose = (event) => {
      if (socket !== this.#socket) return;
      if (FINAL.includes(event.code)) {
        this.#socket = undefined;
        this.stop();
        return this.#ears.ended(event.code);
      }
      if (event.code === RESTART) this.#step_ms = RESTART_STEP_MS;
      this.#again(false);
    };
  }

  /** Something says that the network may be back (a tab in front again, the machine online): do not sleep on. */
  hurry(): void {
    this.check();
    if (this.#retry !== undefined) this.open();
  }

  /** A machine that slept, or a tab that was put to rest, has timers that are late: the clock on the wall is not. */
  check(): void {
    if (this.#socket && Date.now() - this.#spoke_at >= SILENCE_MS) this.#drop(this.#socket, true);
  }

  /** Speaks to nobody until it is opened again. */
  stop(): void {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    this.#retry = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#spoke_at = Date.now();
    this.#silence = setTimeout(() => this.#socket && this.#drop(this.#socket, true), SILENCE_MS);
  }

  /** A peer that went silent will not answer a close either, so its close event is not waited for. */
  #drop(socket: WebSocket, silent = false): void {
    if (socket === this.#socket) this.#again(silent);
    socket.close();
  }

  #again(silent: boolean): void {
    this.#socket = undefined;
    clearTimeout(this.#silence);
    this.#ears.lost({ unheard: !this.#heard, silent });
    this.later();
  }

  /** Comes back after a pause. */
  later(): void {
    // Full jitter: any moment of the step, so that a thousand pages do not knock together.
    const delay = Math.random() * this.#step_ms;
    this.#step_ms = Math.min(this.#step_ms * 2, LAST_STEP_MS);
    this.#retry = setTimeout(() => this.open(), delay);
  }
}

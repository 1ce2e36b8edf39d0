// For a network that lets no stream through: asks for the whole document every few seconds.
import { type Answer, ask } from './ask';

export const POLL_S = 5;
/** Nobody looks: the title and the icon of the tab may be a minute late. */
const HIDDEN_S = 60;
/** With the pause before it, what goes silent is noticed within 8 s, as on the stream. */
const PATIENCE_MS = 3000;

export class Poll {
  readonly #told: (answer: Answer | undefined) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running = false;
  #round = 0;
  #tag: string | undefined;

  /** Each answer is told: a document, that there is none newer (304), a refusal, or nothing where nobody answers. */
  constructor(told: (answer: Answer | undefined) => void) {
    this.#told = told;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#tag = undefined;
    void this.#ask();
  }

  /** Somebody looks again: does not wait for the end of the pause. */
  hurry(): void {
    if (this.#running) void this.#ask();
  }

  stop(): void {
    this.#running = false;
    this.#round += 1;
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    clearTimeout(this.#timer);
    this.#round += 1;
    const round = this.#round;
    const hidden = document.visibilityState === 'hidden';
    // Ages alone make no new document. Who looks wants to see them; who does not asks only for what has changed.
    const headers: HeadersInit = hidden && this.#tag ? { 'If-None-Match': this.#tag } : {};
    const answer = await ask('api/v1/health/full', { headers }, PATIENCE_MS);
    // Whoever is told may stop this, or have it ask at once.
    if (round !== this.#round) return;
    this.#tag = answer?.tag ?? this.#tag;
    this.#told(answer);
    if (round !== this.#round) return;
    const pause_s = Math.max(document.visibilityState === 'hidden' ? HIDDEN_S : POLL_S, answer?.retry_after_s ?? 0);
    this.#timer = setTimeout(() => void this.#ask(), pause_s * 1000);
  }
}

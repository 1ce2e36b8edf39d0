// The session as a reactive value: who reads, or why the page is closed to them.
import { ask } from './ask';
import { type Caller, callerOf, type Refusal, refined, refusalOf } from './caller';

class Session {
  caller = $state.raw<Caller>();
  refusal = $state.raw<Refusal>();
  /** Whose time is merely up still sees the old state; from anybody else it is taken away. */
  readonly closed = $derived(this.refusal !== undefined && this.refusal.code !== 'expired');
  readonly edits = $derived(this.caller?.edits === true && this.refusal === undefined);
  #last = $state.raw<Caller>();
  readonly known = $derived(this.caller !== undefined || this.refusal !== undefined);
  /** Whose time is merely up keeps what is drafted, and may save it once they are back. */
  readonly mayEdit = $derived((this.caller ?? this.#last)?.edits === true && !this.closed);
  #address: string | undefined;

  /** Asks anew; `unknown` when nobody answers, and then nothing changes. */
  async ask(): Promise<'in' | 'out' | 'unknown'> {
    const answer = await ask('api/v1/session');
    const caller = callerOf(answer);
    if (caller) {
      this.caller = caller;
      this.#last = caller;
      this.refusal = undefined;
      return 'in';
    }
    const refusal = refusalOf(answer);
    if (!refusal) return 'unknown';
    this.refuse(refusal);
    return 'out';
  }

  refuse(refusal: Refusal): void {
    this.#address = refusal.address ?? this.#address;
    this.refusal = refined({ ...refusal, address: this.#address }, this.#last, Date.now());
    this.caller = undefined;
  }
}

export const session = new Session();

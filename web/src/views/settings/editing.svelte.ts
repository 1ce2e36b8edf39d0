// One edit from the first key to its arrival: what is drafted, what it stands on, and what became of it.
import {
  type Base,
  baseOf,
  type Current,
  canonical,
  hasMoved,
  type Outcome,
  type Problem,
  problemOf,
  type Setting,
  save,
} from '../../live/settings';

type Save = typeof save;
type Refusal = Outcome & { kind: 'refused' };

export class Editing {
  /** Absent: untouched, the field shows what is set. */
  draft = $state.raw<string>();
  reason = $state.raw('');
  busy = $state.raw(false);
  refusal = $state.raw<Refusal>();
  conflict = $state.raw<Current>();
  /** What was saved; `arrived` once the stream has brought it here as to everybody. */
  saved = $state.raw<{ base: Base; at: number | undefined; arrived: boolean }>();
  /** A value that was sent is judged when it is sent, not while it is typed. */
  tried = $state.raw(false);
  /** What was sent from here and of whose end nobody knows, as it was typed. */
  #lost: string[] = [];
  readonly setting: Setting;
  readonly changed: boolean;
  readonly problem: Problem | undefined;
  /** Between the answer and the stream there is nothing to edit. */
  readonly waits = $derived(this.saved !== undefined && !this.saved.arrived);
  #base: Base;
  readonly #save: Save;
  readonly #me: () => string | undefined;

  /** `me` is the name that the platform's record has of who edits here. */
  constructor(read: () => Setting, me: () => string | undefined, how: Save = save) {
    this.#me = me;
    this.setting = $derived(read());
    this.#save = how;
    this.#base = baseOf(read());
    this.changed = $derived(this.draft !== undefined && isChange(this.setting, this.draft));
    this.problem = $derived(this.draft === undefined ? undefined : problemOf(this.setting, this.draft));
  }

  /** The field's text: the draft, or what is set; a secret and what is not known whole begin empty. */
  get text(): string {
    if (this.draft !== undefined) return this.draft;
    return this.setting.whole ? (this.setting.value ?? '') : '';
  }

  write(text: string): void {
    if (this.busy || this.waits) return;
    this.draft = text;
    this.refusal = undefined;
    this.saved = undefined;
    this.tried = false;
  }

  reset(): void {
    if (this.busy || this.waits) return;
    this.#clear();
    this.#stand(this.conflict ?? this.setting);
    this.conflict = undefined;
    this.refusal = undefined;
  }

  /** To be called whenever the document has brought the setting anew. */
  follow(): void {
    if (this.busy) return;
    const { setting } = this;
    if (this.saved && !this.saved.arrived) {
      const { base, at } = this.saved;
      const there =
        base.version === undefined
          ? setting.secret || setting.value === base.value || (at !== undefined && (setting.changed_at ?? 0) >= at)
          : (setting.version ?? 0) >= base.version;
      if (there) this.#arrive(setting, this.saved);
      return;
    }
    if (!hasMoved(setting, this.conflict ?? this.#base)) return;
    if (this.#finds(setting)) {
      this.follow();
      return;
    }
    // A draft that is what the value was, or what it has become, is none that anything could be lost of.
    const was = { ...setting, value: this.#base.value };
    if (this.changed && this.draft !== undefined && isChange(was, this.draft)) {
      const { version, value, changed_at, changed_by } = setting;
      this.conflict = { version, value, changed_at, changed_by };
      this.refusal = undefined;
    } else {
      this.draft = undefined;
      this.#stand(setting);
      this.conflict = undefined;
    }
  }

  /** Lets the other one's value stand. */
  takeTheirs(): void {
    this.reset();
  }

  /** Saves mine, knowing theirs. */
  async saveOver(): Promise<Outcome | undefined> {
    if (!this.conflict) return undefined;
    this.#stand(this.conflict);
    this.conflict = undefined;
    return await this.submit();
  }

  async submit(): Promise<Outcome | undefined> {
    this.tried = true;
    if (this.busy || this.waits || this.conflict || !this.changed || this.problem || this.draft === undefined)
      return undefined;
    this.busy = true;
    this.refusal = undefined;
    const { key, secret, type } = this.setting;
    const value = secret ? this.draft : canonical(type, this.draft);
    const outcome = await this.#save(key, value, this.reason, this.#base);
    this.busy = false;
    if (outcome.kind === 'conflict' && this.#finds(outcome.current)) {
      this.follow();
      return this.saved ? outcome : await this.submit();
    }
    if (outcome.kind === 'saved') {
      // A secret is not kept a moment longer than its way takes.
      if (secret) this.draft = undefined;
      const base = { version: outcome.version, value: secret ? undefined : value };
      this.saved = { base, at: outcome.changed_at, arrived: false };
    } else if (outcome.kind === 'conflict') {
      this.conflict = outcome.current;
    } else {
      this.refusal = outcome;
      if (outcome.code === 'unconfirmed' || outcome.code === 'no_answer') this.#lost.push(this.draft);
    }
    this.follow();
    return outcome;
  }

  /**
   * Knows one's own edit again whose answer never came: it is saved. What was typed since then is a new draft, which
   * stands on it.
   */
  #finds(now: Current): boolean {
    const same = this.#lost.filter((draft) => canonical(this.setting.type, draft) === now.value);
    const mine = now.changed_by !== undefined && now.changed_by === this.#me();
    const next = this.#base.version === undefined || now.version === this.#base.version + 1;
    if (this.#lost.length === 0 || !next || !(mine || same.length > 0)) return false;
    // Where the value does not tell it, being the only one does: a secret, or what the platform writes otherwise.
    const sent = same.length > 0 || this.#lost.length > 1 ? same : this.#lost;
    this.refusal = undefined;
    this.conflict = undefined;
    this.#stand(now);
    if (this.draft !== undefined && sent.includes(this.draft)) {
      this.saved = { base: baseOf(now), at: now.changed_at, arrived: false };
      if (this.setting.secret) this.draft = undefined;
    }
    return true;
  }

  #arrive(setting: Setting, saved: { base: Base; at: number | undefined }): void {
    this.saved = { ...saved, arrived: true };
    this.#clear();
    this.#stand(setting);
  }

  #stand(on: Base): void {
    this.#base = baseOf(on);
    this.#lost = [];
  }

  #clear(): void {
    this.draft = undefined;
    this.reason = '';
    this.tried = false;
  }
}

function isChange(setting: Setting, draft: string): boolean {
  if (setting.secret) return draft !== '';
  if (!setting.whole || setting.value === undefined) return draft !== '';
  return canonical(setting.type, draft) !== setting.value;
}

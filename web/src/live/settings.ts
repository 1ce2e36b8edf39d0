// One setting as it may be edited: its form, what a new value must be like, and the questions that change it.
import { type Answer, ask, brought, errorOf } from './ask';
import { REFUSALS } from './caller';
import { isObject } from './protocol';
import { at, flagAt, momentAt, numberAt, textAt } from './read';
import type { Json, JsonObject } from './wire';

export type SettingType = 'text' | 'bool' | 'int' | 'choice';

export interface Setting {
  key: string;
  type: SettingType;
  /** Its value is never read, only replaced. */
  secret: boolean;
  configured: boolean;
  /** As the document shows it; absent for a secret and for what is not set. */
  value: string | undefined;
  /** The document shows long values cut, and hides what looks like a secret in them. */
  whole: boolean;
  editable: boolean;
  version: number | undefined;
  changed_at: number | undefined;
  changed_by: string | undefined;
  choices: string[];
  minimum: number | undefined;
  maximum: number | undefined;
  max_length: number;
}

/** What an edit stands on: the version that was seen or, without versions, the value. */
export interface Base {
  version: number | undefined;
  value: string | undefined;
}

/** What somebody faster has made of it. */
export interface Current extends Base {
  changed_at: number | undefined;
  changed_by: string | undefined;
}

export const PROBLEMS = ['empty', 'type', 'bounds', 'choice', 'pattern', 'length'] as const;
export type Problem = (typeof PROBLEMS)[number];

/** What the daemon says for itself; in all but the last nothing was written. */
const SAID = [
  'no_such_setting',
  'not_editable',
  'not_allowed',
  'invalid_value',
  'edits_off',
  'busy',
  'database_away',
  'failed',
  'unconfirmed',
] as const;
export const REFUSED = [...SAID, 'signed_out', 'too_many', 'turned_away', 'page_old', 'no_answer'] as const;
export type Refused = (typeof REFUSED)[number];

export type Outcome =
  | { kind: 'saved'; version: number | undefined; changed_at: number | undefined }
  | { kind: 'conflict'; current: Current }
  /** `session`: it is about who asks, so the session is to be looked at. */
  | { kind: 'refused'; code: Refused; problem?: Problem; retry_after_s?: number | undefined; session?: boolean };

export interface Change {
  id: string;
  at: number;
  by: string | undefined;
  reason: string | undefined;
  old: string | undefined;
  now: string | undefined;
  secret: boolean;
}

export const LONGEST_REASON = 500;
const LONGEST = 2000;
/** The database may take its time; who gives up earlier does not know what became of the edit. */
const PATIENCE_MS = 20_000;
/** Whole numbers that every reader of JSON can hold as well. */
const WHOLE = /^[+-]?\d{1,15}$/;
const WORDS: Record<string, string> = {
  true: 'true',
  yes: 'true',
  on: 'true',
  1: 'true',
  false: 'false',
  no: 'false',
  off: 'false',
  0: 'false',
};

export function settingAt(settings: Json | undefined, key: string): Setting | undefined {
  if (!isObject(settings) || !Object.hasOwn(settings, key)) return undefined;
  const entry = settings[key];
  const secret = flagAt(entry, 'secret') === true;
  const said = at(entry, 'value');
  const value = secret || said === undefined || said === null || typeof said === 'object' ? undefined : String(said);
  const choices = at(entry, 'choices');
  const type = textAt(entry, 'type');
  return {
    key,
    type: type === 'bool' || type === 'int' || type === 'choice' ? type : 'text',
    secret,
    configured: secret ? flagAt(entry, 'configured') === true : value !== undefined,
    value,
    whole: flagAt(entry, 'partial') !== true,
    editable: flagAt(entry, 'editable') === true,
    version: numberAt(entry, 'version'),
    changed_at: momentAt(entry, 'changed_at'),
    changed_by: textAt(entry, 'changed_by'),
    choices: Array.isArray(choices) ? choices.map(String) : [],
    minimum: numberAt(entry, 'minimum'),
    maximum: numberAt(entry, 'maximum'),
    max_length: numberAt(entry, 'max_length') ?? LONGEST,
  };
}

/** Without a version an edit stands on the old value, which must then be known whole. */
export function isEditable(setting: Setting): boolean {
  return setting.editable && (setting.version !== undefined || (!setting.secret && setting.whole));
}

/** Writes a value as the daemon does: a bool as true or false, a number without ornament. */
export function canonical(type: SettingType, text: string): string {
  if (type === 'bool') return WORDS[text.trim().toLowerCase()] ?? text;
  if (type === 'int' && WHOLE.test(text.trim())) return String(Number(text.trim()));
  return text;
}

/** What the daemon would refuse for certain, told before it is asked; form and need are known to it alone. */
export function problemOf(setting: Setting, text: string): Problem | undefined {
  if ([...text].length > setting.max_length) return 'length';
  switch (setting.secret ? 'text' : setting.type) {
    case 'bool':
      return canonical('bool', text) === 'true' || canonical('bool', text) === 'false' ? undefined : 'type';
    case 'int': {
      if (text === '') return undefined;
      if (!WHOLE.test(text.trim())) return 'type';
      const value = Number(text);
      const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = setting;
      return value < minimum || value > maximum ? 'bounds' : undefined;
    }
    case 'choice':
      return setting.choices.length > 0 && !setting.choices.includes(text) ? 'choice' : undefined;
    default:
      return undefined;
  }
}

export function baseOf(setting: Base): Base {
  return { version: setting.version, value: setting.value };
}

/** Whether a setting has moved on from what an edit stands on; what is older than that is on its way here. */
export function hasMoved(setting: Base, base: Base): boolean {
  if (setting.version !== undefined && base.version !== undefined) return setting.version > base.version;
  return setting.value !== base.value;
}

/** Asks for the change. Nothing is taken for changed here: the new value comes over the stream, to us as to everybody. */
export async function save(key: string, value: string, reason: string, base: Base): Promise<Outcome> {
  const body: JsonObject = { value };
  if (reason.trim() !== '') body.reason = reason.trim();
  if (base.version === undefined) body.old = base.value ?? '';
  const answer = await ask(
    `api/v1/settings/${encodeURIComponent(key)}`,
    {
      method: 'PATCH',
      // No form of another site can send these (CSRF).
      headers: {
        'Content-Type': 'application/json',
        'X-Huph-Monitor': '1',
        ...(base.version === undefined ? {} : { 'If-Match': `"${base.version}"` }),
      },
      body: JSON.stringify(body),
    },
    PATIENCE_MS,
  );
  return outcomeOf(answer);
}

export function outcomeOf(answer: Answer | undefined): Outcome {
  const refused = (code: Refused): Outcome => ({ kind: 'refused', code });
  if (answer === undefined) return refused('no_answer');
  const { status, body } = answer;
  if (status === 200) {
    return { kind: 'saved', version: numberAt(body, 'version'), changed_at: momentAt(body, 'changed_at') };
  }
  const error = errorOf(answer);
  if (status === 409) return { kind: 'conflict', current: currentOf(error.current) };
  if (status === 401 || REFUSALS.some((code) => code === error.code)) {
    return { kind: 'refused', code: status === 401 ? 'signed_out' : 'not_allowed', session: true };
  }
  const problem = PROBLEMS.find((known) => known === error.problem);
  const code = SAID.find((known) => known === error.code);
  if (code) return { kind: 'refused', code, ...(problem ? { problem } : {}) };
  if (status === 429) return { kind: 'refused', code: 'too_many', retry_after_s: answer.retry_after_s };
  if (status === 403) return refused('turned_away');
  // What a page of the daemon's own version never sends; and an error of whose end nobody knows.
  return refused(status < 500 ? 'page_old' : 'unconfirmed');
}

/** The changes from the audit log, newest first; nothing when they cannot be read. */
export async function fetchHistory(key: string): Promise<Change[] | undefined> {
  return historyOf(brought(await ask(`api/v1/settings/${encodeURIComponent(key)}/history`)));
}

export function historyOf(answer: Json | undefined): Change[] | undefined {
  const changes = at(answer, 'changes');
  if (!Array.isArray(changes)) return undefined;
  return changes.flatMap((change, index) => {
    const moment = momentAt(change, 'at');
    if (moment === undefined) return [];
    const id = at(change, 'id');
    return {
      id: id === undefined ? `#${index}` : String(id),
      at: moment,
      by: textAt(change, 'by'),
      reason: textAt(change, 'reason'),
      old: textAt(change, 'old'),
      now: textAt(change, 'new'),
      secret: flagAt(change, 'secret') === true,
    };
  });
}

function currentOf(current: Json | undefined): Current {
  return {
    version: numberAt(current, 'version'),
    value: textAt(current, 'value'),
    changed_at: momentAt(current, 'changed_at'),
    changed_by: textAt(current, 'changed_by'),
  };
}

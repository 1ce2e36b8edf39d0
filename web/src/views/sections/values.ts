// What a setting is set to: a value that may be shown, or for a secret only whether there is one.
import { at, flagAt } from '../../live/read';
import type { JsonObject } from '../../live/wire';

export interface Value {
  text: string | undefined;
  /** Of a secret alone; its value never comes over the wire. */
  configured: boolean | undefined;
}

/** A long value is shown whole where it is edited. */
const BRIEF = 200;
export const brief = (text: string): string => (text.length > BRIEF ? `${text.slice(0, BRIEF - 1)}…` : text);

export function shownOf(row: JsonObject): Value {
  if (flagAt(row, 'secret') === true) return { text: undefined, configured: flagAt(row, 'configured') };
  const value = at(row, 'value');
  const absent = value === undefined || value === null;
  const text = absent ? undefined : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return { text: text && brief(text), configured: undefined };
}

// The feature flags one by one: what was read, what is not set, and what cannot be read.
import { entriesAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Json, Verdict } from '../../live/wire';

export interface Switch {
  name: string;
  verdict: Verdict;
  type: string;
  state: string;
  value: string | undefined;
  line: number | undefined;
  changed: number | undefined;
}

/** With `seen` false the last values are shown, and prove nothing; a flag without a state has not been read yet. */
export function switchesOf(detail: Json | undefined, seen: boolean): Switch[] {
  return entriesAt(detail, 'flags').map(([name, row]) => {
    const state = textAt(row, 'state') ?? '';
    return {
      name,
      verdict: !seen || state === '' ? 'unknown' : state === 'read' ? 'ok' : 'warn',
      type: textAt(row, 'type') ?? '',
      state,
      value: textAt(row, 'value'),
      line: numberAt(row, 'line'),
      changed: momentAt(row, 'changed_at'),
    };
  });
}

// The monitor's own figures: what it takes to trust all the others.

import { isObject } from '../../live/protocol';
import { at, entriesAt, flagAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Json } from '../../live/wire';

export interface GapSeen {
  from: number;
  /** Absent while it lasts. */
  to: number | undefined;
  cause: string;
  healed: boolean | undefined;
}

/** Newest first. */
export function gapsOf(monitor: Json | undefined): GapSeen[] {
  return entriesAt(monitor, 'gaps')
    .flatMap(([key, row]) => {
      const from = momentAt(row, 'from') ?? momentAt({ from: key }, 'from');
      if (from === undefined) return [];
      return [{ from, to: momentAt(row, 'to'), cause: textAt(row, 'cause') ?? '', healed: flagAt(row, 'healed') }];
    })
    .sort((a, b) => b.from - a.from);
}

/** Who was turned away in the last 5 min, by why; nobody is no row. */
export function refusedOf(monitor: Json | undefined): { why: string; count: number }[] {
  const refused = at(monitor, 'refused_5m');
  if (!isObject(refused)) return [];
  return Object.keys(refused)
    .map((why) => ({ why, count: numberAt(refused, why) ?? 0 }))
    .filter((one) => one.count > 0);
}

// What is usual at this hour, window by window, and from which counts on it is more than chance.
import { at, momentAt, numberAt } from '../../live/read';
import type { Json } from '../../live/wire';

export const WINDOWS = { w5: 5, w15: 15, w60: 60 } as const;

export interface Usual {
  window_min: number;
  count: number | undefined;
  usual: number;
  spread: number;
  spike_from: number | undefined;
  /** Absent when at this volume no count is so low that chance could not explain it. */
  drop_to: number | undefined;
}

export interface Baseline {
  slot: number | undefined;
  windows: Usual[];
}

/** Nothing while the baseline does not know this hour. */
export function baselineOf(detail: Json | undefined): Baseline | undefined {
  const windows = Object.entries(WINDOWS).flatMap(([key, window_min]): Usual[] => {
    const row = at(detail, 'usual', key);
    const [usual, spread] = [numberAt(row, 'usual'), numberAt(row, 'spread')];
    if (usual === undefined || spread === undefined) return [];
    const [count, spike_from, drop_to] = [
      numberAt(row, 'count'),
      numberAt(row, 'spike_from'),
      numberAt(row, 'drop_to'),
    ];
    return [{ window_min, count, usual, spread, spike_from, drop_to }];
  });
  return windows.length > 0 ? { slot: momentAt(detail, 'usual', 'slot'), windows } : undefined;
}

/** The window that notices a drop soonest, if any can. */
export function soonestDrop(baseline: Baseline): Usual | undefined {
  return baseline.windows.find((one) => one.drop_to !== undefined);
}

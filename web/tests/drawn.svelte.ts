// Counts how often whatever reads a value would be drawn anew; in a file of its own, to share its Svelte with what it counts.
import { flushSync } from 'svelte';

export function drawn(...values: (() => unknown)[]): { counts: () => number[]; stop: () => void } {
  const counts = values.map(() => 0);
  const stop = $effect.root(() => {
    values.forEach((value, index) => {
      $effect(() => {
        value();
        counts[index] = (counts[index] ?? 0) + 1;
      });
    });
  });
  const told = () => {
    flushSync();
    return [...counts];
  };
  return { counts: told, stop };
}

// Who serves which cluster, and who is assigned without being active.
import { entriesAt, flagAt } from '../../live/read';
import type { Json, Verdict } from '../../live/wire';

export interface Cluster {
  name: string;
  verdict: Verdict;
  /** Whether the profile wants it covered. */
  expected: boolean;
  active: string[];
  inactive: string[];
}

/** With `seen` false the last state is shown, and proves nothing. */
export function clustersOf(detail: Json | undefined, seen: boolean): Cluster[] {
  return entriesAt(detail, 'clusters').map(([name, row]) => {
    const assigned = entriesAt(row, 'counselors').sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
    const covered = flagAt(row, 'covered') === true;
    const expected = flagAt(row, 'expected') !== false;
    return {
      name,
      expected,
      verdict: !seen ? 'unknown' : covered || !expected ? 'ok' : 'warn',
      active: assigned.filter(([, one]) => flagAt(one, 'active') === true).map(([who]) => who),
      inactive: assigned.filter(([, one]) => flagAt(one, 'active') !== true).map(([who]) => who),
    };
  });
}

/** One counselor may serve several clusters, and is still one person. */
export function activeCounselors(clusters: Cluster[]): number {
  return new Set(clusters.flatMap((cluster) => cluster.active)).size;
}

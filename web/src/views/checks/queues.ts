// Who queues inside the database: which session waits for whom, and who does not read the queue of signals.
import { entriesAt, flagAt, numberAt, textAt } from '../../live/read';
import type { Json } from '../../live/wire';

export interface Wait {
  pid: string;
  /** Whom it waits for; absent for a prepared transaction, which has no session. */
  by: number | undefined;
  /** Who is at the end of the line, where that is somebody else. */
  behind: number | undefined;
  relation: string | undefined;
  waiting_s: number;
}

/** The longest wait first; a session that waits for one that waits itself is told who holds up both. */
export function waitsOf(detail: Json | undefined): Wait[] {
  const found = entriesAt(detail, 'blocked');
  const blockers = new Map(found.map(([pid, wait]) => [Number(pid), numberAt(wait, 'by')]));
  return found
    .map(([pid, wait]) => {
      const by = numberAt(wait, 'by') || undefined;
      const end = by === undefined ? undefined : last(by, blockers);
      return {
        pid,
        by,
        behind: end === by ? undefined : end,
        relation: textAt(wait, 'relation'),
        waiting_s: numberAt(wait, 'waiting_s') ?? 0,
      };
    })
    .sort((a, b) => b.waiting_s - a.waiting_s || Number(a.pid) - Number(b.pid));
}

function last(from: number, blockers: Map<number, number | undefined>): number {
  const seen = new Set([from]);
  let at = from;
  for (let next = blockers.get(at); next && !seen.has(next); next = blockers.get(at)) {
    seen.add(next);
    at = next;
  }
  return at;
}

export interface Holder {
  name: string;
  age_s: number;
  ours: boolean;
}

/** Who probably has not read the oldest signal; nobody while the queue is as good as empty. */
export function holderOf(detail: Json | undefined): Holder | undefined {
  const name = textAt(detail, 'queue_holder', 'name');
  if (name === undefined) return undefined;
  return {
    name,
    age_s: numberAt(detail, 'queue_holder', 'age_s') ?? 0,
    ours: flagAt(detail, 'queue_holder', 'ours') ?? false,
  };
}

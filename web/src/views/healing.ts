// Which reasons have been seen while somebody looks, and when each was over: only the verdict itself ends one.
import type { Entry, JsonObject, Verdict } from '../live/wire';

export interface Followed {
  code: string;
  verdict: Verdict;
  params: JsonObject;
  since: string | undefined;
  /** It has decided the verdict, and not for the better. */
  leading: boolean;
  /** It is gone, but what is there now cannot be seen. */
  hidden: boolean;
  /** When it was over, Unix milliseconds. */
  ended: number | undefined;
}

const BADNESS: Verdict[] = ['fail', 'warn', 'unknown', 'ok'];

/** What holds now, the deciding one first, then the worst; behind it what held before. */
export function follow(before: Followed[], entry: Entry, now: number): Followed[] {
  const held = reasonsOf(entry).map((one) => {
    const known = before.find(({ code }) => code === one.code);
    return { ...one, leading: one.leading || known?.leading === true };
  });
  const gone = before
    .filter(({ code }) => !held.some((one) => one.code === code))
    .map((one): Followed => {
      if (one.ended !== undefined) return one;
      // Behind what cannot be seen nothing has been proven to be well.
      return entry.verdict === 'unknown' ? { ...one, hidden: true } : { ...one, hidden: false, ended: now };
    });
  return [...held, ...gone];
}

function reasonsOf(entry: Entry): Followed[] {
  const rest = { since: entry.since, hidden: false, ended: undefined };
  const also = Object.entries(entry.also ?? {}).map(
    ([code, { verdict, params }]): Followed => ({ code, verdict, params: params ?? {}, leading: false, ...rest }),
  );
  also.sort((a, b) => BADNESS.indexOf(a.verdict) - BADNESS.indexOf(b.verdict));
  if (entry.reason === undefined) return also;
  const { reason: code, verdict, params } = entry;
  return [{ code, verdict, params: params ?? {}, leading: verdict !== 'ok', ...rest }, ...also];
}

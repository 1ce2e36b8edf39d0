// How well a trigger fires: whether it is on, and whether what it does is as it was and complete.
import type { Check, Verdict } from '../../live/wire';
import { reasonParams } from './hops';

const DOUBTS = ['triggers.leaking', 'triggers.redefined'];

export function firingVerdict(check: Check, name: string, state: string | undefined): Verdict {
  if (state === undefined || state === '') return 'unknown';
  if (state !== 'enabled' && state !== 'always') return 'fail';
  return DOUBTS.some((code) => reasonParams(check, code)?.trigger === name) ? 'warn' : 'ok';
}

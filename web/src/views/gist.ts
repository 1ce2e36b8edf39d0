// The one sentence under the verdict: what is not well, what only waits for it, and how much is.
import type { Place } from '../format/place';
import { type TextKey, text, word } from '../i18n/text';
import { hasNote, inOrder, isBlind, isBlocked, isStarting } from '../live/select';
import type { HealthDocument, Verdict } from '../live/wire';
import { nameOf } from './telling';

export interface GistPiece {
  text: string;
  /** The check that the words lead to. */
  check?: string;
  doubt?: boolean;
}

export function gist(document: HealthDocument, place: Place): GistPiece[] {
  const say = (key: TextKey, values = {}) => text(key, place.language, values);
  const checks = inOrder(document);
  if (checks.length === 0) return [{ text: say('board.empty') }];
  if (isStarting(document)) return [{ text: say('gist.starting') }];

  const clauses: GistPiece[][] = [];
  if (isBlind(document)) clauses.push([{ text: say('gist.blind'), doubt: true }]);
  for (const verdict of ['fail', 'warn', 'unknown'] satisfies Verdict[]) {
    const own = checks.filter(({ check }) => check.verdict === verdict && !isBlocked(check));
    if (own.length > 0) clauses.push(listed(word('verdict', verdict, place.language), own, place));
  }
  const blocked = checks.filter(({ check }) => isBlocked(check)).map(({ check }) => String(check.params?.parent ?? ''));
  for (const parent of new Set(blocked)) {
    const count = blocked.filter((one) => one === parent).length;
    const key = count === 1 ? 'gist.blocked_one' : 'gist.blocked';
    clauses.push([{ text: say(key, { count, parent: nameOf(parent, place) }) }]);
  }

  const well = checks.filter(({ check }) => check.verdict === 'ok');
  const notes = well.filter(({ check }) => hasNote(check)).length;
  if (well.length === checks.length) {
    clauses.push([{ text: say(notes > 0 ? 'gist.all_ok_notes' : 'gist.all_ok', { count: well.length, notes }) }]);
  } else if (well.length > 0) {
    clauses.push([{ text: say(well.length === 1 ? 'gist.rest_one' : 'gist.rest', { count: well.length }) }]);
  }
  return clauses.flatMap((clause, index) => (index === 0 ? clause : [{ text: ' ' }, ...clause]));
}

function listed(label: string, checks: { name: string }[], place: Place): GistPiece[] {
  return [
    { text: `${label}: ` },
    ...checks.flatMap(({ name }, index) => [
      ...(index > 0 ? [{ text: ', ' }] : []),
      { text: nameOf(name, place), check: name },
    ]),
    { text: '.' },
  ];
}

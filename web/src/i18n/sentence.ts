// The sentence of a reason: its template filled with the wire's parameters, in pieces that are rendered as text only.
import { number } from '../format/number';
import type { Place } from '../format/place';
import { exact, instant, parse, weekly } from '../format/time';
import { hasWord, isWordGroup, template, text, word } from './text';

export interface Piece {
  text: string;
  /** A name of the platform (it may wrap at its underscores) or a moment (its exact time on hover). */
  kind: 'plain' | 'name' | 'moment';
  title?: string;
}

export interface Telling {
  code: string;
  params: { [name: string]: unknown };
  /** The check's own since: what a sentence falls back on, and what "so far" counts from. */
  since?: string | undefined;
}

/** How much of a text from the platform is quoted. */
const QUOTED = 200;
const MOMENTS = /^(since|at|from|to|last_fired)$|_at$/;
const QUOTES = /^(error|answer)$/;
const NEVER = /^last_/;
/** What grows by the clock is told from its beginning, so that it needs no news: how long, and since which parameter. */
const GROWING: Record<string, { from: string; unit_s: number }> = {
  elapsed_s: { from: 'since', unit_s: 1 },
  late_min: { from: 'expected_at', unit_s: 60 },
};
/** Parameters whose words stand in a group of another name. */
const GROUPS: Record<string, string> = { parent: 'check', last_verdict: 'verdict', slowest: 'question' };

export function sentence(telling: Telling, now: number, place: Place): Piece[] {
  const found = template(telling.code, place.language);
  if (found === undefined) {
    return [{ kind: 'plain', text: text('reason.unlisted', place.language, { code: telling.code }) }];
  }
  return filled(found, telling, now, place);
}

/** Any text about a reason, with the reason's values in its holes. */
export function filled(template: string, telling: Telling, now: number, place: Place): Piece[] {
  return template.split(/(\{\w+\})/).flatMap((part): Piece[] => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1];
    if (name !== undefined) return [piece(name, telling, now, place)];
    return part === '' ? [] : [{ kind: 'plain', text: part }];
  });
}

export function plain(pieces: Piece[]): string {
  return pieces.map((one) => one.text).join('');
}

function piece(name: string, telling: Telling, now: number, place: Place): Piece {
  const { language } = place;
  const value = Object.hasOwn(telling.params, name) ? telling.params[name] : undefined;
  if (MOMENTS.test(name)) {
    const moment = parse(typeof value === 'string' ? value : name === 'since' ? telling.since : undefined);
    if (moment !== undefined) {
      return { kind: 'moment', text: instant(moment, now, place), title: exact(moment, place) };
    }
    if (NEVER.test(name)) return { kind: 'plain', text: text('reason.never', language) };
  }
  if (name === 'slot') {
    const moment = parse(typeof value === 'string' ? value : undefined);
    if (moment !== undefined) return { kind: 'plain', text: weekly(moment, place) };
  }
  const growing = Object.hasOwn(GROWING, name) ? GROWING[name] : undefined;
  if (growing) {
    const told = telling.params[growing.from];
    const began = parse(typeof told === 'string' ? told : growing.from === 'since' ? telling.since : undefined);
    if (began !== undefined) {
      return { kind: 'plain', text: number(Math.max(0, Math.floor((now - began) / 1000 / growing.unit_s)), language) };
    }
  }
  // The attempt that is under way; none failed yet makes it the first.
  if (name === 'attempt' && value === 0) return { kind: 'plain', text: number(1, language) };
  if (typeof value === 'number') return { kind: 'plain', text: number(value, language) };
  if (typeof value === 'boolean') return { kind: 'plain', text: word('flag', String(value), language) };
  if (Array.isArray(value)) return { kind: 'name', text: quoted(value.map(String).join(', ')) };
  if (typeof value === 'string' && value !== '') return worded(name, value, place);
  return { kind: 'plain', text: text('reason.no_value', language) };
}

function worded(name: string, value: string, place: Place): Piece {
  const group = Object.hasOwn(GROUPS, name) ? (GROUPS[name] ?? name) : name;
  const known = isWordGroup(group) && hasWord(group, value);
  // What the platform said is quoted at its length; only names stand out.
  if (!known)
    return { kind: QUOTES.test(name) ? 'plain' : 'name', text: quoted(name === 'error' ? status(value) : value) };
  const told = word(group, value, place.language);
  // Senders are headings elsewhere; inside a sentence they are words like any other.
  return { kind: 'plain', text: name === 'sender' ? told.toLowerCase() : told };
}

/** How the way to a server failed, in words; the status of a handshake that was turned away stays a number. */
export function failure(kind: string, place: Place): string {
  return hasWord('error', kind) ? word('error', kind, place.language) : quoted(status(kind));
}

function status(kind: string): string {
  return kind.replace(/^http_(\d{3})$/, 'HTTP $1');
}

/** Text from the platform: cut, and its control characters shown instead of obeyed. */
export function quoted(value: string): string {
  const cut = value.length > QUOTED ? `${value.slice(0, QUOTED)}…` : value;
  return Array.from(cut, (letter) => {
    const code = letter.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    // Marks that turn the direction of writing could make a name read as another one.
    return code === 0x7f || (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069)
      ? '\u2421'
      : letter;
  }).join('');
}

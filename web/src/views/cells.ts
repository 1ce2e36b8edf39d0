// Values that many tables and lists show alike: ages, durations and numbers that may be absent.
import { number } from '../format/number';
import { ago, exact } from '../format/time';
import { reader, say } from '../i18n/say.svelte';
import type { TextKey } from '../i18n/text';
import { live } from '../live/state.svelte';
import type { Fact } from '../parts/Facts.svelte';
import type { Cell, Column } from '../parts/Table.svelte';

export function fact(key: TextKey, value: string | undefined, note?: string, title?: string): Fact {
  return { label: say(key), value, note, title };
}

export function column(key: TextKey, how: Omit<Column, 'label'> = {}): Column {
  return { label: say(key), ...how };
}

/** How long ago, with the exact time behind it. */
export function aged(moment: number | undefined, absent?: string): Cell {
  return { text: moment === undefined ? absent : ago(moment, live.now, reader.language), moment };
}

/** The same as a fact. */
export function agedFact(label: string, moment: number | undefined, absent?: string): Fact {
  const title = moment === undefined ? undefined : exact(moment, reader);
  return { label, value: aged(moment, absent).text, title };
}

export function plain(value: number): string;
export function plain(value: number | undefined): string | undefined;
export function plain(value: number | undefined): string | undefined {
  return value === undefined ? undefined : number(value, reader.language);
}

export function milliseconds(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${plain(value)} ms`;
}

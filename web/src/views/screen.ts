// How much room there is: on a narrow screen the order of reading is the order of need.
import { worstOf } from '../live/select';
import type { TableRow } from '../parts/Table.svelte';
import { Media } from './media.svelte';

export const narrow = new Media('(max-width: 640px)');

/** More rows than one takes in at a glance. */
const LONG = 8;

/** In a long table, and on a phone, what is bad comes first. */
export function ranked(rows: TableRow[]): TableRow[] {
  return narrow.current || rows.length > LONG ? worstOf(rows, (row) => row.verdict ?? 'ok') : rows;
}

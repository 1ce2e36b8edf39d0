// What happened while a chart's line was drawn: the turns of its check's verdict, and edits of the platform's settings.
import type { Place } from '../format/place';
import { clockSeconds } from '../format/time';
import { text } from '../i18n/text';
import { momentAt, textAt } from '../live/read';
import { settingsOf } from '../live/sections';
import { transitions } from '../live/select';
import type { HealthDocument } from '../live/wire';
import type { Pole } from '../parts/plot';
import { nameOf, saidOf } from './telling';

/** Of a setting the last edit is known, and of the transitions those since the start. */
export function happened(document: HealthDocument, check: string, from: number, to: number, place: Place): Pole[] {
  const all = transitions(document, check);
  const turns = all.map((one): Pole => {
    const at = Date.parse(one.at);
    const title = `${clockSeconds(at, place)} ${nameOf(check, place)}: ${saidOf(all, one, place)}`;
    return { at, verdict: one.to, title };
  });
  const edits = settingsOf(document).flatMap(({ name, value }): Pole[] => {
    const at = momentAt(value, 'changed_at');
    if (at === undefined) return [];
    const by = textAt(value, 'changed_by');
    const told = { at: clockSeconds(at, place), key: name, by: by ?? '' };
    return [{ at, title: text(by === undefined ? 'chart.edit' : 'chart.edit_by', place.language, told) }];
  });
  return [...turns, ...edits].filter(({ at }) => at >= from && at <= to).sort((a, b) => a.at - b.at);
}

// When nobody listened, as the charts show it: from when to when, why, and whether it was counted anew since.
import type { Place } from '../format/place';
import { clockSeconds } from '../format/time';
import { text, word } from '../i18n/text';
import type { Json } from '../live/wire';
import type { Stretch } from '../parts/plot';
import { gapsOf } from './sections/vitals';

/** Newest first; one that lasts reaches until now, and what lies outside of the picture is left out. */
export function deafness(monitor: Json | undefined, from: number, to: number, now: number, place: Place): Stretch[] {
  const ended = Math.min(to, now);
  return gapsOf(monitor)
    .filter((gap) => gap.from < ended && (gap.to ?? now) > from)
    .map((gap) => {
      const values = {
        from: clockSeconds(gap.from, place),
        to: gap.to === undefined ? '' : clockSeconds(gap.to, place),
        cause: word('cause', gap.cause, place.language),
        healed: text(gap.healed === true ? 'monitor.healed' : 'monitor.not_healed', place.language),
      };
      const told = text(gap.to === undefined ? 'chart.deaf_still' : 'chart.deaf', place.language, values);
      return { from: gap.from, to: gap.to ?? now, text: told };
    });
}

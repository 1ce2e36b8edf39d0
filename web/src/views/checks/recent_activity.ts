// Who wrote last and how much in the last hour, against the hours of silence that are allowed.
import { ago, clock, stamp } from '../../format/time';
import { reader, say, sayWord } from '../../i18n/say.svelte';
import { at, momentAt, numberAt, textAt } from '../../live/read';
import { type Point, sendersOf, windows, withWindow } from '../../live/series';
import { live } from '../../live/state.svelte';
import type { Check } from '../../live/wire';
import type { Drawing } from '../../parts/picture';
import type { TableRow } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { column, fact, plain } from '../cells';

export function activityBlocks({ detail, limits }: Check): Block[] {
  const unit = reader.language === 'id' ? 'jam' : 'h';
  const limit = (key: string) => plain(numberAt(limits, key));
  const hours = (key: string) => limit(key) && `${limit(key)} ${unit}`;
  const rates = live.rates && withWindow(live.rates, live.state.document.checks.message_throughput?.detail);
  const points = rates ? windows(rates).slice(-12) : [];
  const [users, min] = [limit('bot_min_user'), limit('bot_window_min')];
  /** From and to come as 22:00-06:00. */
  const quiet = textAt(detail, 'quiet_hours')?.replace('-', '–');
  const rows = sendersOf(rates, at(detail, 'last'), at(detail, 'hour')).map((sender): TableRow => {
    const last = momentAt(detail, 'last', sender);
    return {
      key: sender,
      cells: [
        { text: sayWord('sender', sender) },
        { text: last === undefined ? say('activity.never') : stamp(last, live.now, reader), moment: last },
        { text: last === undefined ? undefined : ago(last, live.now, reader.language), moment: last },
        { text: plain(numberAt(detail, 'hour', sender)) },
      ],
    };
  });
  return [
    {
      id: 'h-last',
      look: 'w2',
      title: say('activity.last'),
      columns: [
        column('activity.sender'),
        column('activity.when'),
        column('activity.age'),
        column('activity.hour', { num: true }),
      ],
      rows,
      none: say('facts.none'),
    },
    {
      id: 'h-hour',
      look: 'w2',
      title: say('activity.hours'),
      sub: say('activity.hours_sub'),
      chart: points.length > 1 ? () => drawn(points, rates?.step_ms ?? 0) : undefined,
      none: say('chart.none'),
    },
    {
      id: 'h-limits',
      look: 'w4',
      title: say('activity.bounds'),
      facts: [
        fact('activity.quiet', hours('quiet_h')),
        fact('activity.silent', hours('silent_h')),
        fact('activity.bot', users && min && say('activity.bot_value', { users, min })),
        fact(
          'activity.quiet_hours',
          reader.language === 'id' ? quiet?.replaceAll(':', '.') : quiet,
          say('activity.quiet_hours_note'),
        ),
      ],
    },
  ];
}

function drawn(points: Point[], step_ms: number): Drawing {
  const to = (points.at(-1)?.at ?? 0) + step_ms;
  return {
    points,
    from: points[0]?.at ?? to,
    to,
    step_ms,
    every_min: 15,
    label: say('spark.activity', { high: plain(Math.max(...points.map((point) => point.value))) }),
    read: (point) => {
      const told = say('throughput.read', {
        from: clock(point.at, reader),
        to: clock(point.at + step_ms, reader),
        count: plain(point.value),
      });
      return point.at + step_ms >= to ? `${told}, ${say('throughput.running')}` : told;
    },
  };
}

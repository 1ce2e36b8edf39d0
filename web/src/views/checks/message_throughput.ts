// The rate of messages: 24 h in windows of 5 minutes, against what is usual, by sender, and how fast the bot replies.
import { clock, weekly } from '../../format/time';
import { reader, say, sayWord } from '../../i18n/say.svelte';
import { at, momentAt, numberAt } from '../../live/read';
import { grouped, type Rates, ranges, sendersOf, windows, withWindow } from '../../live/series';
import { live } from '../../live/state.svelte';
import type { Check } from '../../live/wire';
import type { Drawing } from '../../parts/picture';
import { nearBounds } from '../../parts/plot';
import type { TableRow } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { agedFact, column, fact, plain } from '../cells';
import { deafness } from '../deafness';
import { keptTold, swift, usualTold } from '../face';
import { happened } from '../happened';
import { type Baseline, baselineOf } from './usual';

/** Windows of a mean when a single one would be under 3 px: 20 minutes. */
const COARSE = 4;
const LISTED = 8;
const NUM = { num: true };

export function throughputBlocks(check: Check): Block[] {
  const { detail, limits } = check;
  const rates = live.rates && withWindow(live.rates, detail);
  const fine = rates ? windows(rates) : [];
  const [max, min] = [numberAt(limits, 'max_5m'), numberAt(limits, 'min_60m')];
  const told = (key: string) => plain(numberAt(detail, key));
  const sentence = (words: string | undefined) => words && `${words}.`;
  const seconds = (key: string) => {
    const value = numberAt(detail, 'reply', key);
    return value === undefined ? undefined : swift(value, reader);
  };
  const baseline = baselineOf(detail);
  const learning = learningTold(check);
  const senders = sendersOf(rates, at(detail, 'by_sender'));
  return [
    {
      id: 'h-rate',
      look: 'first',
      title: say('throughput.title'),
      sub: say('throughput.sub'),
      chart: rates && fine.length > 1 ? (width) => drawn(rates, max, width) : undefined,
      none: say('chart.none'),
      remarks: [sentence(keptTold(check, say, reader))],
    },
    {
      id: 'h-usual',
      look: 'w2',
      title: say('throughput.usual'),
      sub: baseline?.slot === undefined ? '' : weekly(baseline.slot, reader),
      why: sentence(usualTold(detail, say, reader)),
      columns: [
        column('throughput.window'),
        ...(['messages', 'usually', 'drop_to', 'spike_from'] as const).map((key) => column(`throughput.${key}`, NUM)),
      ],
      rows: baseline ? usualRows(baseline) : [],
      none: learning ?? say('throughput.usual_none'),
      remarks: [
        baseline?.windows.some((one) => one.drop_to === undefined) ? say('throughput.no_drop_note') : undefined,
        baseline && learning,
      ],
    },
    {
      id: 'h-replies',
      look: 'w2',
      title: say('throughput.reply'),
      sub: say('throughput.reply_sub'),
      facts: seconds('p50_s')
        ? [
            fact('throughput.p50', seconds('p50_s'), say('throughput.p50_note')),
            fact('throughput.p95', seconds('p95_s'), say('throughput.p95_note')),
            fact('throughput.replies', plain(numberAt(detail, 'reply', 'count'))),
          ]
        : undefined,
      none: say(check.verdict === 'unknown' ? 'facts.none' : 'throughput.reply_none'),
    },
    {
      id: 'h-senders',
      look: 'w4',
      title: say('throughput.senders'),
      sub: say('throughput.senders_sub'),
      multiples: senders.map((sender) => {
        const name = sayWord('sender', sender);
        // Who wrote nothing is not listed; as long as all are counted, that is none.
        const count = numberAt(detail, 'by_sender', sender) ?? (told('count_5m') && 0);
        return {
          name,
          figure: typeof count === 'number' ? plain(count) : '–',
          unit: say('throughput.in5'),
          line: {
            values: rates ? grouped(windows(rates, sender), COARSE).map((point) => point.value) : [],
            label: `${name}: ${say('throughput.senders_sub')}`,
          },
        };
      }),
      none: say('facts.none'),
    },
    {
      id: 'h-windows',
      look: 'w2',
      title: say('throughput.windows'),
      columns: [
        column('throughput.start'),
        column('throughput.messages', NUM),
        ...senders.map((sender) => ({ label: sayWord('sender', sender), num: true })),
      ],
      rows: fine
        .map(
          (window, index): TableRow => ({
            key: window.at,
            verdict: max !== undefined && window.value > max ? 'warn' : undefined,
            cells: [
              {
                text: clock(window.at, reader),
                quiet: index === fine.length - 1 ? say('throughput.running') : undefined,
              },
              { text: plain(window.value), look: 'strong' },
              ...senders.map((sender) => ({ text: plain(rates?.counts[sender]?.[index] ?? 0) })),
            ],
          }),
        )
        .slice(-LISTED)
        .reverse(),
      none: say('chart.none'),
    },
    {
      id: 'h-bounds',
      look: 'w2',
      title: say('throughput.bounds'),
      facts: [
        fact(
          'throughput.count_5m',
          told('count_5m'),
          max === undefined ? undefined : say('throughput.at_most', { limit: plain(max) }),
        ),
        fact(
          'throughput.count_60m',
          told('count_60m'),
          min === undefined ? undefined : say('throughput.at_least', { limit: plain(min) }),
        ),
        agedFact(say('throughput.newest'), momentAt(detail, 'newest_at')),
      ],
    },
  ];
}

function learningTold({ detail }: Check): string | undefined {
  const [day, days] = [numberAt(detail, 'learning', 'day'), numberAt(detail, 'learning', 'days')];
  return day === undefined || days === undefined
    ? undefined
    : say('throughput.learning', { day: plain(day), days: plain(days) });
}

function usualRows({ windows }: Baseline): TableRow[] {
  return windows.map((one) => ({
    key: one.window_min,
    cells: [
      { text: say('throughput.minutes', { count: one.window_min }) },
      { text: plain(one.count), look: 'strong' },
      { text: `${plain(one.usual)} ± ${plain(one.spread)}` },
      { text: one.drop_to === undefined ? say('throughput.no_drop') : `≤ ${plain(one.drop_to)}` },
      { text: one.spike_from === undefined ? undefined : `≥ ${plain(one.spike_from)}` },
    ],
  }));
}

function drawn(rates: Rates, max: number | undefined, width: number): Drawing {
  const fine = windows(rates);
  const coarse = width / fine.length < 3;
  const points = coarse ? grouped(fine, COARSE) : fine;
  const step_ms = rates.step_ms * (coarse ? COARSE : 1);
  const from = points[0]?.at ?? live.now;
  const to = (fine.at(-1)?.at ?? live.now) + rates.step_ms;
  const band = ranges(rates, coarse ? COARSE : 1);
  const usualAt = new Map(band.map((range) => [range.at, range]));
  const outside = points.some(({ at, value }) => {
    const range = usualAt.get(at);
    return range !== undefined && (value > range.high || value < range.low);
  });
  const limit = max === undefined ? '' : say('throughput.limit', { limit: plain(max) });
  const bounds = max === undefined ? [] : [{ value: max, label: limit }];
  const over = !outside && max !== undefined && points.some((point) => point.value > max);
  return {
    points,
    from,
    to,
    step_ms,
    bounds,
    band,
    poles: happened(live.state.document, 'message_throughput', from, to, reader),
    deaf: deafness(live.state.document.monitor, from, to, live.now, reader),
    every_min: width < 560 ? 360 : 180,
    label: say('throughput.title'),
    read: (point) => {
      const values = {
        from: clock(point.at, reader),
        to: clock(Math.min(point.at + step_ms, to), reader),
        count: plain(point.value),
      };
      const running = point.at + step_ms >= to ? `, ${say('throughput.running')}` : '';
      const range = usualAt.get(point.at);
      const usual = range
        ? `, ${say('throughput.read_usual', { low: plain(range.low), high: plain(range.high) })}`
        : '';
      return say(coarse ? 'throughput.mean' : 'throughput.read', values) + running + usual;
    },
    legend: [
      { path: 'M0 9H7V3H14V7H20', text: say(coarse ? 'throughput.line_mean' : 'throughput.line') },
      band.length > 0 && { look: 'band', text: say('throughput.band') },
      outside && { look: 'over', text: say('throughput.outside') },
      nearBounds(bounds, points).length > 0 && { look: 'bound', text: limit },
      over && { look: 'over', text: say('throughput.over') },
    ],
  };
}

// The database: latency of the last hour and what it is made of, connections, who waits for whom, and its state.
import { megabytes, percent } from '../../format/number';
import { clockSeconds, duration, precise } from '../../format/time';
import { reader, say } from '../../i18n/say.svelte';
import type { TextKey } from '../../i18n/text';
import { at, flagAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Point } from '../../live/series';
import { live } from '../../live/state.svelte';
import type { Check } from '../../live/wire';
import type { Drawing } from '../../parts/picture';
import { middle, nearBounds } from '../../parts/plot';
import type { Shares } from '../../parts/Share.svelte';
import type { TableRow } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { agedFact, column, fact, milliseconds, plain } from '../cells';
import { deafness } from '../deafness';
import { happened } from '../happened';
import { holderOf, waitsOf } from './queues';

const HOUR_MS = 3_600_000;
/** Samples come every 5 s; three of them missing is a hole. */
const GAP_MS = 20_000;
/** Five minutes of samples say little of an hour. */
const FEW = 60;
const MOST = 0.9;

export function dbBlocks(check: Check): Block[] {
  const { detail } = check;
  const points = live.latency ?? [];
  const told = (key: string, write: (value: number) => string | undefined) => {
    const value = numberAt(detail, key);
    return value === undefined ? undefined : write(value);
  };
  /** It comes in tenths, and nothing takes no time at all. */
  const brief = (value: number) => milliseconds(value === 0 ? 0.01 : value);
  const seconds = (value: number) => precise(value, reader.language);
  const share = (value: number) => percent(value, reader.language);
  const holder = holderOf(detail);
  const max = numberAt(detail, 'connections', 'max');
  const ours = numberAt(detail, 'connections', 'ours');
  /** That nobody waits is said only where it was asked, and can still be true. */
  const seen = at(detail, 'blocked') !== undefined && check.verdict !== 'unknown';
  const connections: Block[] =
    max === undefined
      ? []
      : [
          {
            id: 'h-connections',
            look: 'w2',
            title: say('db.connections'),
            sub: connectionsTold(check, max),
            share: { parts: shares(check, max), total: max, label: connectionsTold(check, max) },
            remarks: [ours === undefined ? undefined : `${plain(ours)} ${say('db.ours')}`],
          },
        ];
  return [
    {
      id: 'h-latency',
      look: 'first',
      title: say('db.latency'),
      sub: say('db.latency_sub'),
      chart: points.length > 1 ? () => drawn(check, points) : undefined,
      none: say('chart.none'),
    },
    {
      id: 'h-times',
      look: 'w2',
      title: say('db.times'),
      // Three times apart: a question's way there and back, a new connection's, and our own wait before we may ask.
      facts: [
        fact('db.query_ms', check.headline && milliseconds(Number(check.headline.value))),
        fact('db.server_ms', told('server_ms', brief)),
        fact('db.connect_ms', told('connect_ms', milliseconds)),
        fact('db.wait_ms', told('wait_ms', brief), say('db.wait_note')),
      ],
    },
    {
      id: 'h-signals',
      look: 'w2',
      title: say('db.signals'),
      facts: [
        fact('db.notify_queue_pct', told('notify_queue_pct', share)),
        fact('db.queue_holder', holder?.name, holder?.ours ? say('db.queue_holder_ours') : undefined),
        fact('db.queue_held', holder && duration(holder.age_s, reader.language)),
        fact('db.commit_waiters', told('commit_waiters', plain)),
      ],
    },
    ...connections,
    {
      id: 'h-blocked',
      look: 'w2',
      title: say('db.blocked'),
      columns: [
        column('db.pid'),
        column('db.by'),
        column('db.relation', { wrap: 'wide' }),
        column('db.waiting', { num: true }),
      ],
      rows: waitsOf(detail).map(
        ({ pid, by, behind, relation, waiting_s }): TableRow => ({
          key: pid,
          cells: [
            { text: `${say('db.pid')} ${pid}` },
            {
              text: by?.toString() ?? say('db.prepared'),
              note: behind === undefined ? undefined : say('db.behind', { pid: behind.toString() }),
            },
            { text: relation, look: 'code' },
            { text: duration(waiting_s, reader.language) },
          ],
        }),
      ),
      none: say(seen ? 'db.blocked_none' : 'facts.none'),
    },
    {
      id: 'h-facts',
      look: 'w4',
      title: say('db.facts'),
      facts: [
        fact('db.slow_now', told('slow_now', plain)),
        fact('db.slow_statements', told('slow_statements', plain)),
        fact('db.longest_transaction_s', told('longest_transaction_s', seconds)),
        fact('db.lock_waits', told('lock_waits', plain)),
        fact('db.replication_lag_s', told('replication_lag_s', seconds)),
        fact('db.wraparound_pct', told('wraparound_pct', share)),
        fact(
          'db.size_mb',
          told('size_mb', (value) => megabytes(value, reader.language)),
        ),
        agedFact(say('db.started_at'), momentAt(detail, 'started_at')),
        fact('db.version', textAt(detail, 'version')),
        fact('db.kind', flagAt(detail, 'read_only') ? say('db.read_only') : undefined),
      ],
    },
  ];
}

function connectionsTold({ detail }: Check, max: number): string {
  return say('db.connections_sub', { used: plain(numberAt(detail, 'connections', 'used') ?? 0), max: plain(max) });
}

function shares({ detail }: Check, max: number): Shares['parts'] {
  const count = (key: string) => numberAt(detail, 'connections', key) ?? 0;
  const known = (['active', 'idle', 'idle_in_transaction'] as const).map((key): [TextKey, number] => [
    `db.${key}`,
    count(key),
  ]);
  const rest = Math.max(
    known.reduce((left, [, value]) => left - value, count('used')),
    0,
  );
  const all: [TextKey, number][] = [...known, ['db.other', rest], ['db.free', Math.max(max - count('used'), 0)]];
  return all
    .map(([key, value], index) => ({ label: say(key), value, text: plain(value), tone: index + 1 }))
    .filter(({ value, tone }) => value > 0 || tone !== 4);
}

function drawn(check: Check, points: Point[]): Drawing {
  const to = points.at(-1)?.at ?? live.now;
  const from = to - HOUR_MS;
  const bounds = (['elevated_ms', 'slow_ms'] as const).flatMap((key) => {
    const value = numberAt(check.limits, key);
    const label = key === 'slow_ms' ? `${say('db.limit_slow')} >` : `${say('db.limit_elevated')} <`;
    return value === undefined ? [] : [{ value, label: `${label} ${plain(value)} ms` }];
  });
  /** There is no longer memory of latencies: what is usual is what this hour has most of. */
  const range =
    points.length < FEW
      ? undefined
      : middle(
          points.map((point) => point.value),
          MOST,
        );
  const over = nearBounds(bounds, points).some((bound) => points.some((point) => point.value > bound.value));
  return {
    points,
    from,
    to,
    gap_ms: GAP_MS,
    bounds,
    range,
    poles: happened(live.state.document, 'db', from, to, reader),
    deaf: deafness(live.state.document.monitor, from, to, live.now, reader),
    every_min: 15,
    label: say('db.latency'),
    read: (point) => `${clockSeconds(point.at, reader)}: ${plain(point.value)} ms`,
    legend: [
      { path: 'M0 8 5 5 10 7 15 4 20 6', text: say('db.line') },
      range && { look: 'band', text: say('db.range', { low: plain(range.low), high: plain(range.high) }) },
      over && { look: 'over', text: say('db.over') },
    ],
  };
}

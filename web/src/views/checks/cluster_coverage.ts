// The clusters one by one: who serves them now, and who is assigned there without being active.
import { say, sayWord } from '../../i18n/say.svelte';
import type { Check } from '../../live/wire';
import type { Block } from '../Block.svelte';
import { column, plain } from '../cells';
import { ranked } from '../screen';
import { activeCounselors, type Cluster, clustersOf } from './coverage';

export function clusterBlocks(check: Check): Block[] {
  const past = check.verdict === 'unknown';
  const clusters = clustersOf(check.detail, !past);
  const rows = clusters.map((cluster) => ({
    key: cluster.name,
    verdict: cluster.verdict,
    cells: [
      { text: cluster.name, note: cluster.expected ? undefined : say('coverage.unexpected') },
      { text: plain(cluster.active.length), look: 'strong' as const },
      { text: cluster.active.join(', ') || undefined },
      { text: cluster.inactive.join(', ') || undefined, look: 'strong' as const },
      { text: past ? sayWord('verdict', 'unknown') : stateOf(cluster), look: 'word' as const },
    ],
  }));
  return [
    {
      id: 'h-clusters',
      look: 'first',
      title: say('coverage.title'),
      sub: past ? say('card.last_known') : say('coverage.sub', { count: plain(activeCounselors(clusters)) }),
      columns: [
        column('coverage.cluster'),
        column('coverage.count', { num: true }),
        column('coverage.active', { wrap: 'wide' }),
        column('coverage.inactive', { wrap: 'wide' }),
        column('coverage.state'),
      ],
      rows: ranked(rows),
      none: say('coverage.none'),
      remarks: [rows.length > 0 ? say('coverage.remark') : undefined],
    },
  ];
}

function stateOf({ active, inactive }: Cluster): string {
  if (active.length > 0) return say('coverage.covered');
  return say(inactive.length > 0 ? 'coverage.inactive_only' : 'coverage.uncovered');
}

// The feature flags one by one: their values, where they were read, and when they changed.
import { say, sayWord } from '../../i18n/say.svelte';
import { momentAt, textAt } from '../../live/read';
import type { Check } from '../../live/wire';
import type { TableRow } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { aged, agedFact, column, fact, plain } from '../cells';
import { type Switch, switchesOf } from './switches';

export function flagBlocks(check: Check): Block[] {
  const { detail, headline } = check;
  const past = check.verdict === 'unknown';
  const rows = switchesOf(detail, !past).map(
    (flag): TableRow => ({
      key: flag.name,
      id: `flag-${flag.name}`,
      verdict: flag.verdict,
      cells: [
        { text: flag.name, look: 'code' },
        flag.state === 'malformed' ? { text: say('flags.hidden') } : { text: flag.value, look: 'code' },
        { text: sayWord('type', flag.type) },
        { text: flag.line === undefined ? undefined : say('flags.line', { line: flag.line }) },
        aged(flag.changed),
        { text: stateOf(check, flag), look: 'word' },
      ],
    }),
  );
  const source = textAt(detail, 'source');
  const sub =
    headline?.of === undefined ? '' : say('flags.sub', { value: plain(headline.value), of: plain(headline.of) });
  return [
    {
      id: 'h-flags',
      look: 'first',
      title: say('flags.title'),
      sub: past ? say('card.last_known') : sub,
      columns: [
        column('flags.name'),
        column('flags.value', { wrap: true }),
        column('flags.type', { minor: true }),
        column('flags.where', { minor: true }),
        column('flags.changed'),
        column('flags.state'),
      ],
      rows,
      none: say('flags.none'),
      remarks: [rows.length > 0 ? say('flags.remark') : undefined],
    },
    {
      id: 'h-facts',
      look: 'first',
      title: say('flags.facts'),
      facts: [
        fact('flags.source', source && sayWord('flag_source', source), textAt(detail, 'where')),
        agedFact(say('flags.changed_at'), momentAt(detail, 'changed_at')),
        {
          ...agedFact(
            say('flags.started_at', { name: textAt(detail, 'applied_by') ?? 'API' }),
            momentAt(detail, 'api_started_at'),
          ),
          note: say('flags.started_note'),
        },
      ],
    },
  ];
}

function stateOf(check: Check, { verdict, state }: Switch): string {
  if (verdict === 'unknown') return sayWord('verdict', 'unknown');
  return check.reason === 'feature_flags.file_missing' ? say('flags.file_gone') : sayWord('flag_state', state);
}

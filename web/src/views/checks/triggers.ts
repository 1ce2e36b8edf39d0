// The triggers one by one: where they stand, whether they are on, when they last fired, and whether each row brought its signal.
import { clock } from '../../format/time';
import { reader, say, sayWord } from '../../i18n/say.svelte';
import { entriesAt, flagAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Check } from '../../live/wire';
import type { TableRow } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { aged, column, plain } from '../cells';
import { ranked } from '../screen';
import { firingVerdict } from './firing';

export function triggerBlocks(check: Check): Block[] {
  const since = momentAt(check.detail, 'watching_since');
  const never = since === undefined ? undefined : say('triggers.never', { at: clock(since, reader) });
  const rows = entriesAt(check.detail, 'triggers').map(([name, row]): TableRow => {
    const state = flagAt(row, 'mute') ? 'mute' : textAt(row, 'state');
    const hazard = textAt(row, 'hazard');
    const missed = numberAt(row, 'unsignalled_5m');
    const fired = momentAt(row, 'last_fired');
    const called = textAt(row, 'function');
    return {
      key: name,
      verdict: firingVerdict(check, name, state),
      cells: [
        {
          text: name,
          look: 'code',
          note: `${textAt(row, 'table') ?? ''}${called ? ` → ${called}()` : ''}`,
          note_look: 'code',
        },
        { text: textAt(row, 'channel'), look: 'code' },
        {
          text: state ? sayWord('trigger_state', state) : sayWord('verdict', 'unknown'),
          look: 'word',
          note: hazard && sayWord('trigger_hazard', hazard),
        },
        aged(fired, never),
        { text: plain(numberAt(row, 'fired_5m') ?? 0) },
        // Where rows are not counted there is no number, which is not none.
        { text: plain(numberAt(row, 'rows_5m')) },
        { text: plain(missed), ...(missed ? { look: 'strong' as const } : {}) },
      ],
    };
  });
  const { headline } = check;
  return [
    {
      id: 'h-triggers',
      look: 'first',
      title: say('triggers.title'),
      sub:
        headline?.of === undefined
          ? undefined
          : say('triggers.sub', { value: plain(headline.value), of: plain(headline.of) }),
      columns: [
        column('triggers.name'),
        column('triggers.channel', { minor: true }),
        column('triggers.state'),
        column('triggers.last'),
        column('triggers.fired', { num: true }),
        column('triggers.rows', { num: true, minor: true }),
        column('triggers.unsignalled', { num: true, minor: true }),
      ],
      rows: ranked(rows),
      none: say('triggers.none'),
    },
  ];
}

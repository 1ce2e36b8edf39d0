// The way of a message drawn as hops, each judged by what is seen of it, and the channels one by one.
import { ago, exact, instant } from '../../format/time';
import { reader, say, sayWord } from '../../i18n/say.svelte';
import { failure, quoted } from '../../i18n/sentence';
import { isText } from '../../i18n/text';
import { momentAt, numberAt, textAt } from '../../live/read';
import { live } from '../../live/state.svelte';
import type { Check } from '../../live/wire';
import type { Step } from '../../parts/Path.svelte';
import type { Cell } from '../../parts/Table.svelte';
import type { Block } from '../Block.svelte';
import { aged, column, fact, milliseconds, plain } from '../cells';
import { type Broker, type Channel, type Hops, hopsOf, reasonParams } from './hops';

const NUM = { num: true };

export function realtimeBlocks(check: Check): Block[] {
  const { detail } = check;
  const hops = hopsOf(check);
  const { broker } = hops;
  const watched = broker.state !== 'not_configured';
  const slow = reasonParams(check, 'realtime.slow');
  const seconds = (key: string) => {
    const value = check.limits && numberAt(check.limits, key);
    return value === undefined ? undefined : `${plain(value)} ${reader.language === 'id' ? 'dtk' : 's'}`;
  };
  const since = broker.since;
  const marked = (is: boolean | undefined) =>
    is === undefined ? undefined : say(is ? 'realtime.marked' : 'realtime.unmarked');
  return [
    {
      id: 'h-path',
      look: 'first',
      title: say('realtime.path'),
      sub: say(watched ? 'realtime.path_watched' : 'realtime.path_sub'),
      path: stepsOf(check, hops),
      remarks: [
        slow && say('realtime.slow_hop', { hop: sayWord('hop', String(slow.hop)) }),
        say(watched ? 'realtime.blindspot_relayed' : 'realtime.blindspot'),
      ],
    },
    {
      id: 'h-channels',
      look: 'w4',
      title: say('realtime.channels'),
      sub: say(hops.heard ? 'realtime.channels_sub' : 'card.last_known'),
      columns: [
        column('realtime.channel'),
        column('realtime.heard', { minor: true }),
        column('realtime.last_event'),
        column('realtime.events', NUM),
        ...(watched
          ? (['seen', 'passed', 'missed', 'delay'] as const).map((key) => column(`realtime.${key}`, NUM))
          : [column('realtime.relayed')]),
      ],
      rows: hops.channels.map((channel) => ({
        key: channel.name,
        verdict: channel.verdict,
        cells: [
          { text: channel.name, look: 'code' },
          channel.listening ? { text: say('realtime.yes') } : { text: say('realtime.no'), look: 'word' },
          aged(channel.last, say('realtime.never')),
          { text: plain(channel.events) },
          ...(watched ? relayCells(channel) : [{ text: marked(channel.realtime) }]),
        ],
      })),
      none: say('realtime.channels_none'),
    },
    {
      id: 'h-facts',
      look: 'w4',
      title: say('realtime.facts'),
      facts: [
        since === undefined
          ? fact('realtime.broker', sayWord('broker_state', broker.state))
          : fact(
              'realtime.broker',
              sayWord('broker_state', broker.state),
              `${say('realtime.since')} ${moment(since)}`,
              exact(since, reader),
            ),
        fact('realtime.target', broker.target),
        fact(broker.state === 'down' ? 'realtime.error' : 'realtime.said', saidOf(broker)),
        fact('realtime.round_trip', milliseconds(broker.round_trip_ms)),
        fact('realtime.connect', milliseconds(broker.connect_ms)),
        fact('realtime.subscribers', subscribersOf(broker)),
        fact('realtime.listens', marked(broker.listens)),
        fact('realtime.unreadable', plain(numberAt(detail, 'unreadable'))),
        fact('realtime.unmatched', plain(numberAt(detail, 'unmatched'))),
        fact('realtime.deadline', seconds('canary_deadline_s')),
        fact('realtime.relay_deadline', watched ? seconds('relay_deadline_s') : undefined),
      ],
    },
  ];
}

const moment = (at: number) => instant(at, live.now, reader);
const past = (at: number) => ago(at, live.now, reader.language);

/** What went wrong on the way to the broker, in its own words. */
function saidOf({ state, answer, error }: Broker): string | undefined {
  if (state === 'refused') return answer && quoted(answer);
  return state === 'down' && error ? failure(error, reader) : undefined;
}

function subscribersOf({ state, tells, subscribers }: Broker): string | undefined {
  if (state !== 'connected') return undefined;
  return tells ? plain(subscribers) : say('realtime.untold');
}

function relayCells({ relay, verdict }: Channel): Cell[] {
  if (!relay) return [{}, { text: say('realtime.not_meant') }, {}, {}];
  const relayed: Cell = {
    text: plain(relay.relayed),
    note: relay.unheard > 0 ? say('realtime.unheard', { count: plain(relay.unheard) }) : undefined,
    ...(verdict === 'fail' ? { look: 'word' } : {}),
  };
  const missed: Cell = { text: plain(relay.missed), ...(relay.missed > 0 ? { look: 'strong' } : {}) };
  return [{ text: plain(relay.seen) }, relayed, missed, { text: milliseconds(relay.delay_ms) }];
}

function stepsOf(check: Check, hops: Hops): Step[] {
  const { db, triggers } = live.state.document.checks;
  const { mute, listener, broker, relayed } = hops;
  const headline = triggers?.verdict === 'unknown' ? undefined : triggers?.headline;
  const passed = { seen: plain(relayed.seen), relayed: plain(relayed.relayed) };
  return [
    {
      id: 'database',
      // Where a trigger hides what lies behind it, the way is broken before the first hop.
      verdict: (mute ? triggers : db)?.verdict ?? 'unknown',
      title: say('realtime.postgres'),
      about:
        headline?.of === undefined
          ? undefined
          : say('realtime.postgres_about', { value: plain(headline.value), of: plain(headline.of) }),
    },
    signalStep(check, hops),
    { id: 'listener', verdict: listener, title: say('realtime.listener'), about: listenerTold(check, hops) },
    brokerStep(broker),
    { id: 'broker', verdict: broker.verdict, title: say('realtime.broker'), about: brokerTold(broker) },
    relayStep(hops),
    {
      id: 'client',
      verdict: relayed.verdict,
      title: say('realtime.client'),
      about: relayed.verdict === 'unknown' ? say('realtime.relay_unproven') : say('realtime.passed_about', passed),
    },
  ];
}

function signalStep({ detail, observed_at }: Check, { signal: { state, verdict, target = '' } }: Hops): Step {
  const step = { id: 'signal', verdict };
  const key = `realtime.signal_${state}`;
  if (state !== 'back') {
    return {
      ...step,
      title: sayWord('signal_state', state),
      about: isText(key) ? say(key, { target: quoted(target) }) : undefined,
    };
  }
  const at = momentAt(detail, 'test_signal', 'at') ?? momentAt({ at: observed_at ?? '' }, 'at');
  const when = at === undefined ? undefined : { lead: '', moment: at, text: past(at) };
  return {
    ...step,
    title: `${plain(numberAt(detail, 'test_signal', 'ms') ?? 0)} ms`,
    about: say('realtime.signal'),
    when,
  };
}

function listenerTold({ detail, headline }: Check, { heard }: Hops): string | undefined {
  const state = textAt(detail, 'listener', 'state') ?? 'starting';
  const since = momentAt(detail, 'listener', 'since');
  if (since === undefined) return undefined;
  const at = moment(since);
  if (state !== 'listening') return say('realtime.listener_lost', { state: sayWord('listener_state', state), at });
  if (headline?.of === undefined) return undefined;
  return say(heard ? 'realtime.listener_about' : 'realtime.listener_past', {
    value: plain(headline.value),
    of: plain(headline.of),
    at,
  });
}

function brokerStep(broker: Broker): Step {
  const at = broker.since;
  const when = at === undefined ? undefined : { lead: say('realtime.since'), moment: at, text: moment(at) };
  const step = { id: 'connection', verdict: broker.verdict, when };
  const state = sayWord('broker_state', broker.state);
  if (broker.state !== 'connected') return { ...step, title: state, about: saidOf(broker) };
  const ms = milliseconds(broker.round_trip_ms);
  return { ...step, title: ms ?? state, about: ms && say('realtime.round_trip_about') };
}

function brokerTold({ state, tells, subscribers }: Broker): string | undefined {
  if (state !== 'connected')
    return say(state === 'not_configured' ? 'realtime.broker_about' : 'realtime.broker_unseen');
  if (!tells) return say('realtime.untold_about');
  return subscribers === undefined ? undefined : say('realtime.subscribers_about', { count: plain(subscribers) });
}

function relayStep({ heard, mute, broker, relayed }: Hops): Step {
  const at = relayed.last;
  const when = at === undefined ? undefined : { lead: say('realtime.last_passed'), moment: at, text: past(at) };
  const step = { id: 'relay', verdict: relayed.verdict, when };
  if (relayed.verdict === 'fail') return { ...step, title: say('realtime.not_passed') };
  if (relayed.verdict === 'unknown') {
    const about =
      broker.state === 'connected' && heard ? say(mute ? 'realtime.no_trigger' : 'realtime.no_signal') : undefined;
    return { ...step, title: say('realtime.unseen'), about };
  }
  const ms = milliseconds(relayed.delay_ms);
  return { ...step, title: ms ?? say('realtime.client'), about: ms && say('realtime.delay_about') };
}

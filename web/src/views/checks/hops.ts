// The realtime path as it is seen: the listener, the broker, and what reached it, each judged on its own.
import { at, entriesAt, flagAt, momentAt, numberAt, textAt } from '../../live/read';
import type { Check, JsonObject, Verdict } from '../../live/wire';

export interface Broker {
  state: string;
  verdict: Verdict;
  since: number | undefined;
  target: string | undefined;
  error: string | undefined;
  answer: string | undefined;
  connect_ms: number | undefined;
  round_trip_ms: number | undefined;
  subscribers: number | undefined;
  /** Whether the broker tells how many subscribers it has, once it is connected. */
  tells: boolean;
  listens: boolean | undefined;
}

export interface Relay {
  event: string | undefined;
  seen: number;
  relayed: number;
  missed: number;
  /** Relayed without having been heard on the listener: the server may speak on its own. */
  unheard: number;
  delay_ms: number | undefined;
  last: number | undefined;
}

export interface Channel {
  name: string;
  verdict: Verdict;
  listening: boolean;
  /** Whether the platform brings its signals to the inbox. */
  realtime: boolean;
  last: number | undefined;
  events: number;
  relay: Relay | undefined;
}

/** What became of the test signal between PostgreSQL and us. */
export type SignalState =
  | 'back'
  | 'none'
  | 'unseen'
  | 'lost'
  | 'canary_lost'
  | 'pooler'
  | 'hung'
  | 'reconnecting'
  | 'dropped';

export interface Hops {
  /** Behind a check that cannot be seen, what was heard last proves nothing. */
  heard: boolean;
  /** A trigger that signals no more hides its channel, not the way from PostgreSQL to us. */
  mute: boolean;
  signal: { state: SignalState; verdict: Verdict; target: string | undefined };
  listener: Verdict;
  broker: Broker;
  relayed: Relay & { verdict: Verdict };
  channels: Channel[];
}

/** The parameters of a reason of this check, be it the one that decides or one beside it. */
export function reasonParams(check: Check, code: string): JsonObject | undefined {
  if (check.reason === code) return check.params ?? {};
  const found = check.also;
  return found && Object.hasOwn(found, code) ? (found[code]?.params ?? {}) : undefined;
}

export function hopsOf(check: Check): Hops {
  const blocked = reasonParams(check, 'unknown.blocked_by')?.parent === 'triggers';
  const mute = blocked && (check.verdict !== 'unknown' || check.reason === 'unknown.blocked_by');
  const signal = signalOf(check, mute);
  const heard = signal.state === 'back' || signal.state === 'none';
  const broker = brokerOf(check);
  const missing = heard || signal.state === 'lost' ? missingOf(check) : [];
  const seen = { check, heard, mute, broker, missing };
  const channels = entriesAt(check.detail, 'channels').map(([name, row]) => channelOf(seen, name, row));
  const deaf = missing.length > 0 || channels.some((channel) => heard && !channel.listening);
  return {
    heard,
    mute,
    signal,
    listener: deaf ? 'warn' : heard ? 'ok' : 'unknown',
    broker,
    relayed: together(channels, heard && !mute && broker.state === 'connected', slowAt(check, 'relay')),
    channels,
  };
}

/** The first that is true, worst first: what a reason says outweighs what was measured before. */
function signalOf(check: Check, mute: boolean): Hops['signal'] {
  const state = textAt(check.detail, 'listener', 'state');
  const said = (state: SignalState, verdict: Verdict = 'unknown', target?: string) => ({ state, verdict, target });
  if (state === 'dropped') return said('dropped');
  if (isHidden(check, mute)) return said(state === 'reconnecting' ? state : 'unseen');
  const pooler = reasonParams(check, 'realtime.pooler');
  if (pooler) return said('pooler', 'fail', textAt(pooler, 'target'));
  if (reasonParams(check, 'realtime.canary_lost')) return said('canary_lost', 'fail');
  if (state === 'reconnecting') return said('reconnecting');
  if (reasonParams(check, 'realtime.listener_hung')) return said('hung');
  if (state === 'unproven') return said('lost');
  if (state !== 'listening') return said('unseen');
  if (numberAt(check.detail, 'test_signal', 'ms') === undefined) return said('none');
  return said('back', slowAt(check, 'listener') ? 'warn' : 'ok');
}

/** Whether the listener's own state is not to be believed: something else stands before it, or it is too old. */
function isHidden(check: Check, mute: boolean): boolean {
  const own = check.reason?.startsWith('realtime.') === true;
  return check.verdict === 'unknown' && !own && !mute;
}

/** The channels that PostgreSQL does not list as ours, by their names in the reason. */
function missingOf(check: Check): string[] {
  return textAt(reasonParams(check, 'realtime.channel_down'), 'channels')?.split(', ') ?? [];
}

function slowAt(check: Check, hop: string): boolean {
  return reasonParams(check, 'realtime.slow')?.hop === hop;
}

function brokerOf(check: Check): Broker {
  const { detail } = check;
  const state = textAt(detail, 'broker', 'state') ?? 'not_configured';
  const failing = reasonParams(check, 'realtime.broker_down') ?? reasonParams(check, 'realtime.broker_refuses_token');
  // What was measured on a connection says nothing once it is gone.
  const now = state === 'connected' ? at(detail, 'broker') : undefined;
  return {
    state,
    verdict: state === 'connected' ? 'ok' : failing ? 'fail' : 'unknown',
    since: momentAt(detail, 'broker', 'since'),
    target: textAt(detail, 'broker', 'target'),
    error: textAt(detail, 'broker', 'error'),
    answer: textAt(detail, 'broker', 'answer'),
    connect_ms: numberAt(now, 'connect_ms'),
    round_trip_ms: numberAt(now, 'round_trip_ms'),
    subscribers: numberAt(now, 'subscribers'),
    tells: flagAt(now, 'tells_subscribers') === true,
    listens: flagAt(now, 'listens'),
  };
}

interface Seen {
  check: Check;
  heard: boolean;
  mute: boolean;
  broker: Broker;
  missing: string[];
}

function channelOf({ check, heard, mute, broker, missing }: Seen, name: string, row: JsonObject): Channel {
  const listening = flagAt(row, 'listening') === true;
  const realtime = flagAt(row, 'realtime') === true;
  const events = numberAt(row, 'events_5m') ?? 0;
  const silent = reasonParams(check, 'realtime.broker_not_relaying')?.channel === name;
  const relay = at(row, 'relay') === undefined ? undefined : relayOf(row);
  const own = (): Verdict => {
    if (missing.includes(name)) return 'warn';
    // Which channel has lost its trigger is not told; one that has just been heard has not.
    if (!heard || (mute && realtime && events === 0)) return 'unknown';
    if (silent && broker.state === 'connected') return 'fail';
    return listening ? 'ok' : 'warn';
  };
  return { name, verdict: own(), listening, realtime, last: momentAt(row, 'last_event'), events, relay };
}

function relayOf(row: JsonObject): Relay {
  return {
    event: textAt(row, 'relay', 'event'),
    seen: numberAt(row, 'relay', 'seen') ?? 0,
    relayed: numberAt(row, 'relay', 'relayed') ?? 0,
    missed: numberAt(row, 'relay', 'missed') ?? 0,
    unheard: numberAt(row, 'relay', 'unheard') ?? 0,
    delay_ms: numberAt(row, 'relay', 'delay_ms'),
    last: momentAt(row, 'relay', 'last_relayed'),
  };
}

/** All channels as one hop; the slowest tells the delay, since it is the one that somebody waits for. */
function together(channels: Channel[], proven: boolean, slow: boolean): Relay & { verdict: Verdict } {
  const relays = channels.flatMap((channel) => channel.relay ?? []);
  const sum = (key: 'seen' | 'relayed' | 'missed') => relays.reduce((total, relay) => total + relay[key], 0);
  const most = (values: (number | undefined)[]) => {
    const known = values.filter((one) => one !== undefined);
    return known.length > 0 ? Math.max(...known) : undefined;
  };
  const [seen, relayed, missed] = [sum('seen'), sum('relayed'), sum('missed')];
  const failing = channels.some((channel) => channel.verdict === 'fail');
  return {
    event: undefined,
    seen,
    relayed,
    missed,
    unheard: 0,
    delay_ms: most(relays.map((relay) => relay.delay_ms)),
    last: most(relays.map((relay) => relay.last)),
    verdict: failing ? 'fail' : !proven || relayed === 0 ? 'unknown' : slow ? 'warn' : 'ok',
  };
}

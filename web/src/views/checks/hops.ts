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

export interface Hops {
  /** Behind a check that cannot be seen, what was heard last proves nothing. */
  heard: boolean;
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
  const heard = check.verdict !== 'unknown' && textAt(check.detail, 'listener', 'state') === 'listening';
  const broker = brokerOf(check);
  const channels = entriesAt(check.detail, 'channels').map(([name, row]) => channelOf(check, heard, broker, name, row));
  const deaf = channels.some((channel) => !channel.listening);
  return {
    heard,
    listener: heard ? (deaf ? 'warn' : 'ok') : 'unknown',
    broker,
    relayed: together(channels, heard && broker.state === 'connected'),
    channels,
  };
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

function channelOf(check: Check, heard: boolean, broker: Broker, name: string, row: JsonObject): Channel {
  const listening = flagAt(row, 'listening') === true;
  const silent = reasonParams(check, 'realtime.broker_not_relaying')?.channel === name;
  const relay = at(row, 'relay') === undefined ? undefined : relayOf(row);
  const own: Verdict = silent && broker.state === 'connected' ? 'fail' : listening ? 'ok' : 'warn';
  return {
    name,
    verdict: heard ? own : 'unknown',
    listening,
    realtime: flagAt(row, 'realtime') === true,
    last: momentAt(row, 'last_event'),
    events: numberAt(row, 'events_5m') ?? 0,
    relay,
  };
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
function together(channels: Channel[], proven: boolean): Relay & { verdict: Verdict } {
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
    verdict: failing ? 'fail' : proven && relayed > 0 ? 'ok' : 'unknown',
  };
}

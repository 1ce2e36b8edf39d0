// What each check shows on its card besides its reason: figure, unit, one line about it, and its limit.
import { number, steady } from '../format/number';
import type { Place } from '../format/place';
import { ago, clock, clockSeconds, parse, precise, weekly } from '../format/time';
import { isText, type TextKey, text, type Values } from '../i18n/text';
import { entriesAt, flagAt, momentAt, numberAt, textAt } from '../live/read';
import type { Check, Headline, Json } from '../live/wire';
import { activeCounselors, clustersOf } from './checks/coverage';
import { baselineOf, soonestDrop } from './checks/usual';

export interface Face {
  figure: string;
  unit: string;
  /** The figure is what was known last. */
  past: boolean;
  about: string | undefined;
  /** A second line of the same weight. */
  beside?: string | undefined;
  limit: string | undefined;
}

type Say = (key: TextKey, values?: Values) => string;

export function face(name: string, check: Check, now: number, place: Place): Face {
  const say: Say = (key, values) => text(key, place.language, values);
  const { figure, unit } = headlined(name, check.headline, say, place);
  // A database that fails does not answer: its latency is of the time before.
  if (check.verdict === 'unknown' || (name === 'db' && check.verdict === 'fail')) {
    const deaf = name === 'realtime' && check.headline?.value === 0;
    const known = unit === '' ? say('card.last_known') : say('card.last_known_of', { unit });
    // That no channel is heard is how it stands now.
    const told = check.headline === undefined ? say('card.no_value') : deaf ? unit : known;
    return { figure, unit: told, past: true, about: undefined, limit: undefined };
  }
  return {
    figure,
    unit,
    past: false,
    about: about(name, check, say, now, place),
    beside: name === 'message_throughput' ? replyTold(check.detail, say, place) : undefined,
    limit: limit(name, check, say, now, place),
  };
}

function headlined(name: string, headline: Headline | undefined, say: Say, place: Place) {
  if (!headline) return { figure: say('reason.no_value'), unit: '' };
  const measured = headline.unit === 'ms' || headline.unit === 'per_min';
  const value = (measured ? steady : number)(headline.value, place.language);
  const whole = ['realtime', 'feature_flags'].includes(name) && headline.value === headline.of;
  const figure = headline.of === undefined || whole ? value : `${value}/${number(headline.of, place.language)}`;
  return { figure, unit: unitOf(name, headline.unit, say) };
}

function unitOf(name: string, unit: string | undefined, say: Say): string {
  if (name === 'realtime') return say('unit.channels');
  if (name === 'triggers') return say('unit.triggers');
  if (name === 'cluster_coverage') return say('unit.clusters');
  if (name === 'feature_flags') return say('unit.flags');
  if (unit === 'ms' || unit === 'per_h' || unit === 'per_min') return say(`unit.${unit}`);
  return unit ?? '';
}

function about(name: string, { detail, verdict }: Check, say: Say, now: number, place: Place): string | undefined {
  const told = (...path: string[]) => {
    const value = numberAt(detail, ...path);
    return value === undefined ? undefined : number(value, place.language);
  };
  switch (name) {
    case 'db': {
      const [used, max, slow] = [told('connections', 'used'), told('connections', 'max'), told('slow_now')];
      return verdict === 'ok' && used && max && slow ? say('face.db.about', { used, max, slow }) : undefined;
    }
    case 'realtime': {
      // A test signal that came back once proves nothing of the one that is lost.
      if (textAt(detail, 'listener', 'state') !== 'listening') return undefined;
      const [ms, broker] = [told('test_signal', 'ms'), told('broker', 'round_trip_ms')];
      const connected = textAt(detail, 'broker', 'state') === 'connected';
      if (ms && broker && connected) return say('face.realtime.about_broker', { ms, broker });
      return ms ? say('face.realtime.about', { ms }) : undefined;
    }
    case 'triggers': {
      // Beside the sentence that names one trigger, the last firing of another would mislead.
      if (verdict !== 'ok') return undefined;
      const fired = entriesAt(detail, 'triggers').flatMap(([, row]) => momentAt(row, 'last_fired') ?? []);
      if (fired.length > 0) return say('face.triggers.about', { ago: ago(Math.max(...fired), now, place.language) });
      const since = momentAt(detail, 'watching_since');
      return since === undefined ? undefined : say('face.triggers.about_never', { at: clock(since, place) });
    }
    case 'recent_activity': {
      const last = momentAt(detail, 'last_at');
      const sender = textAt(detail, 'last_sender');
      if (last === undefined || sender === undefined || verdict !== 'ok') return undefined;
      const known = sender === 'user' || sender === 'bot' || sender === 'counselor';
      const from = known ? say(`sender.${sender}`) : sender;
      return say('face.activity.about', { ago: ago(last, now, place.language), sender: from });
    }
    case 'cluster_coverage': {
      const count = activeCounselors(clustersOf(detail, true));
      return say(count === 1 ? 'face.coverage.about_one' : 'face.coverage.about', {
        count: number(count, place.language),
      });
    }
    case 'feature_flags': {
      const where = textAt(detail, 'where');
      return where === undefined || verdict !== 'ok' ? undefined : say('face.flags.about', { where });
    }
    case 'message_throughput': {
      const [count, hour] = [told('count_5m'), told('count_60m')];
      const usual = verdict === 'ok' ? usualTold(detail, say, place) : undefined;
      if (usual) return usual;
      return verdict === 'ok' && count && hour ? say('face.throughput.about', { count, hour }) : undefined;
    }
    default:
      return undefined;
  }
}

function limit(name: string, check: Check, say: Say, now: number, place: Place): string | undefined {
  const told = (key: string) => {
    const value = numberAt(check.limits, key);
    return value === undefined ? undefined : number(value, place.language);
  };
  const one = (key: TextKey, value: string | undefined) => (value ? say(key, { limit: value }) : undefined);
  switch (name) {
    case 'db':
      return one('face.db.limit', told('slow_ms'));
    case 'realtime':
      return one('face.realtime.limit', told('canary_deadline_s'));
    case 'triggers': {
      const rows = entriesAt(check.detail, 'triggers');
      const count = rows.reduce((sum, [, row]) => sum + (numberAt(row, 'fired_5m') ?? 0), 0);
      return rows.length > 0 ? say('face.triggers.limit', { count: number(count, place.language) }) : undefined;
    }
    case 'recent_activity':
      return one('face.activity.limit', told('silent_h'));
    case 'cluster_coverage':
      return say('face.coverage.limit');
    case 'feature_flags': {
      const changed = momentAt(check.detail, 'changed_at');
      return changed === undefined ? undefined : say('face.flags.limit', { ago: ago(changed, now, place.language) });
    }
    case 'message_throughput': {
      const known = thresholds(check.detail, say, place);
      if (known) return known;
      const [min, max] = [told('min_60m'), told('max_5m')];
      return min && max ? say('face.throughput.limit', { min, max }) : undefined;
    }
    default:
      return undefined;
  }
}

/** "3 in 5 min; on Tuesdays at 09:00 usually 14 ± 4" */
export function usualTold(detail: Json | undefined, say: Say, place: Place): string | undefined {
  const baseline = baselineOf(detail);
  const one = baseline?.windows[0];
  if (!one || one.count === undefined || baseline?.slot === undefined) return undefined;
  const [count, usual, spread] = [one.count, one.usual, one.spread].map((value) => number(value, place.language));
  const slot = weekly(baseline.slot, place);
  return say('throughput.sentence', { count, window: one.window_min, slot, usual, spread } as Values);
}

/** From which counts on it is more than chance; at a small volume nothing is low enough, and that is said. */
function thresholds(detail: Json | undefined, say: Say, place: Place): string | undefined {
  const baseline = baselineOf(detail);
  const spike = baseline?.windows[0]?.spike_from;
  if (!baseline || spike === undefined) return undefined;
  const drop = soonestDrop(baseline);
  const values = { spike: number(spike, place.language), window: drop?.window_min ?? 0, drop: '' };
  if (drop?.drop_to === undefined) return say('face.throughput.spike_only', values);
  return say('face.throughput.thresholds', { ...values, drop: number(drop.drop_to, place.language) });
}

/** How long the bot takes to answer: half of the answers, and all but the slowest. */
export function replyTold(detail: Json | undefined, say: Say, place: Place): string | undefined {
  const [p50, p95] = [numberAt(detail, 'reply', 'p50_s'), numberAt(detail, 'reply', 'p95_s')];
  if (p50 === undefined || p95 === undefined) return undefined;
  const values = { p50: swift(p50, place), p95: swift(p95, place) };
  return say('throughput.reply_told', values);
}

/** How the count is kept and as of when, as far as the daemon says so. */
export function keptTold(check: Check, say: Say, place: Place): string | undefined {
  const scheme = textAt(check.detail, 'scheme');
  const at = observed(check) ?? momentAt(check.detail, 'as_of');
  if ((scheme !== 'recount' && scheme !== 'deltas') || at === undefined) return undefined;
  const told = say(`throughput.kept_${scheme}`, { at: clockSeconds(at, place) });
  return flagAt(check.detail, 'in_sync') === false ? `${told}; ${say('throughput.out_of_step')}` : told;
}

/** It comes in tenths, and no answer takes no time at all. */
export function swift(seconds: number, place: Place): string {
  return precise(seconds === 0 ? 0.01 : seconds, place.language);
}

/** The headline of a drill-down when there is nothing to complain of. */
export function headOf(name: string, check: Check, place: Place): string {
  const value = check.headline && number(check.headline.value, place.language);
  const of = check.headline?.of === undefined ? '' : number(check.headline.of, place.language);
  const key = `head.${name}`;
  if (value !== undefined && isText(key)) return text(key, place.language, { value, of });
  return '';
}

export function observed(check: Check): number | undefined {
  return parse(check.observed_at);
}

// What each check shows on its card besides its reason: figure, unit, one line about it, and its limit.
import { number } from '../format/number';
import type { Place } from '../format/place';
import { ago, clock, parse } from '../format/time';
import { type TextKey, text, type Values } from '../i18n/text';
import { entriesAt, momentAt, numberAt, textAt } from '../live/read';
import type { Check, Headline } from '../live/wire';

export interface Face {
  figure: string;
  unit: string;
  /** The figure is what was known last. */
  past: boolean;
  about: string | undefined;
  limit: string | undefined;
}

type Say = (key: TextKey, values?: Values) => string;

export function face(name: string, check: Check, now: number, place: Place): Face {
  const say: Say = (key, values) => text(key, place.language, values);
  const { figure, unit } = headlined(name, check.headline, say, place);
  // A database that fails does not answer: its latency is of the time before.
  if (check.verdict === 'unknown' || (name === 'db' && check.verdict === 'fail')) {
    const known = check.headline !== undefined;
    const told = say(known ? 'card.last_known' : 'card.no_value');
    return { figure, unit: told, past: true, about: undefined, limit: undefined };
  }
  return {
    figure,
    unit,
    past: false,
    about: about(name, check, say, now, place),
    limit: limit(name, check, say, place),
  };
}

function headlined(name: string, headline: Headline | undefined, say: Say, place: Place) {
  if (!headline) return { figure: say('reason.no_value'), unit: '' };
  const value = number(headline.value, place.language);
  const whole = name === 'realtime' && headline.value === headline.of;
  const figure = headline.of === undefined || whole ? value : `${value}/${number(headline.of, place.language)}`;
  return { figure, unit: unitOf(name, headline.unit, say) };
}

function unitOf(name: string, unit: string | undefined, say: Say): string {
  if (name === 'realtime') return say('unit.channels');
  if (name === 'triggers') return say('unit.triggers');
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
      const ms = told('test_signal', 'ms');
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
    case 'message_throughput': {
      const [count, hour] = [told('count_5m'), told('count_60m')];
      return verdict === 'ok' && count && hour ? say('face.throughput.about', { count, hour }) : undefined;
    }
    default:
      return undefined;
  }
}

function limit(name: string, check: Check, say: Say, place: Place): string | undefined {
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
    case 'message_throughput': {
      const [min, max] = [told('min_60m'), told('max_5m')];
      return min && max ? say('face.throughput.limit', { min, max }) : undefined;
    }
    default:
      return undefined;
  }
}

/** The headline of a drill-down when there is nothing to complain of. */
export function headOf(name: string, check: Check, place: Place): string {
  const value = check.headline && number(check.headline.value, place.language);
  const of = check.headline?.of === undefined ? '' : number(check.headline.of, place.language);
  const key = `head.${name}`;
  const known = ['head.db', 'head.realtime', 'head.triggers', 'head.recent_activity', 'head.message_throughput'];
  if (value !== undefined && known.includes(key)) return text(key as TextKey, place.language, { value, of });
  return '';
}

export function observed(check: Check): number | undefined {
  return parse(check.observed_at);
}

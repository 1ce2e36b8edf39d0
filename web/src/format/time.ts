// Moments and durations as people read them, in the viewer's zone, with the zone named where a sentence needs it.
import { number } from './number';
import { type Language, LOCALES, type Place } from './place';

const DAY_MS = 86_400_000;

const UNITS = {
  id: { s: 'dtk', min: 'mnt', h: 'jam', d: 'hari' },
  en: { s: 's', min: 'min', h: 'h', d: 'd' },
} as const;
const LONG = {
  id: { s: ['detik', 'detik'], min: ['menit', 'menit'], h: ['jam', 'jam'], d: ['hari', 'hari'] },
  en: { s: ['second', 'seconds'], min: ['minute', 'minutes'], h: ['hour', 'hours'], d: ['day', 'days'] },
} as const;
type Unit = keyof (typeof UNITS)['id'];

const made = new Map<string, Intl.DateTimeFormat>();

function format(locale: string, zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  const found = made.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options });
  made.set(key, found);
  return found;
}

export function parse(stamp: string | undefined): number | undefined {
  const moment = Date.parse(stamp ?? '');
  return Number.isNaN(moment) ? undefined : moment;
}

/** 08.14 in Indonesian, 08:14 in English. */
export function clock(moment: number, place: Place, zone = place.zone): string {
  return format(LOCALES[place.language], zone, { hour: '2-digit', minute: '2-digit' }).format(moment);
}

export function clockSeconds(moment: number, place: Place, zone = place.zone): string {
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;
  return format(LOCALES[place.language], zone, options).format(moment);
}

/** WIB, WITA and WIT are known to Indonesian only; elsewhere the offset is the name that all understand. */
export function zoneName(moment: number, zone: string): string {
  for (const locale of [LOCALES.id, LOCALES.en]) {
    const parts = format(locale, zone, { timeZoneName: 'short' }).formatToParts(moment);
    const name = parts.find((part) => part.type === 'timeZoneName')?.value ?? '';
    if (/^WI(B|TA|T)$/.test(name) || locale === LOCALES.en) return name;
  }
  return zone;
}

/** How a moment is written inside a sentence; the templates add no "pukul" of their own. */
export function instant(moment: number, now: number, place: Place): string {
  const time = `${clock(moment, place)} ${zoneName(moment, place.zone)}`;
  const said = place.language === 'id' ? `pukul ${time}` : time;
  if (Math.abs(now - moment) < DAY_MS) return said;
  return `${day(moment, place)}${place.language === 'id' ? ' ' : ', '}${said}`;
}

/** For a column of moments: the time alone, with its day once it is more than one away. */
export function stamp(moment: number, now: number, place: Place): string {
  const time = clockSeconds(moment, place);
  return Math.abs(now - moment) < DAY_MS ? time : `${day(moment, place)} ${time}`;
}

/** What is still to come: the time alone while it is today, then tomorrow by name, then with its day. */
export function upcoming(moment: number, now: number, place: Place): string {
  const date = (one: number) => format(LOCALES.en, place.zone, { dateStyle: 'short' }).format(one);
  const time = clock(moment, place);
  if (date(moment) === date(now)) return time;
  if (date(moment) === date(now + DAY_MS)) return `${place.language === 'id' ? 'besok' : 'tomorrow'} ${time}`;
  return `${day(moment, place)} ${time}`;
}

/** A slot of the week as one says it of what is usual, always by the platform's clock: its people live by that one. */
export function weekly(moment: number, place: Place): string {
  const zone = place.platform_zone;
  const weekday = format(LOCALES[place.language], zone, { weekday: 'long' }).format(moment);
  const named = place.zone === zone ? '' : ` ${zoneName(moment, zone)}`;
  const time = `${clock(moment, place, zone)}${named}`;
  return place.language === 'id' ? `${weekday} pukul ${time}` : `${weekday}s at ${time}`;
}

function day(moment: number, place: Place): string {
  return format(LOCALES[place.language], place.zone, { day: 'numeric', month: 'short' }).format(moment);
}

/** The exact time for those who point at it, in the viewer's zone and, where it differs, in the platform's. */
export function exact(moment: number, place: Place): string {
  const full = (zone: string) => {
    const date = format(LOCALES[place.language], zone, { day: 'numeric', month: 'long', year: 'numeric' }).format(
      moment,
    );
    return `${date} ${clockSeconds(moment, place, zone)} ${zoneName(moment, zone)}`;
  };
  const here = full(place.zone);
  const there = full(place.platform_zone);
  return here === there ? here : `${here} (${there})`;
}

/** Seconds until 120 s, minutes until 120 min, then hours, then days. */
export function duration(seconds: number, language: Language): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [value, unit]: [number, Unit] =
    whole < 120
      ? [whole, 's']
      : whole < 7200
        ? [Math.floor(whole / 60), 'min']
        : whole < 172_800
          ? [Math.floor(whole / 3600), 'h']
          : [Math.floor(whole / 86_400), 'd'];
  return `${value} ${UNITS[language][unit]}`;
}

/** As a duration, but below 10 s with the decimal that tells 0.4 s from 1.3 s. */
export function precise(seconds: number, language: Language): string {
  return seconds < 9.95 ? `${number(seconds, language)} ${UNITS[language].s}` : duration(seconds, language);
}

/** Two units in full words, for the one line that says how long it has been. */
export function durationLong(seconds: number, language: Language): string {
  const whole = Math.max(0, Math.floor(seconds));
  const word = (value: number, unit: Unit) => `${value} ${LONG[language][unit][value === 1 ? 0 : 1]}`;
  const pair = (big: Unit, small: Unit, size: number, part: number) => {
    const rest = Math.floor((whole % size) / part);
    return rest === 0
      ? word(Math.floor(whole / size), big)
      : `${word(Math.floor(whole / size), big)} ${word(rest, small)}`;
  };
  if (whole < 120) return word(whole, 's');
  if (whole < 7200) return pair('min', 's', 60, 1);
  if (whole < 172_800) return pair('h', 'min', 3600, 60);
  return pair('d', 'h', 86_400, 3600);
}

export function ago(moment: number, now: number, language: Language): string {
  const told = duration((now - moment) / 1000, language);
  return language === 'id' ? `${told} lalu` : `${told} ago`;
}

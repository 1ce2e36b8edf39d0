// What stands below the seven: jobs, services, settings and the monitor itself, read from the document's other sections.
import { kept } from './kept';
import { isObject } from './protocol';
import { entriesAt, textAt } from './read';
import type { Check, Entry, HealthDocument, Json, JsonObject, Verdict } from './wire';

export const SECTIONS = ['cron', 'services', 'settings', 'monitor'] as const;
export type SectionName = (typeof SECTIONS)[number];

/** One row of a section: its entry, and its other values as they came. */
export interface Row {
  name: string;
  entry: Entry;
  value: JsonObject;
}

/** How much of a section wants a look, and the worst shape among it. */
export interface Beside {
  section: SectionName;
  count: number;
  verdict: Verdict;
}

export function verdictAt(source: Json | undefined, ...path: string[]): Verdict {
  const said = textAt(source, ...path, 'verdict');
  return said === 'ok' || said === 'warn' || said === 'fail' ? said : 'unknown';
}

/** A section that is one entry with its detail laid flat beside it; nothing where the document has none. */
export function sectionOf(document: HealthDocument, name: 'cron' | 'monitor'): Check | undefined {
  const section = document[name];
  return isObject(section) ? whole(section) : undefined;
}

const whole = kept((section: JsonObject): Check | undefined => {
  if (section.verdict === undefined) return undefined;
  return { ...(section as unknown as Check), verdict: verdictAt(section) };
});

/** What the platform's jobs are, as far as they are seen: behind what cannot be asked, the last state proves nothing. */
export function jobsOf(document: HealthDocument): Row[] {
  return isObject(document.cron) ? jobs(document.cron) : [];
}

const jobs = kept((cron: JsonObject): Row[] => {
  const unseen = verdictAt(cron) === 'unknown';
  return rows(cron, 'jobs').map((row) => (unseen ? { ...row, entry: { verdict: 'unknown' } } : row));
});

export function servicesOf(document: HealthDocument): Row[] {
  return isObject(document.services) ? all(document.services) : [];
}

export function settingsOf(document: HealthDocument): Row[] {
  return isObject(document.settings) ? all(document.settings) : [];
}

const all = kept((section: JsonObject): Row[] => rows(section));

export function isTroubled(entry: Entry): boolean {
  return entry.verdict === 'warn' || entry.verdict === 'fail';
}

/** Switched off on purpose: neither well nor unwell, and not counted. */
export function isDisabled(entry: Entry): boolean {
  return entry.reason === 'unknown.disabled';
}

/** What is said beside the overall word, which stands for the seven alone. */
export function beside(document: HealthDocument): Beside[] {
  const whole = (name: 'cron' | 'monitor'): Entry[] => [sectionOf(document, name) ?? { verdict: 'ok' }];
  const told: [SectionName, Entry[], Entry[]][] = [
    // The scheduler may be stuck as a whole, without one job to blame.
    ['cron', jobsOf(document).map((row) => row.entry), whole('cron')],
    ['services', servicesOf(document).map((row) => row.entry), []],
    ['settings', settingsOf(document).map((row) => row.entry), []],
    ['monitor', whole('monitor'), []],
  ];
  return told.flatMap(([section, counted, more]) => {
    const troubled = counted.filter(isTroubled);
    const all = [...troubled, ...more.filter(isTroubled)];
    if (all.length === 0) return [];
    const verdict = all.some((entry) => entry.verdict === 'fail') ? 'fail' : 'warn';
    return [{ section, count: troubled.length, verdict }];
  });
}

/** Who has this reason now, as a key like those of the transitions. */
export function whoHas(document: HealthDocument, code: string): string | undefined {
  const named = (entries: [string, { reason?: unknown }][], prefix = '') =>
    entries.filter(([, entry]) => entry.reason === code).map(([name]) => prefix + name);
  return [
    ...named(Object.entries(document.checks)),
    ...named(entriesAt(document.services), 'services/'),
    ...named(SECTIONS.flatMap((name): [string, JsonObject][] => (document[name] ? [[name, document[name]]] : []))),
  ][0];
}

function rows(source: Json | undefined, ...path: string[]): Row[] {
  return entriesAt(source, ...path).map(([name, value]) => ({
    name,
    entry: { ...(value as unknown as Entry), verdict: verdictAt(value) },
    value,
  }));
}

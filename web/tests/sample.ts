// A small document for the tests, as the daemon would send it.
import { type Setting, settingAt } from '../src/live/settings';
import type { Check, HealthDocument, JsonObject, Transition } from '../src/live/wire';

export const NOW = Date.parse('2026-11-22T01:20:11.000Z');

export function sample(
  checks: { [name: string]: Partial<Check> } = {},
  transitions: { [key: string]: Transition } = {},
): HealthDocument {
  const full = Object.entries(checks).map(([name, check]) => [
    name,
    { verdict: 'ok', since: '2026-11-22T00:02:00.000Z', observed_at: '2026-11-22T01:20:08.000Z', ttl_s: 65, ...check },
  ]);
  return {
    platform: 'huph',
    zone: 'Asia/Jakarta',
    status: 'healthy',
    since: '2026-11-22T00:02:00.000Z',
    position: { epoch: 7, seq: 41 },
    as_of: '2026-11-22T01:20:11.000Z',
    checks: Object.fromEntries(full) as HealthDocument['checks'],
    transitions,
  };
}

export const entry = {
  verdict: 'ok',
  type: 'text',
  editable: true,
  value: 'a',
  version: 3,
  changed_at: '2026-11-22T01:00:00.000Z',
};

/** A setting that may be edited, with what is said of it besides. */
export const setting = (more: JsonObject = {}): Setting => settingAt({ key: { ...entry, ...more } }, 'key') as Setting;

// A small document for the tests, as the daemon would send it.
import type { Check, HealthDocument, Transition } from '../src/live/wire';

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

// The marks on the charts: turns of the check's own verdict, and edits of settings, each within the picture.
import { expect, it } from 'vitest';
import { happened } from '../src/views/happened';
import { entry, NOW, sample } from './sample';

const place = { language: 'en' as const, zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const HOUR = 3_600_000;

it('tells what happened to the check and to the settings, in the order of time', () => {
  const document = {
    ...sample(
      { db: {} },
      {
        '3': { at: '2026-11-22T01:00:00.000Z', check: 'db', from: 'ok', to: 'warn', reason: 'db.slow' },
        '4': { at: '2026-11-22T01:05:00.000Z', check: 'db', from: 'warn', to: 'ok' },
        '5': { at: '2026-11-22T01:06:00.000Z', check: 'triggers', from: 'ok', to: 'fail' },
        '2': { at: '2026-11-21T01:00:00.000Z', check: 'db', from: 'unknown', to: 'ok' },
      },
    ),
    settings: {
      'system.model': { ...entry, changed_at: '2026-11-22T01:02:00.000Z', changed_by: 'Sari' },
      'system.old': { ...entry, changed_at: '2026-10-22T01:02:00.000Z' },
      'system.never': { verdict: 'ok', value: 'x' },
    },
  };
  expect(happened(document as never, 'db', NOW - HOUR, NOW, place)).toEqual([
    { at: Date.parse('2026-11-22T01:00:00Z'), verdict: 'warn', title: '08:00:00 Database: needs a look' },
    { at: Date.parse('2026-11-22T01:02:00Z'), title: '08:02:00 system.model edited by Sari' },
    { at: Date.parse('2026-11-22T01:05:00Z'), verdict: 'ok', title: '08:05:00 Database: recovered after 5 minutes' },
  ]);
});

// The stretches in which nobody listened, as the charts tell them.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { deafness } from '../src/views/deafness';
import { board } from './boards';
import { NOW } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const HOUR_MS = 3_600_000;

describe('deafness', () => {
  it('names when, why, and whether it was counted anew, newest first', () => {
    const { monitor } = board('monitor_gap');
    expect(deafness(monitor, NOW - HOUR_MS, NOW, NOW, en)).toEqual([
      {
        from: Date.parse('2026-11-22T01:06:00.000Z'),
        to: Date.parse('2026-11-22T01:08:02.000Z'),
        text: 'not listening 08:06:00–08:08:02: its process was paused, recounted since',
      },
      expect.objectContaining({ text: 'not listening 07:40:10–07:40:13: ended by the database, recounted since' }),
    ]);
    expect(deafness(monitor, NOW - HOUR_MS, NOW, NOW, id)[1]?.text).toBe(
      'tidak mendengar 07.40.10–07.40.13: diputus oleh database, sudah dihitung ulang',
    );
  });

  it('reaches until now as long as it lasts', () => {
    expect(deafness(board('listener_hung').monitor, NOW - HOUR_MS, NOW + 60_000, NOW, en)).toEqual([
      {
        from: Date.parse('2026-11-22T01:12:04.000Z'),
        to: NOW,
        text: 'not listening since 08:12:04: after it stopped answering, not recounted yet',
      },
    ]);
  });

  it('leaves out what the picture does not show, and invents nothing', () => {
    const { monitor } = board('monitor_gap');
    expect(deafness(monitor, NOW - 60_000, NOW, NOW, en)).toEqual([]);
    expect(deafness(monitor, 0, Date.parse('2026-11-22T00:40:10.000Z'), NOW, en)).toEqual([]);
    expect(deafness(undefined, 0, NOW, NOW, en)).toEqual([]);
    expect(deafness({ gaps: { nonsense: { cause: 'reset' } } }, 0, NOW, NOW, en)).toEqual([]);
  });
});

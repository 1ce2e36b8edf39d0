// Numbers, durations and moments in both languages.
import { describe, expect, it } from 'vitest';
import { megabytes, number, percent } from '../src/format/number';
import { type Place, usableZone } from '../src/format/place';
import { ago, clock, duration, durationLong, exact, instant, stamp, zoneName } from '../src/format/time';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const moment = Date.parse('2026-11-22T01:14:03.120Z');

describe('numbers', () => {
  it.each([
    [0.4, '0,4', '0.4'],
    [9.96, '10', '10'],
    [62.4, '62', '62'],
    [3, '3', '3'],
    [1400, '1.400', '1,400'],
    [0.02, '<0,1', '<0.1'],
    [0, '0', '0'],
  ])('%d', (value, indonesian, english) => {
    expect(number(value, 'id')).toBe(indonesian);
    expect(number(value, 'en')).toBe(english);
  });
  it('writes a share with its sign', () => expect([percent(0.7, 'id'), percent(0.7, 'en')]).toEqual(['0,7 %', '0.7%']));
  it('writes sizes', () => expect([megabytes(85, 'en'), megabytes(20_480, 'en')]).toEqual(['85 MB', '20 GB']));
});

describe('durations', () => {
  it.each([
    [4.2, '4 s'],
    [119, '119 s'],
    [120, '2 min'],
    [7199, '119 min'],
    [7200, '2 h'],
    [172_800, '2 d'],
    [-3, '0 s'],
  ])('%d s', (seconds, told) => expect(duration(seconds, 'en')).toBe(told));
  it('tells two units in words', () => {
    expect(durationLong(368, 'id')).toBe('6 menit 8 detik');
    expect(durationLong(35_400, 'id')).toBe('9 jam 50 menit');
    expect(durationLong(120, 'en')).toBe('2 minutes');
    expect(durationLong(86_400 * 3 + 3600, 'en')).toBe('3 days 1 hour');
  });
  it('says how long ago', () =>
    expect([ago(moment, moment + 5000, 'id'), ago(moment, moment + 5000, 'en')]).toEqual(['5 dtk lalu', '5 s ago']));
});

describe('moments', () => {
  it('carry their zone in a sentence', () => {
    expect(instant(moment, moment + 1000, id)).toBe('pukul 08.14 WIB');
    expect(instant(moment, moment + 1000, en)).toBe('08:14 WIB');
  });
  it('carry their day once they are older than one', () => {
    expect(instant(moment, moment + 90_000_000, id)).toBe('22 Nov pukul 08.14 WIB');
    expect(stamp(moment, moment + 90_000_000, en)).toBe('22 Nov 08:14:03');
  });
  it("name the platform's zone where the viewer's differs", () => {
    const abroad = { ...en, zone: 'Europe/Berlin' };
    expect(exact(moment, abroad)).toBe('22 November 2026 02:14:03 CET (22 November 2026 08:14:03 WIB)');
    expect(exact(moment, id)).toBe('22 November 2026 08.14.03 WIB');
  });
  it('write midnight as 00', () => expect(clock(Date.parse('2026-11-21T17:00:00Z'), en)).toBe('00:00'));
  it('know the zones of Indonesia by name', () => {
    expect(
      ['Asia/Jakarta', 'Asia/Makassar', 'Asia/Jayapura', 'Asia/Singapore'].map((zone) => zoneName(moment, zone)),
    ).toEqual(['WIB', 'WITA', 'WIT', 'GMT+8']);
  });
  it('survive a zone that does not exist', () => {
    expect(usableZone('Mars/Olympus')).toBeUndefined();
    expect(usableZone('Asia/Jakarta')).toBe('Asia/Jakarta');
  });
});

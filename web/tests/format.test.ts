// Numbers, durations and moments in both languages.
import { describe, expect, it } from 'vitest';
import { megabytes, number, percent } from '../src/format/number';
import { type Place, usableZone } from '../src/format/place';
import {
  ago,
  clock,
  duration,
  durationLong,
  exact,
  instant,
  precise,
  stamp,
  upcoming,
  weekly,
  zoneName,
} from '../src/format/time';

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
  it('keep the decimal of a few seconds', () =>
    expect([precise(0.42, 'id'), precise(9.96, 'en'), precise(391, 'en')]).toEqual(['0,4 dtk', '9 s', '6 min']));
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
  it('to come are today, tomorrow, or on their day', () => {
    const in_h = (hours: number, place: Place) => upcoming(moment + hours * 3_600_000, moment, place);
    expect([in_h(1, id), in_h(24, id), in_h(72, en)]).toEqual(['09.14', 'besok 08.14', '25 Nov 08:14']);
    expect(in_h(15, en)).toBe('23:14');
    expect(in_h(16, en)).toBe('tomorrow 00:14');
  });
  it("of the week are told by the platform's clock", () => {
    expect([weekly(moment, id), weekly(moment, en)]).toEqual(['Minggu pukul 08.14', 'Sundays at 08:14']);
    expect(weekly(moment, { ...en, zone: 'America/New_York' })).toBe('Sundays at 08:14 WIB');
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

// Sentences of reasons: filled in, translated, and safe against whatever the platform wrote.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { plain, quoted, sentence } from '../src/i18n/sentence';
import { NOW } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const told = (code: string, params: Record<string, unknown>, place = id, since?: string) =>
  plain(sentence({ code, params, since }, NOW, place));

describe('sentence', () => {
  it('fills moments, words and numbers in', () => {
    const params = { since: '2026-11-22T01:14:03.120Z', why: 'not_running' };
    expect(told('db.refused', params)).toBe('Database menolak sambungan sejak pukul 08.14 WIB (tidak berjalan).');
    expect(told('db.refused', params, en)).toBe('The database has refused connections since 08:14 WIB (not running).');
  });
  it('derives what is not sent: how long it has been', () => {
    expect(told('db.starting', { since: '2026-11-22T01:20:01.000Z', phase: 'start' }, en)).toContain('10 s so far');
    expect(told('unknown.starting', {}, en, '2026-11-22T01:20:06.000Z')).toContain('(5 s)');
  });
  it('says never for a last time that is absent', () => {
    expect(told('recent_activity.silent', { silent_h: 6 })).toContain('(terakhir belum pernah)');
    expect(told('recent_activity.bot_silent', { users: 7, window_min: 15 }, en)).toContain('(last never)');
  });
  it('names the parent as its card does, and tells a limit in words from a limit in numbers', () => {
    expect(told('unknown.blocked_by', { parent: 'db', since: '2026-11-22T01:14:03.120Z' })).toContain(
      'setelah Database pulih',
    );
    expect(told('unknown.timeout', { object: 'messages', limit: 'lock', limit_ms: 1400 }, en)).toContain(
      'after 1,400 ms (lock wait limit)',
    );
    expect(told('message_throughput.above', { count: 312, window_min: 5, limit: 300 })).toBe(
      '312 pesan dalam 5 menit: di atas batas 300.',
    );
  });
  it('says yes or no in words', () => {
    const params = { usage_pct: 12.4, dropped: true };
    expect(told('monitor.queue_holder', params)).toBe(
      'Monitor sendiri tertinggal membaca sinyal (antrean 12 %); jalur dengar dilepas: ya.',
    );
    expect(told('monitor.queue_holder', { ...params, dropped: false }, en)).toContain('listening given up: no.');
  });
  it('tells a count that drifted, and when', () => {
    expect(told('monitor.drift', { rows: 2, at: '2026-11-22T01:12:04.000Z' }, en)).toBe(
      "The monitor's count differed from the database by 2 rows at 08:12 WIB; corrected at once.",
    );
  });
  it('names a right in words', () => {
    const params = { object: 'messages', right: 'SELECT' };
    expect(told('unknown.permission', params)).toContain('izin membaca (SELECT) atas messages');
  });
  it('shows a code that it does not know', () => expect(told('db.new_thing', {}, en)).toBe('Reason db.new_thing.'));
  it('keeps a hostile name as one piece of text', () => {
    const name = '<img src=x onerror=alert(1)>{table}';
    const pieces = sentence({ code: 'triggers.missing', params: { trigger: name, table: 'messages' } }, NOW, en);
    expect(pieces.filter((piece) => piece.kind === 'name').map((piece) => piece.text)).toEqual([name, 'messages']);
  });
  it('does not take what every object inherits for a parameter or a code', () => {
    expect(told('constructor', {}, en)).toBe('Reason constructor.');
    expect(told('db.refused', { since: 'x', why: 'toString' }, en)).toContain('(toString)');
  });
  it('cuts, and shows control characters instead of obeying them', () => {
    expect(quoted('a\u0000b\nc\u202ed')).toBe('a␀b␊c␡d');
    expect(quoted('x'.repeat(300))).toHaveLength(201);
  });
});

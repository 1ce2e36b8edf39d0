// Every trouble of every section in words: both languages, all values filled in, and what stands beside a reason.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { plain } from '../src/i18n/sentence';
import { jobsOf, sectionOf, servicesOf, settingsOf } from '../src/live/sections';
import type { Entry, HealthDocument, Verdict } from '../src/live/wire';
import { besides, eventsOf, flagsOf, nameOf, reasonOf, wordOf } from '../src/views/telling';
import { board, checkOf, TROUBLES, type Trouble } from './boards';
import { NOW } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };

function entries(document: HealthDocument): Entry[] {
  const rows = [...jobsOf(document), ...servicesOf(document), ...settingsOf(document)].map((row) => row.entry);
  const whole = [sectionOf(document, 'cron'), sectionOf(document, 'monitor')].filter((one) => one !== undefined);
  return [...Object.values(document.checks), ...rows, ...whole];
}
const told = (entry: Entry, place: Place) => plain(reasonOf(entry, NOW, place) ?? []);
const service = (name: string, trouble: Trouble) =>
  servicesOf(board(trouble)).find((row) => row.name === name)?.entry as Entry;

describe('reasons', () => {
  it.each(TROUBLES)('%s is told in both languages with every value in its place', (trouble) => {
    const document = board(trouble);
    const reasons = entries(document).filter((entry) => entry.reason !== undefined);
    if (trouble !== 'throughput_small') expect(reasons.length).toBeGreaterThan(0);
    for (const entry of reasons) {
      for (const place of [id, en]) {
        const sentences = [told(entry, place), ...besides(entry, NOW, place).map((one) => plain(one.pieces))];
        for (const sentence of sentences.filter((one) => one !== '')) {
          expect(sentence, entry.reason).not.toMatch(/–|\{|\}$|undefined|NaN|Alasan|Reason [a-z]/);
        }
      }
    }
  });

  it('translate what is enumerated', () => {
    expect(told(checkOf('cluster_coverage', 'coverage_uncovered'), id)).toBe(
      'Cluster Hukum belum punya konselor: belum ada penugasan (4/5).',
    );
    expect(told(checkOf('feature_flags', 'flags_malformed'), en)).toBe(
      'Feature flag MAX_BOT_TURNS (line 9) cannot be read; it should be a whole number.',
    );
    expect(told(checkOf('realtime', 'broker_refuses_token'), en)).toContain('(which side is not known)');
    expect(told(checkOf('realtime', 'broker_down'), id)).toContain('(sambungan ditolak)');
    const expired = { params: { service: 'milvus', answer: 'certificate expired' } };
    expect(told({ ...service('milvus', 'service_bad_answer'), ...expired }, id)).toBe(
      'Layanan milvus menjawab tidak semestinya: sertifikat kedaluwarsa.',
    );
    expect(settingsOf(board('settings_invalid')).map((row) => told(row.entry, en))).toContain(
      'Setting system.openai_api_key is not right: the secret is not configured.',
    );
  });

  it('say what is usual at this hour of the week, and whose messages', () => {
    expect(told(checkOf('message_throughput', 'throughput_drop'), id)).toBe(
      '0 pesan (semua pengirim) dalam 5 menit; biasanya 14 ± 4 pada Minggu pukul 08.00.',
    );
    expect(told(checkOf('message_throughput', 'throughput_spike'), en)).toBe(
      'Spike: 212 messages (user) in 5 min; usually 8 ± 3 on Sundays at 08:00.',
    );
  });

  it('let lateness grow by the clock', () => {
    const late = jobsOf(board('cron_late')).find((row) => row.name === 'embedding_refresh')?.entry as Entry;
    expect(told(late, en)).toContain('18 min late (last 07:02 WIB)');
    expect(plain(reasonOf(late, NOW + 120_000, en) ?? [])).toContain('20 min late');
  });

  it('quote what the platform said, and let only names stand out', () => {
    const failing = jobsOf(board('cron_failing'))[0]?.entry as Entry;
    const pieces = reasonOf(failing, NOW, en) ?? [];
    expect(pieces.filter((piece) => piece.kind === 'name').map((piece) => piece.text)).toEqual(['follow_up']);
    expect(plain(pieces)).toContain('429 rate_limit_error');
  });

  it('keep the status of a handshake that was turned away', () => {
    const check = checkOf('realtime', 'broker_down');
    const turned = { ...check, params: { ...check.params, error: 'http_502' } };
    expect(told(turned, en)).toContain('(HTTP 502)');
  });
});

describe('beside a reason', () => {
  it('is nothing when nothing is to be said', () => {
    expect(flagsOf(checkOf('db'), () => board(), id)).toBe('');
  });

  it('stands that it wobbles', () => {
    const check = checkOf('message_throughput', 'throughput_drop');
    expect([flagsOf(check, () => board(), id), flagsOf(check, () => board(), en)]).toEqual([
      'berubah-ubah',
      'flapping',
    ]);
  });

  it('stands how far another verdict is proven', () => {
    const slow = service('dify', 'service_slow');
    expect(flagsOf(slow, () => board(), en)).toBe('not settled: 1 of 2 observations towards failing');
    expect(flagsOf({ ...slow, pending: { to: 'fail' } }, () => board(), en)).toBe('');
  });

  it('stands what it follows from, by the name of who has that', () => {
    const document = board('broker_down');
    const check = document.checks.realtime as Entry;
    expect(flagsOf(check, () => document, id)).toBe('akibat dari layanan huph-api (service.refused)');
    expect(flagsOf(check, () => board(), en)).toBe('follows from service.refused');
  });

  it('stands what is seen of the server while the database hides the rest', () => {
    const others = besides(checkOf('realtime', 'db_refused'), NOW, en);
    expect(others.map((one) => [one.code, one.verdict])).toEqual([['realtime.broker_down', 'fail']]);
    expect(plain(others[0]?.pieces ?? [])).toContain('out of reach');
  });
});

describe('names', () => {
  it('tell services from checks, and what is switched off from what is unknown', () => {
    expect([nameOf('services/huph-api', en), nameOf('cron', id)]).toEqual(['service huph-api', 'Tugas terjadwal']);
    const disabled = jobsOf(board('cron_disabled')).find((row) => row.name === 'daily_report')?.entry as Entry;
    expect([wordOf(disabled, id), wordOf(disabled, en)]).toEqual(['Tidak dipantau', 'Not watched']);
  });

  it('begin a line of what happened, and lead to where it is shown', () => {
    const at = '2026-11-22T01:00:00.000Z';
    const shown = (['services/dify', 'cron', 'monitor', 'db'] as const).map((check, index) => ({
      key: String(index),
      at,
      check,
      from: 'ok' as const,
      to: 'warn' as const,
    }));
    expect(eventsOf(shown, shown, NOW, en).map((event) => [event.name, event.href])).toEqual([
      ['Service dify', '#/services'],
      ['Cron jobs', '#/cron'],
      ['The monitor', '#/monitor'],
      ['Database', '#/checks/db'],
    ]);
  });

  it('are one line for all that are first seen to be OK, and for all that wait for the same', () => {
    const one = (key: number, check: string, from: Verdict, to: Verdict, more = {}) => ({
      key: String(key),
      at: new Date(NOW - 60_000 + key * 1000).toISOString(),
      check,
      from,
      to,
      ...more,
    });
    const waits = { reason: 'unknown.blocked_by', params: { parent: 'db' } };
    const all = [
      one(9, 'triggers', 'ok', 'unknown', waits),
      one(8, 'db', 'ok', 'fail', { reason: 'db.refused', params: { why: 'not_running' } }),
      one(7, 'realtime', 'ok', 'unknown', waits),
      one(5, 'services/dify', 'unknown', 'fail', { reason: 'service.timeout', params: { service: 'dify' } }),
      one(3, 'realtime', 'unknown', 'ok'),
      one(2, 'triggers', 'unknown', 'ok'),
      one(1, 'db', 'unknown', 'ok'),
    ];
    const told = eventsOf(all, all, NOW, id).map(({ key, name, said, rest }) => [key, name, said, plain(rest)]);
    expect(told.map(([key, name, said]) => `${key} ${name}: ${said}`)).toEqual([
      '9 2 pemeriksaan: menunggu Database',
      '8 Database: gangguan',
      '5 Layanan dify: gangguan',
      '3 3 pemeriksaan: terlihat normal',
    ]);
    expect(told.at(-1)?.[3]).toBe('Database, Triggers, Realtime');
    expect(eventsOf(all, all, NOW, en)[0]?.said).toBe('waiting for Database');
  });

  it('stay apart when they are not of the same moment, or end a trouble', () => {
    const one = (key: number, ago_s: number, check: string, from: Verdict) => ({
      key: String(key),
      at: new Date(NOW - ago_s * 1000).toISOString(),
      check,
      from,
      to: 'ok' as const,
    });
    const all = [one(3, 10, 'db', 'unknown'), one(2, 20, 'triggers', 'fail'), one(1, 200, 'realtime', 'unknown')];
    expect(eventsOf(all, all, NOW, en).map((event) => event.name)).toEqual(['Database', 'Triggers', 'Realtime']);
  });
});

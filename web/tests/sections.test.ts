// What stands below the seven: jobs, services, settings and the monitor, and what is said of them beside the whole.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { applyPatch } from '../src/live/patch';
import { beside, isDisabled, jobsOf, sectionOf, servicesOf, settingsOf, verdictAt, whoHas } from '../src/live/sections';
import { worstOf } from '../src/live/select';
import type { HealthDocument, JsonObject } from '../src/live/wire';
import { errorsOf, jobOf, runSeconds, runVerdict } from '../src/views/sections/jobs';
import { shownOf } from '../src/views/sections/values';
import { gapsOf, refusedOf } from '../src/views/sections/vitals';
import { besideTold } from '../src/views/telling';
import { board } from './boards';
import { sample } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const said = (document: HealthDocument, place: Place) => beside(document).map((one) => besideTold(one, place));

describe('sections', () => {
  it('are not there where the document has none', () => {
    const document = sample({ db: {} });
    expect([sectionOf(document, 'cron'), sectionOf({ ...document, monitor: { version: '1' } }, 'monitor')]).toEqual([
      undefined,
      undefined,
    ]);
    expect([jobsOf(document), servicesOf(document), settingsOf(document), beside(document)]).toEqual([[], [], [], []]);
  });

  it('take a verdict that they do not know for unknown', () => {
    expect(verdictAt({ verdict: 'splendid' })).toBe('unknown');
    expect(servicesOf({ ...sample(), services: { odd: { verdict: 7 } } })[0]?.entry.verdict).toBe('unknown');
  });

  it('show jobs behind a database that cannot be asked as unseen, whatever they were before', () => {
    const document = board('cron_failing', 'db_refused');
    expect(new Set(jobsOf(document).map((row) => row.entry.verdict))).toEqual(new Set(['unknown']));
    expect(jobOf(jobsOf(document)[0] as never).fails).toBe(5);
    expect(beside(document)).toEqual([]);
  });

  it('put the worst first on a phone, and leave what is equal in its order', () => {
    const rows = worstOf(servicesOf(board('service_timeout')), (row) => row.entry.verdict);
    expect(rows.map((row) => row.name)).toEqual(['dify', 'langfuse', 'milvus', 'valkey', 'huph-api', 'admin']);
    expect(worstOf(servicesOf(board('service_dns')), (row) => row.entry.verdict)[0]?.name).toBe('langfuse');
  });
});

describe('beside the overall word', () => {
  it('is nothing while all is well, or only noted', () => {
    for (const trouble of ['cron_last_failed', 'cron_disabled', 'monitor_gap'] as const)
      expect(beside(board(trouble)), trouble).toEqual([]);
    expect(beside(board())).toEqual([]);
  });

  it('counts what wants a look, section by section, with its worst shape', () => {
    const document = board('cron_failing', 'service_timeout', 'service_bad_answer', 'settings_invalid', 'monitor_dns');
    expect(beside(document)).toEqual([
      { section: 'cron', count: 1, verdict: 'warn' },
      { section: 'services', count: 2, verdict: 'fail' },
      { section: 'settings', count: 1, verdict: 'warn' },
      { section: 'monitor', count: 1, verdict: 'warn' },
    ]);
    expect(said(document, id)).toEqual([
      '1 tugas terjadwal perlu dilihat',
      '2 layanan perlu dilihat',
      '1 pengaturan perlu dilihat',
      'monitor perlu dilihat',
    ]);
    expect(said(document, en)).toEqual([
      '1 cron job needs a look',
      '2 services need a look',
      '1 setting needs a look',
      'the monitor needs a look',
    ]);
  });

  it('names the scheduler where no job is to blame', () => {
    const stuck = { cron: { verdict: 'warn', reason: 'cron.scheduler_stuck' } };
    const document = applyPatch(board() as unknown as JsonObject, stuck) as unknown as HealthDocument;
    expect(said(document, en)).toEqual(['the scheduler needs a look']);
  });

  it('knows who has a reason, by the key that transitions use', () => {
    const document = board('service_dns', 'cron_scheduler_stuck', 'realtime_slow');
    expect(['service.dns', 'cron.scheduler_stuck', 'db.slow', 'db.hung'].map((code) => whoHas(document, code))).toEqual(
      ['services/langfuse', 'cron', 'db', undefined],
    );
  });
});

describe('jobs', () => {
  const job = (name: string, ...troubles: Parameters<typeof board>) =>
    jobOf(jobsOf(board(...troubles)).find((row) => row.name === name) as never);

  it('tell how they run', () => {
    expect(job('follow_up')).toMatchObject({ schedule: '20m', last_status: 'success', fails: 0, runs: 72, usual_s: 8 });
    expect(job('retention_sweep', 'cron_long_running')).toMatchObject({
      last_status: 'running',
      last_s: undefined,
      running_since: Date.parse('2026-11-22T00:49:00.000Z'),
    });
  });

  it('are not judged when they are switched off', () => {
    const row = job('daily_report', 'cron_disabled');
    expect([isDisabled(row.entry), row.enabled, row.next]).toEqual([true, false, undefined]);
  });

  it('group their errors, the most frequent first', () => {
    const row = jobsOf(board('cron_failing'))[0];
    const errors = errorsOf(row?.value ?? {});
    expect(errors.map((one) => [one.fingerprint, one.count])).toEqual([
      ['a41f9c07', 4],
      ['77d0e2b1', 1],
    ]);
    expect(errorsOf({})).toEqual([]);
  });

  it('give a run the shape of its end, and its length', () => {
    const run = { started: 1000, finished: 4000, status: 'success', duration_s: undefined, error: undefined };
    const with_ = (change: object) => ({ ...run, fingerprint: undefined, ...change });
    expect(['success', 'failed', 'running'].map((status) => runVerdict(with_({ status })))).toEqual([
      'ok',
      'fail',
      'unknown',
    ]);
    expect(runSeconds(with_({}), 9000)).toBe(3);
    expect(runSeconds(with_({ duration_s: 2.5 }), 9000)).toBe(2.5);
    expect(runSeconds(with_({ finished: undefined, status: 'running' }), 9000)).toBe(8);
    expect(runSeconds(with_({ finished: undefined }), 9000)).toBeUndefined();
  });
});

describe('settings', () => {
  it('show a value as text, and of a secret only whether it is there', () => {
    expect(shownOf({ value: 'claude' })).toEqual({ text: 'claude', configured: undefined });
    expect(shownOf({ value: false })).toEqual({ text: 'false', configured: undefined });
    expect(shownOf({ secret: true, configured: true, value: 'sk-1' })).toEqual({ text: undefined, configured: true });
    expect(shownOf({ secret: true })).toEqual({ text: undefined, configured: undefined });
    expect(shownOf({})).toEqual({ text: undefined, configured: undefined });
  });
});

describe('the monitor itself', () => {
  it('lists when it was not watching, newest first', () => {
    const gaps = gapsOf(board('monitor_gap').monitor);
    expect(gaps.map((gap) => gap.cause)).toEqual(['pause', 'terminated']);
    expect(gaps[0]).toMatchObject({ healed: true, to: Date.parse('2026-11-22T01:08:02.000Z') });
    expect(gapsOf({ gaps: { '2026-11-22T01:00:00.000Z': { cause: 'reset' } } })[0]?.to).toBeUndefined();
  });

  it('says who was turned away, and nobody is no row', () => {
    expect(refusedOf(board('monitor_clients_refused').monitor)).toEqual([{ why: 'slow_reader', count: 2 }]);
    expect(refusedOf({ refused_5m: { limit: 0 } })).toEqual([]);
    expect(refusedOf(undefined)).toEqual([]);
  });
});

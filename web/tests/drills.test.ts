// What the pages of clusters, feature flags and throughput read from their details.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { text } from '../src/i18n/text';
import type { JsonObject } from '../src/live/wire';
import { activeCounselors, clustersOf } from '../src/views/checks/coverage';
import { firingVerdict } from '../src/views/checks/firing';
import { switchesOf } from '../src/views/checks/switches';
import { baselineOf, soonestDrop } from '../src/views/checks/usual';
import { face, keptTold } from '../src/views/face';
import { checkOf, type Trouble } from './boards';
import { NOW } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const faced = (name: string, place: Place, ...troubles: Trouble[]) =>
  face(name, checkOf(name, ...troubles), NOW, place);

describe('clusters', () => {
  it('tell who serves them, and who only seems to', () => {
    const clusters = clustersOf(checkOf('cluster_coverage', 'coverage_inactive_only').detail, true);
    expect(clusters.find((one) => one.name === 'Hukum')).toEqual({
      name: 'Hukum',
      verdict: 'warn',
      expected: true,
      active: [],
      inactive: ['Gita Permata'],
    });
    expect(clusters.filter((one) => one.verdict === 'ok')).toHaveLength(4);
  });

  it('count a counselor of two clusters once', () => {
    expect(activeCounselors(clustersOf(checkOf('cluster_coverage').detail, true))).toBe(8);
  });

  it('expect nothing of a cluster that is not on the list, and prove nothing once unseen', () => {
    const detail = { clusters: { Baru: { covered: false, expected: false, counselors: {} } } };
    expect(clustersOf(detail, true)[0]?.verdict).toBe('ok');
    expect(clustersOf(detail, false)[0]?.verdict).toBe('unknown');
  });

  it('stand on the card with their counts', () => {
    expect(faced('cluster_coverage', id)).toMatchObject({ figure: '5/5', about: '8 konselor aktif' });
    expect(faced('cluster_coverage', en, 'coverage_inactive_only').figure).toBe('4/5');
  });
});

describe('triggers', () => {
  it('are well only as long as nothing speaks against them', () => {
    const well = checkOf('triggers');
    const leaking = { reason: 'triggers.leaking', params: { trigger: 'one' } };
    const redefined = { also: { 'triggers.redefined': { verdict: 'warn', params: { trigger: 'two' } } } };
    const doubted = { ...well, ...leaking, ...redefined } as typeof well;
    const verdicts = ['one', 'two', 'three'].map((name) => firingVerdict(doubted, name, 'enabled'));
    expect(verdicts).toEqual(['warn', 'warn', 'ok']);
    expect(firingVerdict(doubted, 'one', 'mute')).toBe('fail');
    expect(firingVerdict(well, 'one', undefined)).toBe('unknown');
  });
});

describe('feature flags', () => {
  it('tell what was read, what is not set, and what cannot be read, without its value', () => {
    const read = (...troubles: Trouble[]) => switchesOf(checkOf('feature_flags', ...troubles).detail, true);
    expect(read()[5]).toMatchObject({ name: 'MAX_BOT_TURNS', verdict: 'ok', value: '12', line: 9, type: 'int' });
    expect(read('flags_missing')[0]).toMatchObject({ verdict: 'warn', state: 'missing', value: undefined });
    expect(read('flags_malformed')[5]).toMatchObject({
      verdict: 'warn',
      state: 'malformed',
      value: undefined,
      line: 9,
    });
    expect(read('flags_file_missing').every((flag) => flag.state === 'missing')).toBe(true);
  });

  it('are unknown before they were read, and once they are unseen', () => {
    expect(switchesOf({ flags: { A: { type: 'bool' } } }, true)[0]?.verdict).toBe('unknown');
    expect(switchesOf(checkOf('feature_flags').detail, false)[0]).toMatchObject({ verdict: 'unknown', value: 'true' });
  });

  it('say on the card how many are loaded, and from where', () => {
    expect(faced('feature_flags', en)).toMatchObject({
      figure: '8',
      unit: 'loaded',
      about: 'from /opt/huph/.env',
      limit: 'changed 2 d ago',
    });
    expect(faced('feature_flags', id, 'flags_missing').figure).toBe('7/8');
    expect(faced('feature_flags', id, 'flags_file_missing').figure).toBe('0/8');
  });
});

describe('throughput', () => {
  it('knows what is usual, window by window', () => {
    const baseline = baselineOf(checkOf('message_throughput').detail);
    expect(baseline?.windows.map((one) => one.window_min)).toEqual([5, 15, 60]);
    expect(baseline && soonestDrop(baseline)?.drop_to).toBe(1);
    expect(baselineOf(checkOf('message_throughput', 'throughput_learning').detail)).toBeUndefined();
  });

  it('says so in a sentence, by the clock of the platform', () => {
    expect(faced('message_throughput', en).about).toBe('16 in 5 min; usually 14 ± 4 on Sundays at 08:00');
    expect(faced('message_throughput', id).about).toBe('16 dalam 5 mnt; biasanya 14 ± 4 pada Minggu pukul 08.00');
    const abroad = { ...en, zone: 'Europe/Berlin' };
    expect(faced('message_throughput', abroad).about).toContain('usually 14 ± 4 on Sundays at 08:00 WIB');
  });

  it('tells how long the bot takes to answer, and from which counts on it is more than chance', () => {
    expect(faced('message_throughput', en)).toMatchObject({
      beside: 'bot replies p50 3.4 s, p95 11 s',
      limit: 'spike ≥ 41 in 5 min, drop ≤ 1 in 5 min',
    });
    expect(faced('message_throughput', en, 'throughput_drop').beside).toBeUndefined();
  });

  it('admits that at a small volume no drop can be told from chance', () => {
    expect(faced('message_throughput', en, 'throughput_small').limit).toBe(
      'spike ≥ 10 in 5 min; a drop cannot be told from chance yet',
    );
  });

  it('keeps to the fixed limits while it is learning', () => {
    expect(faced('message_throughput', en, 'throughput_learning')).toMatchObject({
      about: '16 in 5 min, 128 in 60 min',
      limit: 'limits 1 per 60 min and 300 per 5 min',
    });
  });

  it('says how the count is kept, and when it is not in step; nothing where the daemon does not say', () => {
    const check = checkOf('message_throughput');
    const kept = (detail: JsonObject, place: Place) =>
      keptTold({ ...check, detail }, (key, values) => text(key, place.language, values), place);
    expect(kept({ scheme: 'recount', in_sync: true }, en)).toBe('Counted anew by SQL at each signal, as of 08:20:02');
    expect(kept({ scheme: 'recount' }, id)).toBe('Dihitung ulang dengan SQL pada setiap sinyal, per 08.20.02');
    expect(kept({ scheme: 'deltas', in_sync: false }, en)).toBe(
      'Followed by every change, proven at each sweep, as of 08:20:02; not in step at the moment',
    );
    expect(kept({ in_sync: false }, en)).toBeUndefined();
    expect(kept({ scheme: 'constructor' }, en)).toBeUndefined();
  });
});

describe('realtime', () => {
  it('tells the test signal on its card only as long as one comes back', () => {
    expect(faced('realtime', en).about).toContain('1.2 ms');
    expect(faced('realtime', en, 'broker_down').about).toContain('1.2 ms');
    expect(faced('realtime', en, 'canary_lost')).toMatchObject({ figure: '0/3', about: undefined });
    expect(faced('realtime', en, 'channel_down').about).toBeUndefined();
  });
});

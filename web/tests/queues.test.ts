import { describe, expect, it } from 'vitest';
import { holderOf, waitsOf } from '../src/views/checks/queues';

const wait = (by: number, waiting_s: number, relation?: string) =>
  relation === undefined ? { by, waiting_s } : { by, waiting_s, relation };

describe('who waits for whom', () => {
  it('tells the longest wait first, whatever the order of the keys', () => {
    const waits = waitsOf({ blocked: { '71': wait(60, 3, 'users'), '90': wait(60, 12, 'messages') } });
    expect(waits.map((one) => one.pid)).toEqual(['90', '71']);
    expect(waits[0]).toEqual({ pid: '90', by: 60, behind: undefined, relation: 'messages', waiting_s: 12 });
  });

  it('tells who is at the end of a line', () => {
    const waits = waitsOf({ blocked: { '72': wait(71, 3), '71': wait(70, 9), '70': wait(60, 20) } });
    expect(waits.map((one) => [one.pid, one.by, one.behind])).toEqual([
      ['70', 60, undefined],
      ['71', 70, 60],
      ['72', 71, 60],
    ]);
  });

  it('ends in a circle', () => {
    const waits = waitsOf({ blocked: { '71': wait(70, 2), '70': wait(71, 1) } });
    expect(waits.map((one) => one.behind)).toEqual([71, 70]);
  });

  it('leaves a prepared transaction without a session', () => {
    expect(waitsOf({ blocked: { '71': wait(0, 2) } })[0]).toMatchObject({ by: undefined, behind: undefined });
  });

  it('says nothing where nothing is known', () => {
    expect(waitsOf({})).toEqual([]);
    expect(waitsOf({ blocked: 3 })).toEqual([]);
  });
});

describe('who holds the queue of signals', () => {
  it('is named with its time and whether it is ours', () => {
    const holder = { name: 'huph-api', age_s: 31, ours: false };
    expect(holderOf({ queue_holder: holder })).toEqual(holder);
  });

  it('is nobody while the queue is empty', () => {
    expect(holderOf({ notify_queue_pct: 0 })).toBeUndefined();
  });
});

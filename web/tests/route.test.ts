// Which page an address names.
import { describe, expect, it } from 'vitest';
import { parseRoute, toJob, toSetting, toWatched } from '../src/route.svelte';

describe('route', () => {
  it.each([
    ['', { page: 'board' }],
    ['#/', { page: 'board' }],
    ['#/events', { page: 'events' }],
    ['#/checks/cluster_coverage', { page: 'check', name: 'cluster_coverage' }],
    ['#/cron', { page: 'board', section: 'cron' }],
    ['#/services', { page: 'board', section: 'services' }],
    ['#/cron/follow_up', { page: 'job', name: 'follow_up' }],
    ['#/cron/a%2Fb%20c', { page: 'job', name: 'a/b c' }],
    ['#/cron/%E0%A4%A', { page: 'board' }],
    ['#/settings', { page: 'board', section: 'settings' }],
    ['#/settings/system.anthropic_model', { page: 'setting', name: 'system.anthropic_model' }],
    ['#/toString/x', { page: 'board' }],
    ['#/nowhere', { page: 'board' }],
  ])('%s', (hash, route) => expect(parseRoute(hash)).toEqual(route));

  it('finds its way back from what it wrote', () => {
    expect(parseRoute(toJob('a/b c'))).toEqual({ page: 'job', name: 'a/b c' });
    expect(parseRoute(toSetting('a/b #c'))).toEqual({ page: 'setting', name: 'a/b #c' });
    expect(parseRoute(toWatched('services/dify'))).toEqual({ page: 'board', section: 'services' });
    expect(parseRoute(toWatched('db'))).toEqual({ page: 'check', name: 'db' });
  });
});

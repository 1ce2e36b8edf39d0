// The pages behind the board, in one piece that is fetched after the first paint.
import type { Component } from 'svelte';
import type { Route } from '../route.svelte';
import CheckPage from './CheckPage.svelte';
import EventsPage from './EventsPage.svelte';
import JobPage from './JobPage.svelte';
import SettingPage from './settings/SettingPage.svelte';

/** Each by the kind of thing that it is about, whose name it is given. */
export const PAGES: Record<Exclude<Route['page'], 'board'>, Component<{ name: string }>> = {
  events: EventsPage as unknown as Component<{ name: string }>,
  check: CheckPage,
  job: JobPage,
  setting: SettingPage,
};

// The pages behind the board, in one piece that is fetched after the first paint.
export { default as CheckPage } from './CheckPage.svelte';
export { default as EventsPage } from './EventsPage.svelte';
export { default as FirstStep } from './FirstStep.svelte';
export { default as JobPage } from './JobPage.svelte';
export { default as Runbook } from './Runbook.svelte';
export { default as SettingPage } from './settings/SettingPage.svelte';

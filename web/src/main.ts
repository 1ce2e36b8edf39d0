// Starts the page: with the document that came inside it, or with one that it asks for; never with an empty board.
import { mount } from 'svelte';
import { reader } from './i18n/say.svelte';
import { isDocument, isObject } from './live/protocol';
import { session } from './live/session.svelte';
import { live } from './live/state.svelte';
import type { Json } from './live/wire';
import { parseRoute } from './route.svelte';
import Shell from './Shell.svelte';
import { later } from './views/later.svelte';
import { runbooks } from './views/runbooks.svelte';
import './styles/tokens.css';
import './styles/page.css';
import './styles/board.css';
import './styles/detail.css';
import './styles/sections.css';
import './styles/runbook.css';
import './styles/closed.css';

const RETRY_MS = 3000;

/** Takes what came inside the page out of it: who may not see it later must not find it there. */
function embedded(id: string): Json | undefined {
  const slot = document.getElementById(id);
  slot?.remove();
  try {
    return JSON.parse(slot?.textContent ?? '');
  } catch {
    return undefined;
  }
}

async function begin(): Promise<void> {
  if (live.begun) return;
  await live.load();
  if (!live.begun && !session.refusal) setTimeout(() => void begin(), RETRY_MS);
}

async function boot(): Promise<void> {
  const [health, advice] = [embedded('document'), embedded('advice')];
  if (isObject(advice)) runbooks.begin(advice);
  const behind = parseRoute(location.hash).page !== 'board';
  // Asked for at once; what becomes of it is told when it is needed.
  if (behind) void later.ask().catch(() => undefined);
  while (!(await reader.begin())) await new Promise((again) => setTimeout(again, RETRY_MS));
  if (behind) await later.fetch();
  if (isDocument(health)) live.start(health);
  else await begin();
  mount(Shell, { target: document.body });
  later.whenIdle();
  const look = () => (document.visibilityState === 'visible' ? void live.look() : live.rest());
  window.addEventListener('online', look);
  window.addEventListener('focus', look);
  document.addEventListener('visibilitychange', look);
}

void boot();

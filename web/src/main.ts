// Starts the page: with the document that came inside it, or with one that it asks for; never with an empty board.
import { mount } from 'svelte';
import App from './App.svelte';
import { reader, say } from './i18n/say.svelte';
import { isDocument } from './live/protocol';
import { live } from './live/state.svelte';
import type { HealthDocument } from './live/wire';
import './styles/tokens.css';
import './styles/page.css';
import './styles/board.css';
import './styles/detail.css';
import './styles/sections.css';

const RETRY_MS = 3000;

function embedded(): HealthDocument | undefined {
  try {
    const found: unknown = JSON.parse(document.getElementById('document')?.textContent ?? '');
    return isDocument(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

async function asked(): Promise<HealthDocument | undefined> {
  try {
    const answer = await fetch(new URL('api/v1/health/full', document.baseURI), { signal: AbortSignal.timeout(8000) });
    const found: unknown = await answer.json();
    return isDocument(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

async function boot(): Promise<void> {
  const health = embedded() ?? (await asked());
  if (!health) {
    reader.begin(undefined);
    document.documentElement.dataset.link = 'lost';
    document.body.textContent = say('boot.failed');
    setTimeout(() => void boot(), RETRY_MS);
    return;
  }
  document.body.textContent = '';
  reader.begin(health.zone);
  live.start(health);
  mount(App, { target: document.body });
}

void boot();

// What the tab says among others: the verdict as word and sign in its title, and as shape and colour in its icon.
import type { Place } from '../format/place';
import { text, word } from '../i18n/text';
import fail from '../icons/fail.svg';
import ok from '../icons/ok.svg';
import unknown from '../icons/unknown.svg';
import warn from '../icons/warn.svg';
import type { Tab } from '../live/state.svelte';

const SIGNS = { ok: '✓', warn: '▲', fail: '✕', unknown: '?' };
const ICONS = { ok, warn, fail, unknown };
const slot = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
const plain = slot?.href;

export function titleOf(tab: Tab, place: Place): string {
  const said = tab.lost
    ? `? ${text('link.lost_title', place.language)}`
    : `${SIGNS[tab.verdict]} ${word('status', tab.status, place.language)}`;
  return `${said} · ${tab.platform.toUpperCase()}`;
}

/** Without a tab: the icon of a page that shows nothing. */
export function showIcon(tab: Tab | undefined): void {
  const address = tab ? ICONS[tab.lost ? 'unknown' : tab.verdict] : plain;
  if (slot && address && slot.href !== address) slot.href = address;
}

/** The one icon that is wanted when nobody is there to give it. */
export function keepIcon(): void {
  new Image().src = ICONS.unknown;
}

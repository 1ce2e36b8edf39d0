// The parts that several pages have: why besides, and what happened.
import { say } from '../i18n/say.svelte';
import type { Entry } from '../live/wire';
import type { ToldEvent } from '../parts/Events.svelte';
import type { ToldReason } from '../parts/Reasons.svelte';
import type { Block } from './Block.svelte';

export function reasonsBlock({ verdict }: Entry, reasons: ToldReason[]): Block {
  return { id: 'h-reasons', look: 'first', title: say(verdict === 'ok' ? 'reasons.title' : 'reasons.more'), reasons };
}

export function eventsBlock(events: ToldEvent[]): Block {
  return {
    id: 'h-events',
    look: 'w4',
    title: say('events.title'),
    sub: say('events.since_start'),
    events,
    none: say('events.none'),
  };
}

// What to do about a reason: read with care, filled in, and ticked by nothing but the verdict.
import { describe, expect, it } from 'vitest';
import type { Place } from '../src/format/place';
import { plain } from '../src/i18n/sentence';
import { bookOf } from '../src/live/runbook';
import type { Entry } from '../src/live/wire';
import { adviceFor } from '../src/views/advice';
import { type Followed, follow } from '../src/views/healing';
import { NOW } from './sample';

const id: Place = { language: 'id', zone: 'Asia/Jakarta', platform_zone: 'Asia/Jakarta' };
const en: Place = { ...id, language: 'en' };
const FULL = {
  means: 'Trigger {trigger} of {table} is gone since {since}.',
  causes: ['A migration of {table}.', 'A restore.'],
  first: 'Look at {table}.',
  command: "psql -c 'select {table}'",
  link: 'users',
  see: 'db',
  verify: '{trigger} is back.',
};
const TOLD = {
  language: 'en',
  links: {
    users: { title: 'Users settings', href: '/settings/users' },
    bad: { title: 'Bad', href: 'javascript:alert(1)' },
  },
  entries: {
    'triggers.missing': FULL,
    'unknown.blocked_by': { ...FULL, link: 'bad', see: '{parent}' },
    'db.hung': { means: 'x' },
  },
};
const missing: Entry = {
  verdict: 'fail',
  reason: 'triggers.missing',
  params: { trigger: 'trg_messages_notify', table: 'messages' },
  since: '2026-11-22T01:14:03.120Z',
};
const well: Entry = { verdict: 'ok', since: '2026-11-22T01:19:00.000Z' };
const blocked: Entry = { verdict: 'unknown', reason: 'unknown.blocked_by', params: { parent: 'db' } };
const codes = (all: Followed[]) => all.map((one) => one.code);

describe('the book', () => {
  const book = bookOf(TOLD);
  it('leaves out what it cannot read, and every link that is not of the web', () => {
    expect([...book.entries.keys()]).toEqual(['triggers.missing', 'unknown.blocked_by']);
    expect([...book.links.keys()]).toEqual(['users']);
    for (const told of [null, 1, 'x', [], {}, { entries: [], links: 3 }]) {
      expect(bookOf(told)).toEqual({ entries: new Map(), links: new Map() });
    }
  });
  it('fills in the values of the reason, and its command', () => {
    const [one] = follow([], missing, NOW);
    const told = one && adviceFor(book, one, 'triggers', NOW, en);
    expect(told && plain(told.means)).toBe('Trigger trg_messages_notify of messages is gone since 08:14 WIB.');
    expect(told?.causes.map(plain)).toEqual(['A migration of messages.', 'A restore.']);
    expect(told?.command).toBe("psql -c 'select messages'");
    expect(told?.ways.map((way) => [way.title, way.away])).toEqual([
      ['Users settings', true],
      ['Database', false],
    ]);
    expect(told?.ways[1]?.href).toBe('#/checks/db');
    expect([told?.done, told?.state]).toEqual([false, 'waiting']);
  });
  it('offers no command with a value that is not fit, and no link to where one is', () => {
    const [one] = follow([], { ...missing, params: { trigger: 'x', table: "x'; drop" } }, NOW);
    const told = one && adviceFor(book, one, 'db', NOW, id);
    expect(told?.command).toBeUndefined();
    expect(told?.ways.map((way) => way.title)).toEqual(['Users settings']);
  });
  it('leads to what a blocked check waits for', () => {
    const [one] = follow([], blocked, NOW);
    const told = one && adviceFor(book, one, 'triggers', NOW, id);
    expect(told?.ways).toEqual([{ title: 'Database', href: '#/checks/db', away: false }]);
  });
  it('says nothing of a reason that it does not have', () => {
    const [one] = follow([], { verdict: 'fail', reason: 'db.new_thing' }, NOW);
    expect(one && adviceFor(book, one, 'db', NOW, id)).toBeUndefined();
  });
});

describe('a reason that is looked at', () => {
  it('stays, ticked, with the moment at which the verdict ended it, and keeps its own values', () => {
    const over = follow(follow([], missing, NOW), well, NOW + 5000);
    expect(over).toEqual([{ ...follow([], missing, NOW)[0], ended: NOW + 5000 }]);
    expect(follow(over, well, NOW + 9000)).toEqual(over);
  });
  it('is not over while what is there cannot be seen', () => {
    const unseen = follow(follow([], missing, NOW), blocked, NOW + 5000);
    expect(codes(unseen)).toEqual(['unknown.blocked_by', 'triggers.missing']);
    expect(unseen[1]).toMatchObject({ hidden: true, ended: undefined });
    const over = follow(unseen, well, NOW + 9000);
    expect(over.map((one) => [one.code, one.ended])).toEqual([
      ['unknown.blocked_by', NOW + 9000],
      ['triggers.missing', NOW + 9000],
    ]);
  });
  it('is open again when it comes back', () => {
    const back = follow(follow(follow([], missing, NOW), well, NOW + 1), missing, NOW + 2);
    expect(back[0]).toMatchObject({ ended: undefined, hidden: false, leading: true });
  });
  it('gives way to a worse one, and is over when only the other is left', () => {
    const mute: Entry = {
      verdict: 'fail',
      reason: 'triggers.mute',
      also: { 'triggers.redefined': { verdict: 'warn' } },
    };
    const both = follow(follow([], missing, NOW), mute, NOW + 1);
    expect(both.map((one) => [one.code, one.ended !== undefined])).toEqual([
      ['triggers.mute', false],
      ['triggers.redefined', false],
      ['triggers.missing', true],
    ]);
    expect(both.map((one) => one.leading)).toEqual([true, false, true]);
  });
  it('of a note is none that leads', () => {
    const noted: Entry = { verdict: 'ok', reason: 'db.elevated', params: {} };
    expect(follow([], noted, NOW)[0]?.leading).toBe(false);
  });
});

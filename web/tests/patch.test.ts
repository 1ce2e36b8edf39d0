// The page's half of the twin patch: the same vectors as the daemon's, and what only the page promises.
import { describe, expect, it } from 'vitest';
import vectors from '../../tests/vectors/merge_patch.json?raw';
import { applyPatch } from '../src/live/patch';
import type { JsonObject } from '../src/live/wire';

interface Vector {
  name: string;
  document: JsonObject;
  patch: JsonObject;
  result: JsonObject;
}

// Parsed here, not imported: a bundler would turn the member "__proto__" into a prototype.
const cases = JSON.parse(vectors) as Vector[];

describe('merge patch', () => {
  it.each(cases)('$name', ({ document, patch, result }) => {
    const before = JSON.stringify(document);
    const after = applyPatch(document, patch);
    expect(JSON.parse(JSON.stringify(after))).toStrictEqual(result);
    expect(JSON.stringify(document)).toBe(before);
  });

  it('is the same when it is applied twice', () => {
    for (const { document, patch } of cases) {
      const once = applyPatch(document, patch);
      expect(applyPatch(once, patch)).toStrictEqual(once);
    }
  });

  it('gives back the very document when it says nothing new', () => {
    const document = { a: { b: 1, c: [1, 2] }, d: 'x' };
    expect(applyPatch(document, { a: { b: 1, c: [1, 2] }, d: 'x', e: null })).toBe(document);
  });

  it('shares every branch that it does not touch', () => {
    const document = {
      checks: { db: { detail: { a: 1 } }, triggers: { detail: { b: 2 } } },
      transitions: { '1': { to: 'ok' } },
    };
    const after = applyPatch(document, { checks: { db: { detail: { a: 2 } } } }) as typeof document;
    expect(after).not.toBe(document);
    expect(after.checks.db).not.toBe(document.checks.db);
    expect(after.checks.triggers).toBe(document.checks.triggers);
    expect(after.transitions).toBe(document.transitions);
  });

  it('never reaches a prototype', () => {
    const after = applyPatch({}, JSON.parse('{"__proto__": {"polluted": true}}') as JsonObject);
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
    expect(Object.hasOwn(after, '__proto__')).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

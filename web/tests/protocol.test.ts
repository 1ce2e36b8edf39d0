// What the page cannot read it does not act on.
import { describe, expect, it } from 'vitest';
import { decode, isDocument } from '../src/live/protocol';
import { sample } from './sample';

describe('decode', () => {
  it.each([
    '',
    'no JSON',
    '[]',
    'null',
    '7',
    '{}',
    '{"type":"strange"}',
    '{"type":"diff","seq":"3","patch":{}}',
    '{"type":"diff","seq":3,"patch":[]}',
  ])('leaves %s unread', (frame) => expect(decode(frame)).toBeUndefined());

  it('ignores fields that it does not know', () => {
    expect(decode('{"type":"diff","seq":3,"patch":{},"later":1}')).toEqual({ type: 'diff', seq: 3, patch: {} });
  });

  it('takes no evidence that is not a text', () => {
    const message = decode('{"type":"bookmark","seq":3,"as_of":"x","evidence":{"db":"y","triggers":5}}');
    expect(message).toMatchObject({ evidence: { db: 'y' } });
  });

  it('refuses a snapshot whose verdict it cannot draw', () => {
    const frame = {
      type: 'snapshot',
      epoch: 1,
      seq: 2,
      reason: 'initial',
      data: sample({ db: { verdict: 'odd' as never } }),
    };
    expect(decode(JSON.stringify(frame))).toBeUndefined();
    expect(decode(JSON.stringify({ ...frame, data: sample({ db: {} }) }))).toMatchObject({ type: 'snapshot', seq: 2 });
  });

  it('does not take the placeholder of the page for a document', () => expect(isDocument({})).toBe(false));
});

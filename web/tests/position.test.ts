// The client law, by the vectors that every client of the stream shares.
import { describe, expect, it } from 'vitest';
import vectors from '../../tests/vectors/position.json';
import { judge } from '../src/live/position';
import { decode } from '../src/live/protocol';

describe('place in line', () => {
  it.each(vectors)('$name', ({ seq, message, action }) => {
    const decoded = decode(JSON.stringify(message));
    if (!decoded) throw new Error('the page cannot read this message');
    expect(judge(seq, decoded)).toBe(action);
  });
});

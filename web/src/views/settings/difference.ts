// Where two texts differ: what they begin and end with alike, and what stands between.

export interface Parted {
  before: string;
  old: string;
  now: string;
  after: string;
}

/** Marks whole words, so that no word is torn where only a letter differs. */
export function parted(old: string, now: string): Parted {
  const a = pieces(old);
  const b = pieces(now);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
    tail += 1;
  return {
    before: a.slice(0, head).join(''),
    old: a.slice(head, a.length - tail).join(''),
    now: b.slice(head, b.length - tail).join(''),
    after: a.slice(a.length - tail).join(''),
  };
}

function pieces(text: string): string[] {
  return text.match(/[\p{L}\p{N}]+|\s+|[^\p{L}\p{N}\s]/gu) ?? [];
}

// What moves when a card grows: only what stands elsewhere now, from where it stood.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Gliding } from '../src/views/gliding';

function card(...tops: number[]) {
  const element = document.createElement('article');
  const rects = tops.map((top) => new DOMRect(0, top, 10, 10));
  element.getBoundingClientRect = () => rects.shift() as DOMRect;
  const animate = vi.fn();
  element.animate = animate;
  return { element, animate };
}

describe('gliding', () => {
  const root = document.documentElement.style;
  afterEach(() => root.removeProperty('--m-change'));

  it.each(['240ms', '.24s'])('brings what moved from its old place in %s, and leaves alone what stands', (told) => {
    root.setProperty('--m-change', told);
    const [still, moved] = [card(0, 0.4), card(100, 160)];
    const gliding = new Gliding(() => [still.element, moved.element]);
    gliding.remember();
    gliding.glide();
    expect(still.animate).not.toHaveBeenCalled();
    expect(moved.animate).toHaveBeenCalledExactlyOnceWith(
      { transform: ['translate(0px, -60px)', 'none'] },
      expect.objectContaining({ duration: 240 }),
    );
  });

  it('is still for those who want no motion', () => {
    root.setProperty('--m-change', '0s');
    const moved = card(100, 160);
    const gliding = new Gliding(() => [moved.element]);
    gliding.remember();
    gliding.glide();
    expect(moved.animate).not.toHaveBeenCalled();
  });
});

// Where one card grows or shrinks, whatever stands around it glides to its new place instead of jumping there.

/** Remembers where elements stand, and afterwards lets those that have moved come from there. */
export class Gliding {
  readonly #all: () => Iterable<HTMLElement>;
  #before = new Map<HTMLElement, DOMRect>();

  constructor(all: () => Iterable<HTMLElement>) {
    this.#all = all;
  }

  remember(): void {
    this.#before = new Map([...this.#all()].map((element) => [element, element.getBoundingClientRect()]));
  }

  glide(): void {
    const style = getComputedStyle(document.documentElement);
    // Nothing for those who want no motion.
    const duration = milliseconds(style.getPropertyValue('--m-change'));
    if (!(duration > 0)) return;
    // All is read before anything is moved: each move would make the next reading lay out the page anew.
    const moved = [...this.#before].flatMap(([element, before]) => {
      const { left, top } = element.getBoundingClientRect();
      const [x, y] = [before.left - left, before.top - top];
      return Math.abs(x) + Math.abs(y) < 1 ? [] : [{ element, from: `translate(${x}px, ${y}px)` }];
    });
    const easing = style.getPropertyValue('--m-ease').trim();
    for (const { element, from } of moved) {
      element.animate({ transform: [from, 'none'] }, { duration, easing });
    }
  }
}

/** A build may write 240ms as .24s. */
function milliseconds(duration: string): number {
  return Number.parseFloat(duration) * (duration.trim().endsWith('ms') ? 1 : 1000);
}

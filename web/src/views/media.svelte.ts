// Whether a media query holds, as a reactive value that is kept for as long as the page is open.

export class Media {
  current = $state.raw(false);

  constructor(query: string) {
    const list = matchMedia(query);
    const look = () => {
      this.current = list.matches;
    };
    look();
    list.addEventListener('change', look);
  }
}

// Which build of the page this is, and whether the daemon serves another one by now: the names of its files say it.

const PATIENCE_MS = 8000;
/** The names carry digests of what is in them; inside the document of the page a quotation mark would be escaped. */
const FILES = /(?:src|href)="\.\/(assets\/[^"]+)"/g;

export function buildOf(html: string): string {
  return [...html.matchAll(FILES)]
    .map((found) => String(found[1]))
    .sort()
    .join(' ');
}

/** Read at once: what is fetched later is announced in the same place. */
const OWN = buildOf(document.head.innerHTML);

/** Asks for the page as it is served now; false where that cannot be told. */
export async function isReplaced(own = OWN): Promise<boolean> {
  try {
    const answer = await fetch(new URL('./', document.baseURI), {
      signal: AbortSignal.timeout(PATIENCE_MS),
      cache: 'no-store',
    });
    // A page that turns the reader away, or one of somebody in between, is no build of this one.
    const served = answer.ok ? buildOf(await answer.text()) : '';
    return own !== '' && served !== '' && served !== own;
  } catch {
    return false;
  }
}

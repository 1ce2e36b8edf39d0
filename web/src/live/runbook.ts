// What to do about each reason, as the daemon tells it: fetched once for each language.
import { ask, brought } from './ask';
import { entriesAt, textAt } from './read';
import type { Json, JsonObject } from './wire';

/** `{name}` in a text stands for that parameter of the reason. */
export interface Advice {
  means: string;
  causes: string[];
  first: string;
  verify: string;
  /** One line for a shell. */
  command: string | undefined;
  /** The name of a link. */
  link: string | undefined;
  /** What is to be looked at: a check or section by its key, or what `{parent}` is. */
  see: string | undefined;
}

export interface AdminLink {
  title: string;
  href: string;
}

export interface Book {
  entries: Map<string, Advice>;
  links: Map<string, AdminLink>;
}

export async function fetchBook(language: string): Promise<Book | undefined> {
  const told = brought(await ask(`api/v1/runbook/${language}`));
  return told === undefined ? undefined : bookOf(told);
}

/** Reads what can be read; an entry of another shape is left out. */
export function bookOf(told: Json): Book {
  const entries = entriesAt(told, 'entries').flatMap(([code, value]): [string, Advice][] => {
    const advice = adviceOf(value);
    return advice ? [[code, advice]] : [];
  });
  const links = entriesAt(told, 'links').flatMap(([name, value]): [string, AdminLink][] => {
    const [title, href] = [textAt(value, 'title'), address(textAt(value, 'href'))];
    return title === undefined || href === undefined ? [] : [[name, { title, href }]];
  });
  return { entries: new Map(entries), links: new Map(links) };
}

function adviceOf(value: JsonObject): Advice | undefined {
  const [means, first, verify] = [textAt(value, 'means'), textAt(value, 'first'), textAt(value, 'verify')];
  if (means === undefined || first === undefined || verify === undefined) return undefined;
  const causes = Array.isArray(value.causes) ? value.causes.filter((cause) => typeof cause === 'string') : [];
  const [command, link, see] = [textAt(value, 'command'), textAt(value, 'link'), textAt(value, 'see')];
  return { means, causes, first, verify, command, link, see };
}

/** Nothing that is not of the web is followed. */
function address(href: string | undefined): string | undefined {
  if (href === undefined || !URL.canParse(href, document.baseURI)) return undefined;
  const found = new URL(href, document.baseURI);
  return found.protocol === 'https:' || found.protocol === 'http:' ? found.href : undefined;
}

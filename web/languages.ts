// Takes the catalogues apart by language: the module `catalogue:id` holds all their texts in Indonesian.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const NAMES = ['texts', 'words', 'reasons'];
const NAMED = /^\0catalogue:(\w+)$/;

type Node = string | { [key: string]: Node };

function only(node: Node, language: string): Node {
  if (typeof node === 'string') return node;
  const own = node[language];
  if (typeof own === 'string') return own;
  return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, only(inner, language)]));
}

export function languages(): Plugin {
  return {
    name: 'languages',
    resolveId: (source) => (source.startsWith('catalogue:') ? `\0${source}` : undefined),
    async load(id) {
      const language = NAMED.exec(id)?.[1];
      if (language === undefined) return undefined;
      const found: Node = {};
      for (const name of NAMES) {
        const file = fileURLToPath(new URL(`./src/i18n/${name}.json`, import.meta.url));
        this.addWatchFile(file);
        found[name] = only(JSON.parse(await readFile(file, 'utf-8')) as Node, language);
      }
      // A text is parsed faster than the same thing as code.
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(found))});`;
    },
  };
}

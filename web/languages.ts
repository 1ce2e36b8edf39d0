// Takes the catalogues apart by language, and by when they are needed: `catalogue:id` holds the Indonesian texts of the
// first paint, `catalogue:id/pages` those of the pages behind the board, and `catalogue:en` all in English.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const NAMES: Record<string, string[]> = {
  id: ['texts', 'words', 'reasons'],
  'id/pages': ['pages'],
  en: ['texts', 'pages', 'words', 'reasons'],
};
const MODULE = '\0catalogue:';

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
      const part = id.startsWith(MODULE) ? id.slice(MODULE.length) : '';
      const language = part.slice(0, 2);
      if (!NAMES[part]) return undefined;
      const found: Node = {};
      for (const name of NAMES[part] ?? []) {
        const file = fileURLToPath(new URL(`./src/i18n/${name}.json`, import.meta.url));
        this.addWatchFile(file);
        found[name] = only(JSON.parse(await readFile(file, 'utf-8')) as Node, language);
      }
      // A text is parsed faster than the same thing as code.
      return `export default JSON.parse(${JSON.stringify(JSON.stringify(found))});`;
    },
  };
}

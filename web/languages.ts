// Takes the catalogues apart by language, and by when they are needed: what the board says, and what the pages behind it
// say besides. Each is a file of its own that is fetched; `catalogue:addresses` tells where they lie.
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const LANGUAGES = ['id', 'en'];
const PARTS: Record<string, string[]> = { board: ['texts', 'words', 'reasons'], pages: ['pages'] };
const MODULE = 'catalogue:addresses';

export type Node = string | { [key: string]: Node };

export function only(node: Node, language: string): Node {
  if (typeof node === 'string') return node;
  const own = node[language];
  if (typeof own === 'string') return own;
  return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, only(inner, language)]));
}

/** What one part says in one language. */
async function catalogue(language: string, part: string): Promise<Record<string, Node>> {
  const found: Record<string, Node> = {};
  for (const name of PARTS[part] ?? []) {
    const file = fileURLToPath(new URL(`./src/i18n/${name}.json`, import.meta.url));
    found[name] = only(JSON.parse(await readFile(file, 'utf-8')) as Node, language);
  }
  return found;
}

export function languages(): Plugin {
  let building = false;
  return {
    name: 'languages',
    configResolved(config) {
      building = config.command === 'build';
    },
    resolveId: (source) => (source === MODULE ? `\0${MODULE}` : undefined),
    async load(id) {
      if (id !== `\0${MODULE}`) return undefined;
      const told: string[] = [];
      for (const language of LANGUAGES) {
        const parts: string[] = [];
        // Tests have no build, and read the catalogues themselves.
        for (const part of building ? Object.keys(PARTS) : []) {
          const source = JSON.stringify(await catalogue(language, part));
          const file = this.emitFile({ type: 'asset', name: `${language}-${part}.json`, source });
          parts.push(`${part}: import.meta.ROLLUP_FILE_URL_${file}`);
        }
        told.push(`${language}: { ${parts.join(', ')} }`);
      }
      return `export default { ${told.join(', ')} };`;
    },
  };
}

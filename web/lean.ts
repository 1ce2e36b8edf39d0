// Leaves out of the built page what of Svelte and Vite it never uses, which a bundler cannot see: each is behind a variable.
// The build fails when the page begins to need it, or when it lies elsewhere in another version.
import { readFile } from 'node:fs/promises';
import type { Plugin } from 'vite';

const CLIENT = 'svelte/src/internal/client/';

/** What stands in the place of a module; its other exports are nobody's. */
const INSTEAD: Record<string, string> = {
  // There is no server that rendered the page: nothing is ever hydrated.
  [`${CLIENT}dom/hydration.js`]: `
export const hydrating = false;
export const hydrate_node = null;
export function set_hydrating() {}
export function set_hydrate_node(node) { return node; }
export function hydrate_next() {}
export function reset() {}
export function next() {}
export function skip_nodes() {}
export function read_hydration_instruction() { return ''; }`,

  // No <svelte:boundary>: an error goes on to whoever called, and nothing waits.
  [`${CLIENT}dom/blocks/boundary.js`]: `
import { EFFECT_PRESERVED, EFFECT_TRANSPARENT } from '#client/constants';
import { block, branch } from '../../reactivity/effects.js';
export function boundary(node, props, children) {
  block(() => { branch(() => children(node)); }, EFFECT_TRANSPARENT | EFFECT_PRESERVED);
}`,

  // No await in a component.
  [`${CLIENT}reactivity/async.js`]: `
import { derived } from './deriveds.js';
export function flatten(blockers, sync, async, fn) { fn(sync.map(derived)); }
export function increment_pending() {}
export function unset_context() {}`,

  // All state is raw: no object is watched from within.
  [`${CLIENT}proxy.js`]: `
export const proxy = (value) => value;
export const get_proxied_value = proxy;
export const is = Object.is;`,

  // One script is fetched later, with one style sheet, and both at once.
  'vite/preload-helper.js': `
const styled = (address) => new Promise((resolve, reject) => {
  document.head.append(Object.assign(document.createElement('link'), { rel: 'stylesheet', href: address, onload: resolve, onerror: reject }));
});
export async function __vitePreload(load, files = [], base) {
  const styles = files.filter((file) => file.endsWith('.css'));
  const [script] = await Promise.all([load(), ...styles.map((style) => styled(new URL(style, base).href))]);
  return script;
}`,
};

const EXPORTS = /^export (?:async )?(?:function\*?|class|const|let|var) (\w+)/gm;
/** What stands in for these is good for less than they are; a component is compiled to calls of them by this name. */
const LESS = /\$\.(boundary|proxy)\(/;
/** The steps from element to element of who hydrates: across files a bundler does not see that they do nothing. */
const STEPS = /\$\.(reset|next)\([^()]*\);/g;

export function lean(): Plugin[] {
  const met = new Set<string>();
  const gone = new Map<string, string[]>();
  const nameOf = (id: string) => Object.keys(INSTEAD).find((name) => id.endsWith(name));
  const modules: Plugin = {
    name: 'lean',
    enforce: 'pre',
    apply: 'build',
    async load(id) {
      const name = nameOf(id);
      if (name === undefined) return undefined;
      met.add(name);
      const [code = '', whole] = [INSTEAD[name], id.startsWith('\0') ? '' : await readFile(id, 'utf-8')];
      const there = new Set(exported(code));
      const rest = exported(whole).filter((one) => !there.has(one));
      gone.set(id, rest);
      const holes = rest.map((one) => `export function ${one}() { throw new Error('${one} is left out.'); }`);
      return { code: [code, ...holes].join('\n'), moduleSideEffects: false };
    },
    buildEnd(error) {
      const missed = Object.keys(INSTEAD).filter((name) => !met.has(name));
      if (!error && missed.length > 0) this.error(`lean.ts knows no place for ${missed.join(', ')}.`);
    },
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        for (const [id, { renderedExports }] of Object.entries(chunk.type === 'chunk' ? chunk.modules : {})) {
          const needed = gone.get(id)?.find((one) => renderedExports.includes(one));
          if (needed) this.error(`The page needs Svelte's ${needed}, which lean.ts leaves out.`);
        }
      }
    },
  };
  const calls: Plugin = {
    name: 'lean:calls',
    apply: 'build',
    transform(code, id) {
      if (id.includes('/node_modules/')) return undefined;
      const needed = LESS.exec(code)?.[1];
      if (needed) this.error(`The page needs Svelte's ${needed}, which lean.ts leaves out.`);
      return { code: code.replaceAll(STEPS, ''), map: null };
    },
  };
  return [modules, calls];
}

function exported(code: string): string[] {
  return [...code.matchAll(EXPORTS)].map((one) => String(one[1]));
}

// @vitest-environment node
// What the built page costs a reader, and that it asks nothing of Svelte that its build leaves out.
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Plugin, type Rolldown } from 'vite';
import { describe, expect, it, vi } from 'vitest';

/** What was measured, and a little. */
const [FIRST, ALL] = [43_500, 64_400];
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** As it is built for a reader: a test's own environment would bring Svelte's warnings in. */
vi.stubEnv('NODE_ENV', 'production');

async function built(...plugins: Plugin[]): Promise<Rolldown.OutputChunk[]> {
  const made = await build({ root: ROOT, logLevel: 'silent', plugins, build: { write: false } });
  return (made as Rolldown.RolldownOutput).output.filter((one) => one.type === 'chunk');
}

/** The footer, with something in it that it does not have. */
const footer = (more: string): Plugin => ({
  name: 'more',
  enforce: 'pre',
  transform: (code, id) => (id.endsWith('views/Foot.svelte') ? `${more}\n${code}` : undefined),
});

describe('the built page', { timeout: 60_000 }, () => {
  it('stays within its budget: JavaScript at the first paint and in all, gzipped, in bytes', async () => {
    const chunks = await built();
    const weight = (some: Rolldown.OutputChunk[]) =>
      some.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);
    expect(chunks.filter((one) => one.isEntry && one.code !== '')).toHaveLength(1);
    expect(weight(chunks.filter((one) => one.isEntry))).toBeLessThan(FIRST);
    expect(weight(chunks)).toBeLessThan(ALL);
  });

  it.each([
    ['<svelte:boundary><p>a</p></svelte:boundary>', 'boundary'],
    ['{#await Promise.resolve(1) then one}{one}{/await}', 'capture'],
    ['<script module>let one = $state({ a: 1 }); one.a = 2;</script>', 'proxy'],
  ])('is not built when it needs what is left out: %s', async (more, name) => {
    await expect(built(footer(more))).rejects.toThrow(new RegExp(`needs Svelte's ${name}, which lean.ts leaves out`));
  });
});

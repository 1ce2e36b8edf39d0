// How the unit tests run; apart from vite.config.ts, so that a build needs no test tool.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { languages } from './languages.ts';

export default defineConfig({
  plugins: [languages(), svelte()],
  // Without this condition Svelte resolves to its server half.
  resolve: { conditions: ['browser'] },
  // The vectors that pytest reads too lie beside this folder.
  server: { fs: { allow: ['..'] } },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts'], setupFiles: ['tests/both.ts'] },
});

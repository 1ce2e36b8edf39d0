// How the page is built: one script, one style sheet, every address relative.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

export default defineConfig({
  // The page lives under a base path that only the daemon knows.
  base: './',
  plugins: [svelte()],
  build: {
    target: 'es2022',
    license: true,
    // The polyfill would be an inline script, which the content security policy forbids.
    modulePreload: { polyfill: false },
    // A data: address is no 'self' either.
    assetsInlineLimit: 0,
  },
});

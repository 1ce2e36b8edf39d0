// How the page is built: what the first paint needs in one script and one style sheet, the rest apart, every address relative.
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { languages } from './languages.ts';
import { lean } from './lean.ts';

export default defineConfig({
  // The page lives under a base path that only the daemon knows.
  base: './',
  plugins: [languages(), svelte(), lean()],
  build: {
    target: 'es2022',
    license: true,
    rolldownOptions: { input: ['index.html', 'sign-in.html'] },
    // The polyfill would be an inline script, which the content security policy forbids.
    modulePreload: { polyfill: false },
    // A data: address is no 'self' either.
    assetsInlineLimit: 0,
  },
});

// Every component is in runes mode.
export default {
  compilerOptions: {
    runes: true,
    discloseVersion: false,
    // Elements are made one by one instead of from HTML: less code, and no text is ever parsed as markup.
    fragments: 'tree',
    // Tables say their roles again: on a phone their rows become grids, and display: grid takes the native roles away.
    warningFilter: (warning) => warning.code !== 'a11y_no_redundant_roles',
  },
};

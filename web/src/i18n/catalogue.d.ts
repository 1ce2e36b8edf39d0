// What languages.ts makes of the catalogues: all that they say in one language.
declare module 'catalogue:*' {
  const catalogue: {
    texts: Record<string, string>;
    words: Record<string, Record<string, string>>;
    reasons: Record<string, string>;
  };
  export default catalogue;
}

// What languages.ts makes of the catalogues: what they say in one language, at once or with the pages behind the board.
interface Texts {
  [key: string]: string;
}
declare module 'catalogue:id' {
  const catalogue: { texts: Texts; words: Record<string, Texts>; reasons: Texts };
  export default catalogue;
}
declare module 'catalogue:id/pages' {
  const catalogue: { pages: Texts };
  export default catalogue;
}
declare module 'catalogue:en' {
  const catalogue: { texts: Texts; pages: Texts; words: Record<string, Texts>; reasons: Texts };
  export default catalogue;
}

// What languages.ts makes of the catalogues: a file for each language and each part of the page.
declare module 'catalogue:addresses' {
  const addresses: Record<'id' | 'en', Record<'board' | 'pages', string>>;
  export default addresses;
}

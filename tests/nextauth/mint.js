// Makes session cookies with the real packages: reads a list of recipes as JSON from standard input, prints what each gives.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { hkdf } from "@panva/hkdf";

const require = createRequire(import.meta.url);
// What is not exported is reached by its file; `jose` is the one that next-auth itself uses: it can all that is old, too.
const file = (name) => fileURLToPath(new URL(`node_modules/${name}`, import.meta.url));
const jose = createRequire(file("next-auth/package.json"))("jose");
const PACKAGES = {
  "next-auth": { jwt: require("next-auth/jwt"), cookie: require(file("next-auth/core/lib/cookie.js")) },
  "@auth/core": { jwt: await import("@auth/core/jwt"), cookie: await import(file("@auth/core/lib/utils/cookie.js")) },
};
const bytes = (words) => new TextEncoder().encode(words);

const GIVE = {
  // Of a package: the token, or where a cookie's name is given, its name and value, or those of its chunks.
  async session({ by, cookie, ...params }) {
    const { jwt, cookie: store } = PACKAGES[by];
    const value = await jwt.encode(params);
    if (!cookie) return value;
    const cookies = new store.SessionStore({ name: cookie, options: {} }, { cookies: {} }, { debug() {} });
    return cookies.chunk(value, {}).map((one) => [one.name, one.value]);
  },
  async key({ secret, salt, info, length }) {
    return Buffer.from(await hkdf("sha256", secret, salt, info, length)).toString("base64url");
  },
  async jwe({ key, header, payload }) {
    const material = Buffer.from(key, "base64url");
    const made = new jose.CompactEncrypt(bytes(payload)).setProtectedHeader(header);
    return made.encrypt(material, { crit: { "urn:x": true } });
  },
  async jws({ key, header, claims }) {
    if (header.alg === "none") return new jose.UnsecuredJWT(claims).encode();
    return new jose.SignJWT(claims).setProtectedHeader(header).sign(Buffer.from(key, "base64url"));
  },
};

const recipes = JSON.parse(await text(process.stdin));
const given = await Promise.all(recipes.map(({ give, ...params }) => GIVE[give](params)));
process.stdout.write(JSON.stringify(given));

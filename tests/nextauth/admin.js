// The platform's admin as far as the monitor sees it: people really sign in here, by NextAuth 4 below /v4/ and by Auth.js 5
// below /v5/, and what is below /hm/ is the daemon's, as behind any reverse proxy. It reads lines of JSON from standard
// input: first { secret, users: [{ id, name, email, role, password, permissions? }] }, later { daemon: ADDRESS } and, where
// visitors come by another address than its own, { origin: THAT }; it prints its own.
import http from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { Auth } from "@auth/core";
import CredentialsV5 from "@auth/core/providers/credentials";
import NextAuth from "next-auth";
import CredentialsV4 from "next-auth/providers/credentials";

let daemon;
let origin;
let options;

/** Takes where the daemon is, and where visitors see us: of that address NextAuth makes its cookies, __Secure- or not. */
function place(places) {
  ({ daemon = daemon, origin = origin } = places);
  process.env.NEXTAUTH_URL = `${origin}/v4/api/auth`;
}

/** What both are configured with: a role goes from the user's row into the token, and from there into the session. */
function configured(Credentials, secret, users) {
  const fields = { username: { label: "Username" }, password: { label: "Password", type: "password" } };
  const authorize = ({ username, password }) => {
    const { password: known, ...user } = users.find(({ email }) => email === username) ?? {};
    return known && password === known ? user : null;
  };
  return {
    secret,
    providers: [Credentials({ credentials: fields, authorize })],
    session: { strategy: "jwt", maxAge: 8 * 3600 },
    callbacks: {
      jwt({ token, user }) {
        if (user) Object.assign(token, { role: user.role, permissions: user.permissions });
        return token;
      },
      session({ session, token }) {
        session.user.role = token.role;
        return session;
      },
    },
    logger: { debug() {}, warn() {}, error() {} },
  };
}

/** Answers by Auth.js 5: a Request in, a Response out. */
async function v5(request, response) {
  const body = request.method === "POST" ? await text(request) : undefined;
  const asked = new Request(origin + request.url, { method: request.method, headers: request.headers, body });
  const answer = await Auth(asked, { ...options.v5, basePath: "/v5/api/auth", trustHost: true });
  const { "set-cookie": _, ...headers } = Object.fromEntries(answer.headers);
  response.writeHead(answer.status, { ...headers, "set-cookie": answer.headers.getSetCookie() });
  response.end(await answer.text());
}

/** Answers by NextAuth 4, as the page `pages/api/auth/[...nextauth].js` of Next.js would. */
async function v4(request, response) {
  const url = new URL(request.url, origin);
  const cookies = (request.headers.cookie ?? "").split("; ").map((pair) => pair.split(/=(.*)/s, 2));
  Object.assign(request, {
    body: Object.fromEntries(new URLSearchParams(request.method === "POST" ? await text(request) : "")),
    cookies: Object.fromEntries(cookies.map(([name, value]) => [name, decodeURIComponent(value ?? "")])),
    query: { ...Object.fromEntries(url.searchParams), nextauth: url.pathname.split("/").slice(4) },
  });
  const send = (body) => response.end(typeof body === "string" ? body : JSON.stringify(body));
  const status = (code) => Object.assign(response, { statusCode: code });
  await NextAuth.default(request, Object.assign(response, { send, status, json: send }), options.v4);
}

/** Asks the daemon the same; what the proxy adds is for whom it asks. */
function passed(request) {
  const headers = { ...request.headers, "x-forwarded-for": request.socket.remoteAddress };
  return http.request(new URL(request.url, daemon), { method: request.method, headers });
}

function proxy(request, response) {
  const asked = passed(request);
  asked.on("response", (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  asked.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.on("close", () => asked.destroy());
  request.pipe(asked);
}

const head = ({ statusCode, statusMessage, rawHeaders }) => {
  const lines = rawHeaders.flatMap((word, at) => (at % 2 ? [] : [`${word}: ${rawHeaders[at + 1]}`]));
  return [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines, "", ""].join("\r\n");
};

/** Joins both sockets once the daemon has switched protocols (RFC 9110, 7.8); a refusal is passed on as it is. */
function upgrade(request, socket, first) {
  const asked = passed(request);
  socket.on("error", () => asked.destroy());
  asked.on("upgrade", (answer, other, early) => {
    socket.write(head(answer));
    socket.write(early);
    other.write(first);
    socket.pipe(other).pipe(socket);
    socket.on("close", () => other.destroy());
    other.on("error", () => socket.destroy());
  });
  asked.on("response", (answer) => {
    socket.write(head(answer));
    answer.pipe(socket);
  });
  asked.on("error", () => socket.destroy());
  asked.end();
}

const server = http.createServer((request, response) => {
  const [, first] = request.url.split("/");
  const answer = { v4, v5, hm: proxy }[first] ?? (() => response.writeHead(404).end());
  Promise.resolve(answer(request, response)).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    response.destroy();
  });
});
server.on("upgrade", (request, socket, first) =>
  request.url.startsWith("/hm/") ? upgrade(request, socket, first) : socket.destroy(),
);

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { secret, users } = JSON.parse((await lines.next()).value);
options = { v4: configured(CredentialsV4.default, secret, users), v5: configured(CredentialsV5, secret, users) };
server.listen(0, "127.0.0.1", () => {
  place({ origin: `http://127.0.0.1:${server.address().port}` });
  process.stdout.write(`${origin}\n`);
});
for await (const line of lines) place(JSON.parse(line));
// Whoever started it has gone.
process.exit();

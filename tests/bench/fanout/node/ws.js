// A broadcast as the documentation of ws has it: each client in turn, one buffer for all.
import { createServer } from "node:http";
import { WebSocketServer } from "ws";
import { obey } from "./publisher.js";

const http = createServer();
const server = new WebSocketServer({ server: http });

obey(http, (message) => {
  const text = Buffer.from(JSON.stringify(message));
  for (const client of server.clients) client.send(text, { binary: false });
});

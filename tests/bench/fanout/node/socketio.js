// A broadcast as the documentation of Socket.IO has it: to a room, over WebSocket alone.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { obey } from "./publisher.js";

const http = createServer();
const server = new Server(http, { transports: ["websocket"] });

server.on("connection", (socket) => socket.join("health"));
obey(http, (message) => server.to("health").emit("diff", message));

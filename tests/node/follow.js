// Follows a stream with `ws` and prints each document as a line: node follow.js ADDRESS (plain | packed).
import WebSocket from "ws";
import { follow } from "./law.js";

const [address, form] = process.argv.slice(2);
const socket = new WebSocket(address, "health.v1.json", { perMessageDeflate: form === "packed" });
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const take = follow((message) => socket.send(JSON.stringify(message)), print);
socket.on("open", () => print({ extensions: socket.extensions }));
socket.on("message", (data) => take(JSON.parse(data)));

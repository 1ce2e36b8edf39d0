// What both servers are told: reads the patches, obeys "publish FIRST COUNT HZ", and says when each message was published.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";

const patches = readFileSync(process.argv[2], "utf8").trimEnd().split("\n").map(JSON.parse);
const now = () => Number(process.hrtime.bigint());

function diff(seq) {
  return { type: "diff", seq, ts: new Date().toISOString(), patch: patches[seq % patches.length] };
}

// `publish` is given each message as an object; `http` is the server whose port is told.
export function obey(http, publish) {
  http.listen(0, "127.0.0.1", 1024, () => console.log(JSON.stringify({ port: http.address().port })));
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const [, first, count, hz] = line.split(" ").map(Number);
    const at = [];
    const begun = now();
    for (let k = 0; k < count; k++) {
      const early = hz ? begun + (k * 1e9) / hz - now() : 0;
      if (early > 0) await sleep(early / 1e6);
      else await turn();
      at.push(now());
      publish(diff(first + k));
    }
    console.log(JSON.stringify({ at }));
  });
  lines.on("close", () => process.exit());
}

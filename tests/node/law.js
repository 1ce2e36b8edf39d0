// The client's law of health.v1 in JavaScript, as docs/stream.md tells it; Node and the browser run this same text.
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function merge(target, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

function renewed(held, { as_of, evidence }) {
  const result = structuredClone({ ...held, as_of });
  for (const [key, observed_at] of Object.entries(evidence)) {
    const entry = key.startsWith("services/") ? result.services?.[key.slice(9)] : (result.checks?.[key] ?? result[key]);
    if (entry) entry.observed_at = observed_at;
  }
  return result;
}

// Gives what takes each message; `say` sends one, `changed` is told each document.
export function follow(say, changed) {
  let held = null;
  let awaits = "hello";
  const take = (document) => changed((held = document));
  return (message) => {
    const seq = held?.position.seq;
    switch (message.type) {
      case "hello":
        awaits = message.resumed ? null : "snapshot";
        break;
      case "snapshot":
        awaits = null;
        take(message.data);
        break;
      case "diff":
      case "bookmark": {
        if (awaits || (message.type === "diff" && message.seq <= seq)) break;
        const before = message.type === "bookmark" ? message.seq : (message.prev ?? message.seq - 1);
        if (before !== seq) {
          awaits = "hello";
          say({ type: "subscribe", ...held.position });
        } else if (message.type === "bookmark") take(renewed(held, message));
        else take({ ...merge(held, message.patch), position: { ...held.position, seq: message.seq } });
      }
    }
  };
}

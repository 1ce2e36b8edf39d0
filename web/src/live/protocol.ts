// Turns one frame of text into a checked message, or nothing: what the page cannot read it must not act on.
import type { HealthDocument, Json, JsonObject, Message, Verdict } from './wire';

export const SUBPROTOCOL = 'health.v1.json';

const VERDICTS: readonly string[] = ['ok', 'warn', 'fail', 'unknown'] satisfies Verdict[];

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function decode(text: string): Message | undefined {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isObject(frame) ? checked(frame) : undefined;
}

/** A document that the page can draw: the rest of its fields may be absent, these may not. */
export function isDocument(value: unknown): value is HealthDocument & JsonObject {
  if (!isObject(value) || typeof value.as_of !== 'string' || typeof value.status !== 'string') return false;
  if (typeof value.platform !== 'string' || !isPosition(value.position) || !isObject(value.checks)) return false;
  return Object.values(value.checks).every(
    (check) => isObject(check) && typeof check.verdict === 'string' && VERDICTS.includes(check.verdict),
  );
}

function isPosition(value: Json | undefined): boolean {
  return isObject(value) && typeof value.epoch === 'number' && typeof value.seq === 'number';
}

function checked(frame: JsonObject): Message | undefined {
  const { type, seq, epoch } = frame;
  switch (type) {
    case 'hello':
      if (typeof seq !== 'number' || typeof epoch !== 'number') return undefined;
      return {
        type,
        proto: String(frame.proto),
        epoch,
        seq,
        heartbeat: typeof frame.heartbeat === 'number' ? frame.heartbeat : 3,
        resumed: frame.resumed === true,
      };
    case 'snapshot':
      if (typeof seq !== 'number' || typeof epoch !== 'number' || !isDocument(frame.data)) return undefined;
      return { type, epoch, seq, reason: String(frame.reason), data: frame.data };
    case 'diff':
      if (typeof seq !== 'number' || !isObject(frame.patch)) return undefined;
      return {
        type,
        seq,
        patch: frame.patch,
        ...(typeof frame.prev === 'number' ? { prev: frame.prev } : {}),
        ...(typeof frame.ts === 'string' ? { ts: frame.ts } : {}),
      };
    case 'bookmark':
      if (typeof seq !== 'number' || typeof frame.as_of !== 'string') return undefined;
      return { type, seq, as_of: frame.as_of, evidence: strings(frame.evidence) };
    case 'error':
      return {
        type,
        code: String(frame.code),
        message: String(frame.message),
        fatal: frame.fatal === true,
      };
    case 'pong':
      return { type };
    default:
      return undefined;
  }
}

function strings(value: Json | undefined): { [key: string]: string } {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

// One question to the daemon by HTTP: its status and what it says, or nothing when nobody answered.
import { isObject } from './protocol';
import type { Json, JsonObject } from './wire';

const PATIENCE_MS = 8000;

export interface Answer {
  status: number;
  /** Absent where the answer was no JSON. */
  body: Json | undefined;
  /** For how many seconds we are asked to stay away. */
  retry_after_s: number | undefined;
  /** By what the daemon knows this answer again (RFC 9110, 8.8.3). */
  tag?: string | undefined;
}

export async function ask(
  path: string,
  request: RequestInit = {},
  patience_ms = PATIENCE_MS,
): Promise<Answer | undefined> {
  try {
    const answer = await fetch(new URL(path, document.baseURI), {
      signal: AbortSignal.timeout(patience_ms),
      cache: 'no-store',
      ...request,
    });
    const body = (await answer.json().catch(() => undefined)) as Json | undefined;
    const after = Number.parseInt(answer.headers.get('Retry-After') ?? '', 10);
    const tag = answer.headers.get('ETag') ?? undefined;
    return { status: answer.status, body, retry_after_s: Number.isNaN(after) ? undefined : after, tag };
  } catch {
    return undefined;
  }
}

/** What an answer brought, unless it is an error. */
export function brought(answer: Answer | undefined): Json | undefined {
  return answer && answer.status >= 200 && answer.status < 300 ? answer.body : undefined;
}

/** The error of an answer, in the form that all of them have. */
export function errorOf(answer: Answer): JsonObject & { code: string } {
  const error = isObject(answer.body) && isObject(answer.body.error) ? answer.body.error : {};
  return { ...error, code: typeof error.code === 'string' ? error.code : '' };
}

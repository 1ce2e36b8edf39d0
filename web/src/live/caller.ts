// Who reads this page, or why nobody may: what the daemon says of the session.
import { type Answer, errorOf } from './ask';
import { flagAt, momentAt, textAt } from './read';

export const REFUSALS = ['sign_in', 'expired', 'revoked', 'inactive', 'wrong_role', 'scope'] as const;
export type RefusalCode = (typeof REFUSALS)[number];

export interface Caller {
  /** `open`: nobody is asked who they are. */
  kind: string;
  name: string;
  role: string | undefined;
  /** Whether settings may be changed. */
  edits: boolean;
  expires_at: number | undefined;
}

export interface Refusal {
  code: RefusalCode;
  /** Where one signs in; absent where the daemon was not told. */
  address: string | undefined;
}

/** Where the address of this page belongs in the address of the sign-in. */
const HERE = '{here}';
/** The clocks of two machines differ; a session that ends within this has ended. */
const TOLERANCE_MS = 15_000;

/** Reads the answer to `api/v1/session`; nothing where it says neither. */
export function callerOf(answer: Answer | undefined): Caller | undefined {
  if (answer?.status !== 200) return undefined;
  const kind = textAt(answer.body, 'kind');
  if (kind === undefined) return undefined;
  return {
    kind,
    name: textAt(answer.body, 'name') ?? '',
    role: textAt(answer.body, 'role'),
    edits: flagAt(answer.body, 'edits') === true,
    expires_at: momentAt(answer.body, 'expires_at'),
  };
}

/** Reads why an answer of any address turned us away; nothing where it did not. */
export function refusalOf(answer: Answer | undefined): Refusal | undefined {
  if (answer?.status !== 401 && answer?.status !== 403) return undefined;
  const error = errorOf(answer);
  const code = REFUSALS.find((known) => known === error.code);
  // A 403 may be about the question alone; a 401 is always about who asks.
  if (code === undefined && answer.status === 403) return undefined;
  return { code: code ?? 'sign_in', address: textAt(error, 'sign_in_url') };
}

/** A cookie that has expired is not sent any more: whose time was up has not signed out. */
export function refined(refusal: Refusal, last: Caller | undefined, now: number): Refusal {
  const up = last?.expires_at !== undefined && now >= last.expires_at - TOLERANCE_MS;
  return refusal.code === 'sign_in' && up ? { ...refusal, code: 'expired' } : refusal;
}

/** The address to follow, with the way back in it where it has a place for that; nothing that is not of the web. */
export function signIn(address: string | undefined, here: string): string | undefined {
  if (address === undefined) return undefined;
  try {
    const found = new URL(address.replaceAll(HERE, encodeURIComponent(here)), here);
    return found.protocol === 'https:' || found.protocol === 'http:' ? found.href : undefined;
  } catch {
    return undefined;
  }
}

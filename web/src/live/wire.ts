// The shapes that come over the wire; field names are the wire's own, all the way down to the parts.

export type Json = string | number | boolean | null | Json[] | JsonObject;
export type JsonObject = { [key: string]: Json };

export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown';
export type Status = 'healthy' | 'degraded' | 'unknown';

export interface Headline {
  value: number;
  of?: number;
  unit?: string;
}

export interface Reason {
  verdict: Verdict;
  params?: JsonObject;
}

/** What everything that is watched has: a verdict, why, and what stands beside the reason. */
export interface Entry {
  verdict: Verdict;
  reason?: string;
  params?: JsonObject;
  also?: { [code: string]: Reason };
  /** The verdict changes too often to be taken for settled. */
  flapping?: boolean;
  /** Evidence towards another verdict that is not enough yet. */
  pending?: { to?: string; n?: number; need?: number };
  /** The code of the reason that this one follows from. */
  explained_by?: string;
  since?: string;
  observed_at?: string;
  ttl_s?: number;
  source?: string;
}

export interface Check extends Entry {
  headline?: Headline;
  limits?: JsonObject;
  detail?: JsonObject;
}

export interface Transition {
  at: string;
  /** A check's name; beside the seven `cron`, `settings`, `monitor` or `services/NAME`. */
  check: string;
  from: Verdict;
  to: Verdict;
  reason?: string;
  params?: JsonObject;
}

export interface Position {
  epoch: number;
  seq: number;
}

export interface HealthDocument {
  platform: string;
  zone?: string;
  status: Status;
  since?: string;
  position: Position;
  as_of: string;
  checks: { [name: string]: Check };
  /** Beside the seven; each may be absent, and is read as carefully as a detail. */
  cron?: JsonObject;
  services?: JsonObject;
  settings?: JsonObject;
  monitor?: JsonObject;
  transitions?: { [seq: string]: Transition };
}

export type Message =
  | { type: 'hello'; proto: string; epoch: number; seq: number; heartbeat: number; resumed: boolean }
  | { type: 'snapshot'; epoch: number; seq: number; reason: string; data: HealthDocument }
  | { type: 'diff'; seq: number; prev?: number; ts?: string; patch: JsonObject }
  | { type: 'bookmark'; seq: number; ts?: string; as_of: string; evidence: { [check: string]: string } }
  | { type: 'error'; code: string; message: string; fatal: boolean }
  | { type: 'pong' };

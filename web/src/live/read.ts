// Reads one value out of a detail, or nothing: every key of a detail may be absent, and none is trusted for its type.
import { isObject } from './protocol';
import type { Json, JsonObject } from './wire';

export function at(source: Json | undefined, ...path: string[]): Json | undefined {
  let value: Json | undefined = source;
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

export function numberAt(source: Json | undefined, ...path: string[]): number | undefined {
  const value = at(source, ...path);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function textAt(source: Json | undefined, ...path: string[]): string | undefined {
  const value = at(source, ...path);
  return typeof value === 'string' ? value : undefined;
}

export function flagAt(source: Json | undefined, ...path: string[]): boolean | undefined {
  const value = at(source, ...path);
  return typeof value === 'boolean' ? value : undefined;
}

export function momentAt(source: Json | undefined, ...path: string[]): number | undefined {
  const value = Date.parse(textAt(source, ...path) ?? '');
  return Number.isNaN(value) ? undefined : value;
}

export function entriesAt(source: Json | undefined, ...path: string[]): [string, JsonObject][] {
  const value = at(source, ...path);
  if (!isObject(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, JsonObject] => isObject(entry[1]));
}

// RFC 7396 merge patch with structural sharing: copies only what it touches, and nothing when nothing changes.
import { isObject } from './protocol';
import type { Json, JsonObject } from './wire';

/** The target itself comes back when the patch says nothing new, so a view can compare by identity. */
export function applyPatch(target: JsonObject, patch: JsonObject): JsonObject {
  let copy: JsonObject | undefined;
  for (const [key, change] of Object.entries(patch)) {
    const before = Object.hasOwn(target, key) ? target[key] : undefined;
    if (change === null) {
      if (before === undefined) continue;
      copy ??= { ...target };
      delete copy[key];
      continue;
    }
    const after = merged(before, change);
    if (after === before) continue;
    copy ??= { ...target };
    set(copy, key, after);
  }
  return copy ?? target;
}

function merged(before: Json | undefined, change: Json): Json {
  if (isObject(change)) {
    // RFC 7396 section 2: a member that is no object is replaced by an empty one first, so no null of the patch survives.
    return applyPatch(isObject(before) ? before : {}, change);
  }
  if (Array.isArray(change) && Array.isArray(before) && JSON.stringify(change) === JSON.stringify(before))
    return before;
  return change;
}

function set(object: JsonObject, key: string, value: Json): void {
  // A plain assignment to "__proto__" would change the object's prototype instead of adding a member.
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    object[key] = value;
  }
}

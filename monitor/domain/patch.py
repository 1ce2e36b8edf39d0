"""Merge patches (RFC 7396) under the document law: objects keyed by name, arrays replaced whole, no null as a value."""

from __future__ import annotations

from collections.abc import Mapping

Json = object


def same(old: Json, new: Json) -> bool:
    """Compare two values as JSON does, types included: in Python, False == 0 and 1 == 1.0."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(same(value, new[key]) for key, value in old.items())
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(same(a, b) for a, b in zip(old, new, strict=True))
    return type(old) is type(new) and old == new


def diff(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, Json]:
    """Give the patch that leads from one object to the other; empty when they are the same."""
    patch: dict[str, Json] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if before is value and key in old:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            if inner := diff(before, value):
                patch[key] = inner
        elif not same(before, value):
            patch[key] = value
    return patch


def apply(document: Json, patch: Json) -> Json:
    """Apply a patch and give the new document; what the patch does not touch is shared with the old one."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result

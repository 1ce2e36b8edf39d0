"""The words of the platform's triggers, as a mapping; they are untrusted: any role may notify any channel."""

from __future__ import annotations

from collections.abc import Mapping

import orjson


def read(text: str) -> Mapping[str, object] | None:
    """Read a payload: a JSON object, or nothing at all (an empty mapping). None when it is something else."""
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None

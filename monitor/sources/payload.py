"""The words of the platform's triggers, as a mapping; they are untrusted: any role may notify any channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from monitor.domain.ledger import Deltas

XID = re.compile(r"[1-9][0-9]{0,18}")
MOST, LATEST, SENDER = 1_000_000_000, 1 << 40, 200
"""No signal of ours says more rows, a later second, or a longer name of a sender."""
ANEW = Deltas(0, 0, None)


def read(text: str) -> Mapping[str, object] | None:
    """Read a payload: a JSON object, or nothing at all (an empty mapping). None when it is something else."""
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def read_deltas(text: str) -> Deltas:
    """Read what one of our own triggers says; whatever is not quite in order says "count anew"."""
    match read(text):
        case {"x": str(xid), "q": int(counter), "d": list(rows)} if XID.fullmatch(xid) and _whole(counter, MOST):
            if all(isinstance(row, list) and _fits(row) for row in rows):
                return Deltas(int(xid), counter, tuple((second, sender, count) for second, sender, count in rows))
        case _:
            pass
    return ANEW


def _whole(value: Any, most: int) -> bool:
    """Say whether it is a whole number from 1 to `most`."""
    return type(value) is int and 0 < value <= most


def _fits(row: list[Any]) -> bool:
    return (
        len(row) == 3
        and _whole(row[0], LATEST)
        and isinstance(row[1], str)
        and len(row[1]) <= SENDER
        and type(row[2]) is int
        and _whole(abs(row[2]), MOST)
    )

"""Verdicts, reasons and judgements: what a check concludes, in the words of the catalogue of reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, TypeVar

Scalar = str | int | float | bool
Params = Mapping[str, Scalar]
Memory = TypeVar("Memory")
LAST = 253_402_300_799.0
"""The last second of the year 9999, in Unix seconds: RFC 3339 ends there, PostgreSQL does not."""


class Verdict(StrEnum):
    """What a check says, from best to worst news in the order of `BADNESS`."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


BADNESS = {Verdict.OK: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.FAIL: 3}
"""Known trouble outranks ignorance; ignorance outranks good news."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict is not a plain ok: a stable code, its verdict, and the values of its sentence."""

    code: str
    verdict: Verdict
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Judgement(Generic[Memory]):
    """What a check concludes from its facts, and what it must remember for the next time.

    `reasons` stand in the order of the catalogue, all that are true; `holds_until` is the monotonic second at which
    the judgement changes by itself (a closed end: at that second it has changed); `since` is the Unix time of the
    first observation of a trouble that was confirmed later; `look_again` asks for a new answer, because the old one no
    longer says enough; `tells` are facts that other checks take when they are new.
    """

    memory: Memory
    reasons: tuple[Reason, ...] = ()
    headline: Mapping[str, Scalar] | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    holds_until: float = math.inf
    since: float | None = None
    look_again: bool = False
    pending: Params | None = None
    tells: tuple[object, ...] = ()


def primary(reasons: Sequence[Reason]) -> Reason | None:
    """Give the reason that decides: the worst verdict, and among equals the first in the catalogue's order."""
    return max(reasons, key=lambda reason: BADNESS[reason.verdict], default=None)


def instant(unix: float) -> str:
    """Write a Unix time as RFC 3339 in UTC with milliseconds (RFC 3339, 5.6); a later one than it has, as its last."""
    return datetime.fromtimestamp(min(unix, LAST), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""All that can happen to the board: Event, Burst, Sample, Gap, Tick; and the function types that join the rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class At:
    """One instant: `mono` for ages and deadlines, `wall` (Unix time) for display; both in seconds."""

    mono: float
    wall: float


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that the database pushed. An unreadable payload is an empty mapping with `readable` false."""

    at: At
    channel: str
    payload: Mapping[str, object]
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Burst:
    """Several notifications of one channel that arrived at once, in order; None is a payload that is unreadable.

    In a flood only so many are read; `unread` counts the others.
    """

    at: At
    channel: str
    payloads: tuple[Mapping[str, object] | None, ...]
    unread: int = 0

    @property
    def count(self) -> int:
        return len(self.payloads) + self.unread


@dataclass(frozen=True, slots=True)
class Sample:
    """A probe's answer: the facts of one question, stamped when they arrived."""

    at: At
    facts: object


@dataclass(frozen=True, slots=True)
class Gap:
    """The listener became deaf, or still is after one more attempt to connect; "dropped" is by its own will."""

    at: At
    cause: Literal["terminated", "reset", "closed", "unreadable", "after_hung", "dropped"]
    attempt: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing happened, and it is now this late."""

    at: At


Signal = Event | Burst | Sample | Gap | Tick


@dataclass(frozen=True, slots=True)
class Trouble:
    """Facts that could not be had: why one question of one check was turned away.

    `kind` is the reason's word (`unknown.<kind>`); `params` are its parameters.
    """

    check: str
    question: str
    kind: Literal["timeout", "permission", "schema", "error"]
    params: Mapping[str, str | int | float | bool]


Emit = Callable[[Signal], None]
"""How a source speaks."""

Hint = Callable[[str], None]
"""How a source or the board says "look at this check again"."""

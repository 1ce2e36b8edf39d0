"""All that can happen to the board: Event, Burst, Sample, Gap, Tick; and the function types that join the rooms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal


@dataclass(frozen=True, slots=True)
class At:
    """One instant: `mono` for ages and deadlines, `wall` (Unix time) for display; both in seconds."""

    mono: float
    wall: float


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that the database pushed. An unreadable payload is an empty mapping with `readable` false.

    `size` is the length of its payload in bytes, of which PostgreSQL takes less than 8000.
    """

    at: At
    channel: str
    payload: Mapping[str, object]
    readable: bool = True
    size: int = 0
    unread: ClassVar[int] = 0

    @property
    def payloads(self) -> tuple[Mapping[str, object], ...]:
        return (self.payload,)

    @property
    def unreadable(self) -> int:
        return 0 if self.readable else 1

    @property
    def count(self) -> int:
        return 1


@dataclass(frozen=True, slots=True)
class Burst:
    """Several notifications of one channel that arrived at once, in order.

    An unreadable payload is an empty mapping, `unreadable` counts them. In a flood only so many are read, `unread`
    counts the others. `size` is the length of the longest payload in bytes.
    """

    at: At
    channel: str
    payloads: tuple[Mapping[str, object], ...]
    unreadable: int = 0
    unread: int = 0
    size: int = 0

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
class Dropped:
    """Facts that there are no facts: events came faster than they could be taken, and some were left out here."""


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

"""What a probe brings home from a service, and what the name server has to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["answered", "refused", "timeout", "no_such_name", "unresolved", "bad_answer", "exhausted"]
"""How a probe ended.

`unresolved`: the name server itself did not answer, which says nothing of the service. `exhausted`: our own files or
sockets ran out, so the sample is thrown away.
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to one service. `answer` says in words what was wrong with a bad answer, never more than its kind.

    `latency_ms` only when it answered; `started_at` (Unix seconds) only when the service tells since when it runs.
    """

    service: str
    outcome: Outcome
    target: str
    latency_ms: float | None = None
    answer: str = ""
    host: str = ""
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Resolver:
    """Whether the name server answered within its time."""

    answers: bool
    resolver: str

"""What can be known of the connection to the database: answers, openings, who is connected, and an outage."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from monitor.domain.signal import At

Outcome = Literal[
    "opened", "refused", "shutting_down", "starting", "too_many", "login_refused",
    "silent", "no_tcp", "reset", "unresolved", "exhausted",
]  # fmt: skip
"""How an attempt to open a new connection ended, in the words of the catalogue's table 2.1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A session's answer: ms as seen here and inside PostgreSQL, and when that was started, in Unix seconds."""

    latency_ms: float
    server_ms: float
    started_at: float


@dataclass(frozen=True, slots=True)
class Opening:
    """How an attempt to open a new session ended; `connect_ms` only when it opened."""

    outcome: Outcome
    connect_ms: float | None = None
    sqlstate: str = ""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One sample of the connection.

    `answer` is None when no old session answered; `opening` is None when no new one was tried; `ended_by` names the
    SQLSTATEs with which sessions were ended just before; `lost` is true when every old session was lost before a new
    one gave this answer.
    """

    target: str
    role: str
    answer: Answer | None
    opening: Opening | None = None
    ended_by: frozenset[str] = frozenset()
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Connections:
    """Columns of connections.sql: who is connected, who waits; counts, seconds, percent, MB."""

    active: int
    idle: int
    idle_in_transaction: int
    used: int
    max: int
    ours: int
    top_app: str
    slow_now: int
    longest_transaction_s: float
    lock_waits: int
    blocked: list[int]
    blocker: list[int]
    waiting_s: list[float]
    relation: list[str]
    replication_lag_s: float | None
    notify_queue_pct: float
    commits: int
    version: str

    def detail(self) -> dict[str, object]:
        """Give their form in the document."""
        names = ("active", "idle", "idle_in_transaction", "used", "max", "ours")
        waits = zip(self.blocked, self.blocker, self.waiting_s, self.relation, strict=True)
        detail: dict[str, object] = {
            "connections": {name: getattr(self, name) for name in names},
            "slow_now": self.slow_now,
            "longest_transaction_s": math.floor(self.longest_transaction_s),
            "lock_waits": self.lock_waits,
            "blocked": {
                str(pid): {"by": by, "waiting_s": math.floor(waited), "relation": relation}
                for pid, by, waited, relation in waits
            },
            "notify_queue_pct": round(self.notify_queue_pct, 2),
            "version": self.version,
        }
        if self.replication_lag_s is not None:
            detail["replication_lag_s"] = round(self.replication_lag_s, 1)
        return detail


@dataclass(frozen=True, slots=True)
class Storage:
    """Columns of storage.sql, asked rarely."""

    size_mb: int
    wraparound_pct: float


@dataclass(frozen=True, slots=True)
class Statements:
    """Columns of statements.sql, asked rarely and only where pg_stat_statements exists."""

    slow_statements: int


@dataclass(frozen=True, slots=True)
class Outage:
    """A stretch in which no session answered, while it lasts and until its cause is known."""

    began: At
    misses: int = 0
    ended_by: frozenset[str] = frozenset()
    outcomes: frozenset[str] = frozenset()
    over: At | None = None

    @property
    def crashed(self) -> bool:
        """Say whether PostgreSQL itself said that one of its processes crashed, or was seen recovering from it."""
        return "57P02" in self.ended_by or "starting" in self.outcomes

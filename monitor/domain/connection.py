"""What can be known of the connection to the database: answers, openings, who is connected, and an outage."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from monitor.domain.signal import At
from monitor.domain.verdict import Scalar

Outcome = Literal[
    "opened", "refused", "shutting_down", "starting", "too_many", "login_refused",
    "silent", "no_tcp", "reset", "unresolved", "exhausted",
]  # fmt: skip
"""How an attempt to open a new connection ended, in the words of the catalogue's table 2.1."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A session's answer: ms as seen here and inside PostgreSQL, and when that was started, in Unix seconds.

    `wait_ms` is the longest that a question of ours has waited for its turn since the answer before; it is no part of
    the latency. A `stalled` answer took its time on our own loop: it proves life and says nothing of speed. A standby's
    is `read_only`.
    """

    latency_ms: float
    server_ms: float
    started_at: float
    wait_ms: float = 0.0
    stalled: bool = False
    read_only: bool = False


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
    """Columns of connections.sql: who is connected and since when; counts and seconds."""

    active: int
    idle: int
    idle_in_transaction: int
    used: int
    max: int
    ours: int
    top_app: str
    slow_now: int
    longest_transaction_s: float
    replication_lag_s: float | None
    commits: int
    version: str

    def detail(self) -> dict[str, object]:
        """Give their form in the document."""
        names = ("active", "idle", "idle_in_transaction", "used", "max", "ours")
        detail: dict[str, object] = {
            "connections": {name: getattr(self, name) for name in names},
            "slow_now": self.slow_now,
            "longest_transaction_s": math.floor(self.longest_transaction_s),
            "version": self.version,
        }
        if self.replication_lag_s is not None:
            detail["replication_lag_s"] = round(self.replication_lag_s, 1)
        return detail

    def slots(self) -> dict[str, Scalar]:
        """Give what a reason tells of them."""
        return {
            "used": self.used,
            "max": self.max,
            "idle_in_tx": self.idle_in_transaction,
            "top_app": self.top_app,
        }


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

    def missed(self, outcome: str, ended_by: frozenset[str]) -> Outage:
        """Take one more sample without an answer."""
        return replace(
            self,
            misses=self.misses + 1,
            ended_by=self.ended_by | ended_by,
            outcomes=self.outcomes | {outcome},
        )

    @property
    def crashed(self) -> bool:
        """Say whether PostgreSQL itself said that one of its processes crashed, or was seen recovering from it."""
        return "57P02" in self.ended_by or "starting" in self.outcomes

"""Table 2.1 of the catalogue: what an old session's answer and a new connection's fate, taken together, mean."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.domain.connection import Connections, Opening, Outage, Pulse
from monitor.domain.signal import At
from monitor.domain.verdict import Reason, Scalar, Verdict, instant

MISSED = frozenset({"silent", "no_tcp", "reset"})
CALM = 0.7
"""Below this share of `saturated_pct` the server itself has slots left."""


@dataclass(frozen=True, slots=True)
class Door:
    """How new connections end: the last attempt, since when they end like this, and how many in a row were missed."""

    opening: Opening | None = None
    since: float = 0.0
    misses: int = 0

    @property
    def outcome(self) -> str:
        return self.opening.outcome if self.opening is not None else "opened"

    def tried(self, opening: Opening, at: At) -> Door:
        """Take one more attempt."""
        missed = opening.outcome in MISSED
        same = self.opening is not None and self.opening.outcome == opening.outcome
        known = same or (missed and self.misses > 0)
        return replace(
            self,
            opening=opening,
            since=self.since if known else at.wall,
            misses=self.misses + 1 if missed else 0,
        )


@dataclass(frozen=True, slots=True)
class Witness:
    """Another target that answered us, and when: so it is not our own network that is down."""

    name: str
    at: float


@dataclass(frozen=True, slots=True)
class Table:
    """Both columns of the table, with the limits that its sentences name."""

    query_timeout_s: float
    connect_timeout_s: float
    saturated_pct: float

    def without_answer(
        self, down: Outage, pulse: Pulse, connections: Connections | None, witness: Witness | None
    ) -> Reason:
        """Decide the right-hand column: no old session answers."""
        since = instant(down.began.wall)
        outcome = pulse.opening.outcome if pulse.opening is not None else "silent"
        stopped = "57P01" in down.ended_by or "shutting_down" in down.outcomes
        match outcome:
            case "refused" | "shutting_down":
                return refused(pulse, since, "stopped" if stopped else "not_running")
            case "starting":
                phase = "crash_recovery" if "57P02" in down.ended_by else "start"
                return Reason("db.starting", Verdict.FAIL, {"since": since, "phase": phase})
            case "too_many":
                if self._only_ours(connections):
                    return Reason("unknown.permission", Verdict.UNKNOWN, {"object": pulse.role, "right": "CONNECT"})
                slots = connections.slots() if connections is not None else {}
                return Reason("db.saturated", Verdict.FAIL, slots)
            case "login_refused":
                sqlstate = pulse.opening.sqlstate if pulse.opening is not None else ""
                params: dict[str, Scalar] = {"sqlstate": sqlstate, "role": pulse.role, "since": since}
                return Reason("db.login_refused", Verdict.UNKNOWN, params)
            case "silent" | "opened" if down.misses > 1:
                # "opened" and still no answer: TCP and the greeting work, the query does not come back.
                params = {"since": since, "timeout_s": self.query_timeout_s, "target": pulse.target}
                return Reason("db.hung", Verdict.FAIL, params)
            case "no_tcp" | "reset" if down.misses > 1 and witness is not None and witness.at >= down.began.mono:
                params = {"since": since, "confirmed_by": witness.name, "target": pulse.target}
                return Reason("db.unreachable", Verdict.FAIL, params)
            case _:
                return Reason("unknown.blind", Verdict.UNKNOWN, {"target": pulse.target, "since": since})

    def new_connections(self, door: Door, pulse: Pulse, connections: Connections | None) -> Reason | None:
        """Decide the left-hand column: an old session answers; what do new connections meet?"""
        since = instant(door.since)
        match door.outcome:
            case "refused" | "shutting_down":
                return refused(pulse, since, "stopped" if door.outcome == "shutting_down" else "not_running")
            case "starting":
                return Reason("db.starting", Verdict.FAIL, {"since": since, "phase": "start"})
            case "too_many" if not self._only_ours(connections):
                slots = connections.slots() if connections is not None else {}
                return Reason("db.saturated", Verdict.WARN, slots)
            case "login_refused":
                sqlstate = door.opening.sqlstate if door.opening is not None else ""
                params: dict[str, Scalar] = {"sqlstate": sqlstate, "role": pulse.role, "since": since}
                return Reason("db.login_refused", Verdict.OK, params)
            case outcome if outcome in MISSED and door.misses > 1:
                params = {"timeout_s": self.connect_timeout_s, "since": since}
                return Reason("db.no_new_connections", Verdict.WARN, params)
            case _:
                return None

    def _only_ours(self, connections: Connections | None) -> bool:
        """Say whether the server has slots left, so that what is full is only our own role's limit."""
        return connections is not None and 100 * connections.used < self.saturated_pct * CALM * connections.max


def refused(pulse: Pulse, since: str, why: str) -> Reason:
    return Reason("db.refused", Verdict.FAIL, {"since": since, "why": why, "target": pulse.target})

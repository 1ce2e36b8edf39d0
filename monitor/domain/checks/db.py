"""The connection to the database: does it answer, how fast, and if not, in which of the many ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.domain.connection import Answer, Connections, Opening, Outage, Pulse, Statements, Storage
from monitor.domain.damping import Damper, settled
from monitor.domain.probing import Probe
from monitor.domain.signal import At, Tick
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant


@dataclass(frozen=True, slots=True)
class Memory:
    """What the check remembers between two samples."""

    slow: Damper
    elevated: Damper
    saturated: Damper
    last: Pulse | None = None
    down: Outage | None = None
    back: Outage | None = None
    opening: Opening | None = None
    opening_since: float = 0.0
    misses_opening: int = 0
    started_at: float | None = None
    commits: int | None = None
    connections: Connections | None = None
    storage: Storage | None = None
    statements: Statements | None = None
    note: Reason | None = None
    note_until: float = math.inf
    shown: Answer | None = None
    shown_connect_ms: float | None = None
    shown_at: float = -math.inf
    neighbour: str = ""
    neighbour_at: float = -math.inf


@dataclass(frozen=True, slots=True)
class Db:
    """Limits in ms, percent and seconds; see the catalogue of reasons, sections 1 and 2.1."""

    elevated_ms: float = 50
    slow_ms: float = 500
    saturated_pct: float = 90
    query_timeout_s: float = 2
    connect_timeout_s: float = 3
    sample_s: float = 5
    sweep_s: float = 30
    note_min: float = 15

    name = "db"
    section = "checks"
    takes = (Pulse, Connections, Storage, Statements, Probe)
    evidence = (Pulse,)

    @property
    def ttl_s(self) -> float:
        return 2 * self.sample_s + self.connect_timeout_s

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"elevated_ms": self.elevated_ms, "slow_ms": self.slow_ms, "saturated_pct": self.saturated_pct}

    def begin(self, at: At) -> Judgement[Memory]:  # noqa: ARG002 - nothing of it depends on the start
        return Judgement(
            Memory(
                slow=Damper(self.slow_ms, 0.7 * self.slow_ms),
                elevated=Damper(self.elevated_ms, self.elevated_ms),
                saturated=Damper(self.saturated_pct, 0.7 * self.saturated_pct),
            )
        )

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        match facts:
            case Pulse() if facts.opening is not None and facts.opening.outcome == "exhausted":
                # Our own files or sockets ran out: the sample says nothing about the database.
                return self._conclude(memory, previous, at) if facts.answer is not None else self._blinded(previous, at)
            case Pulse():
                memory = self._take_pulse(memory, facts, at)
            case Connections():
                memory = self._take_connections(memory, facts, at)
            case Storage():
                memory = replace(memory, storage=facts)
            case Statements():
                memory = replace(memory, statements=facts)
            case Probe(outcome="answered"):
                # Another target answers us: so it is not our own network that is down.
                memory = replace(memory, neighbour=facts.service, neighbour_at=at.mono)
            case Tick() if at.mono >= memory.note_until:
                memory = replace(memory, note=None, note_until=math.inf)
            case _:
                pass
        return self._conclude(memory, previous, at)

    def _take_pulse(self, memory: Memory, pulse: Pulse, at: At) -> Memory:
        memory = replace(memory, last=pulse)
        if pulse.opening is not None and pulse.opening.outcome != "unresolved":
            missed = pulse.opening.outcome in {"silent", "no_tcp", "reset"}
            same = memory.opening is not None and memory.opening.outcome == pulse.opening.outcome
            known = same or (missed and memory.misses_opening > 0)
            memory = replace(
                memory,
                opening=pulse.opening,
                opening_since=memory.opening_since if known else at.wall,
                misses_opening=memory.misses_opening + 1 if missed else 0,
            )
        if pulse.answer is None:
            down = memory.down or Outage(began=at)
            outcome = pulse.opening.outcome if pulse.opening is not None else "silent"
            down = replace(
                down,
                misses=down.misses + 1,
                ended_by=down.ended_by | pulse.ended_by,
                outcomes=down.outcomes | {outcome},
            )
            return replace(memory, down=down)
        answer = pulse.answer
        if memory.down is not None or pulse.lost:
            down = memory.down or Outage(began=at)
            back = replace(down, ended_by=down.ended_by | pulse.ended_by, over=at)
            memory = replace(memory, down=None, back=back)
        if memory.back is not None and answer.started_at == memory.started_at and memory.back.crashed:
            # The same start time after an outage: one session crashed and took all the others with it.
            memory = self._note(memory, "crash", at)
        if memory.back is None:
            memory = replace(memory, started_at=answer.started_at)
        return replace(
            memory, slow=memory.slow.step(answer.latency_ms), elevated=memory.elevated.step(answer.latency_ms)
        )

    def _take_connections(self, memory: Memory, facts: Connections, at: At) -> Memory:
        if memory.back is not None:
            # PostgreSQL drops its statistics when it recovers (PostgreSQL 18, 27.2): fewer commits than before mean
            # that it crashed, with the same start time, or was killed, with a new one. The same start and no fewer
            # commits: only the way was cut. Without a count from before, nothing is proven and nothing is said.
            proven = memory.started_at is not None and memory.commits is not None
            fell = memory.commits is not None and facts.commits < memory.commits
            started_at = memory.last.answer.started_at if memory.last is not None and memory.last.answer else None
            same = started_at == memory.started_at
            cause = "crash" if same else "killed" if fell else "stopped"
            memory = self._note(memory, cause, at) if proven and (fell or not same) else replace(memory, back=None)
            memory = replace(memory, started_at=started_at if started_at is not None else memory.started_at)
        used = 100 * facts.used / facts.max if facts.max else 0.0
        return replace(memory, connections=facts, commits=facts.commits, saturated=memory.saturated.step(used))

    def _note(self, memory: Memory, cause: str, at: At) -> Memory:
        back = memory.back
        assert back is not None
        assert back.over is not None
        params: dict[str, Scalar] = {
            "at": instant(back.began.wall),
            "cause": cause,
            "outage_s": round(back.over.mono - back.began.mono, 1),
        }
        reason = Reason("db.restarted", Verdict.OK, params)
        return replace(memory, back=None, note=reason, note_until=at.mono + 60 * self.note_min)

    @staticmethod
    def _blinded(previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        """Say that it is our own fault, since the first sample that was."""
        known = next((one for one in previous.reasons if one.code == "unknown.blocked_by"), None)
        reason = Reason("unknown.blocked_by", Verdict.UNKNOWN, {"parent": "monitor", "since": instant(at.wall)})
        return replace(previous, reasons=(known or reason,), since=None)

    def _conclude(self, memory: Memory, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        codes = {reason.code for reason in self._reasons(memory)}
        memory = self._show(memory, at, at_once=codes != {reason.code for reason in previous.reasons})
        return Judgement(
            memory,
            # Once more, with the numbers that are shown: a reason's latency moves with the headline, not each sample.
            reasons=tuple(self._reasons(memory)),
            headline={"value": round(memory.shown.latency_ms, 1), "unit": "ms"} if memory.shown is not None else None,
            detail=self._detail(memory),
            holds_until=memory.note_until,
            since=memory.down.began.wall if memory.down is not None else None,
        )

    def _show(self, memory: Memory, at: At, *, at_once: bool) -> Memory:
        # A reader sees a new latency when it moved noticeably, and at most once per sweep unless the verdict changed.
        answer = memory.last.answer if memory.last is not None else None
        if answer is not None:
            moved = memory.shown is None or not settled(memory.shown.latency_ms, answer.latency_ms)
            if memory.shown is None or at_once or (moved and at.mono >= memory.shown_at + self.sweep_s):
                memory = replace(memory, shown=answer, shown_at=at.mono)
        connect_ms = memory.opening.connect_ms if memory.opening is not None else None
        if connect_ms is not None and (
            memory.shown_connect_ms is None or not settled(memory.shown_connect_ms, connect_ms)
        ):
            memory = replace(memory, shown_connect_ms=connect_ms)
        return memory

    def _reasons(self, memory: Memory) -> list[Reason]:
        if memory.last is None:
            return []
        if memory.down is not None:
            return [self._no_answer(memory, memory.down, memory.last)]
        reasons = list(self._new_connections(memory, memory.last))
        connections = memory.connections
        saturated = {reason.code for reason in reasons} & {"db.saturated"}
        if memory.saturated.beyond and connections is not None and not saturated:
            reasons.append(Reason("db.saturated", Verdict.WARN, self._slots(connections)))
        latency = memory.shown.latency_ms if memory.shown is not None else 0.0
        if memory.slow.beyond and not any(reason.verdict is not Verdict.OK for reason in reasons):
            server_ms = memory.shown.server_ms if memory.shown is not None else 0.0
            reasons.append(
                Reason(
                    "db.slow",
                    Verdict.WARN,
                    {
                        "latency_ms": round(latency),
                        "server_ms": round(server_ms),
                        "limit_ms": self.slow_ms,
                        "active": connections.active if connections is not None else 0,
                    },
                )
            )
        if memory.note is not None:
            reasons.append(memory.note)
        if memory.elevated.beyond and not memory.slow.beyond:
            reasons.append(
                Reason("db.elevated", Verdict.OK, {"latency_ms": round(latency), "limit_ms": self.elevated_ms})
            )
        return reasons

    def _no_answer(self, memory: Memory, down: Outage, pulse: Pulse) -> Reason:
        """Decide the right-hand column of table 2.1: no old session answers."""
        since = instant(down.began.wall)
        outcome = pulse.opening.outcome if pulse.opening is not None else "silent"
        blind = Reason("unknown.blind", Verdict.UNKNOWN, {"target": pulse.target, "since": since})
        stopped = "57P01" in down.ended_by or "shutting_down" in down.outcomes
        match outcome:
            case "refused" | "shutting_down":
                why = "stopped" if stopped else "not_running"
                return refused(pulse, since, why)
            case "starting":
                phase = "crash_recovery" if "57P02" in down.ended_by else "start"
                return Reason("db.starting", Verdict.FAIL, {"since": since, "phase": phase})
            case "too_many":
                if self._only_ours(memory):
                    return Reason("unknown.permission", Verdict.UNKNOWN, {"object": pulse.role, "right": "CONNECT"})
                return Reason("db.saturated", Verdict.FAIL, self._slots(memory.connections))
            case "login_refused":
                sqlstate = pulse.opening.sqlstate if pulse.opening is not None else ""
                params: dict[str, Scalar] = {"sqlstate": sqlstate, "role": pulse.role, "since": since}
                return Reason("db.login_refused", Verdict.UNKNOWN, params)
            case "silent" | "opened" if down.misses > 1:
                # "opened" and still no answer: TCP and the greeting work, the query does not come back.
                params = {"since": since, "timeout_s": self.query_timeout_s, "target": pulse.target}
                return Reason("db.hung", Verdict.FAIL, params)
            case "no_tcp" | "reset" if down.misses > 1 and memory.neighbour_at >= down.began.mono:
                params = {"since": since, "confirmed_by": memory.neighbour, "target": pulse.target}
                return Reason("db.unreachable", Verdict.FAIL, params)
            case _:
                return blind

    def _new_connections(self, memory: Memory, pulse: Pulse) -> list[Reason]:
        """Decide the left-hand column of table 2.1: an old session answers; what do new connections meet?"""
        opening, since = memory.opening, instant(memory.opening_since)
        match opening.outcome if opening is not None else "opened":
            case "refused" | "shutting_down":
                why = "stopped" if opening is not None and opening.outcome == "shutting_down" else "not_running"
                return [refused(pulse, since, why)]
            case "starting":
                return [Reason("db.starting", Verdict.FAIL, {"since": since, "phase": "start"})]
            case "too_many" if not self._only_ours(memory):
                return [Reason("db.saturated", Verdict.WARN, self._slots(memory.connections))]
            case "login_refused":
                sqlstate = opening.sqlstate if opening is not None else ""
                return [
                    Reason("db.login_refused", Verdict.OK, {"sqlstate": sqlstate, "role": pulse.role, "since": since})
                ]
            case "silent" | "no_tcp" | "reset" if memory.misses_opening > 1:
                params: dict[str, Scalar] = {"timeout_s": self.connect_timeout_s, "since": since}
                return [Reason("db.no_new_connections", Verdict.WARN, params)]
            case _:
                return []

    def _only_ours(self, memory: Memory) -> bool:
        """Say whether the server has slots left, so that what is full is only our own role's limit."""
        facts = memory.connections
        return facts is not None and 100 * facts.used < self.saturated_pct * 0.7 * facts.max

    @staticmethod
    def _slots(connections: Connections | None) -> dict[str, Scalar]:
        if connections is None:
            return {}
        return {
            "used": connections.used,
            "max": connections.max,
            "idle_in_tx": connections.idle_in_transaction,
            "top_app": connections.top_app,
        }

    @staticmethod
    def _detail(memory: Memory) -> dict[str, object]:
        detail: dict[str, object] = {}
        if memory.shown is not None:
            detail["server_ms"] = round(memory.shown.server_ms, 1)
        if memory.started_at is not None:
            detail["started_at"] = instant(memory.started_at)
        if memory.shown_connect_ms is not None:
            detail["connect_ms"] = round(memory.shown_connect_ms, 1)
        if memory.connections is not None:
            detail |= memory.connections.detail()
        if memory.storage is not None:
            detail["size_mb"] = memory.storage.size_mb
            detail["wraparound_pct"] = round(memory.storage.wraparound_pct, 1)
        if memory.statements is not None:
            detail["slow_statements"] = memory.statements.slow_statements
        return detail


def refused(pulse: Pulse, since: str, why: str) -> Reason:
    return Reason("db.refused", Verdict.FAIL, {"since": since, "why": why, "target": pulse.target})

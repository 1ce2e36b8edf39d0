"""The connection to the database: does it answer, how fast, and if not, in which of the many ways."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.connection import Answer, Connections, Outage, Pulse, Statements, Storage
from monitor.domain.contention import Contention, Limits, Queues
from monitor.domain.damping import Damper, settled
from monitor.domain.diagnosis import Door, Table, Witness
from monitor.domain.probing import Probe
from monitor.domain.signal import At, Tick
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant

LEAVE = 0.7
INSIDE = 0.1
"""Below this share of the latency the server is not what takes the time."""
WAITS = 7
"""The longest wait for a turn is that of the last so many samples: of half a minute and a little more."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What the check remembers between two samples; names that begin with `shown` hold what a reader sees."""

    slow: Damper
    slow_path: Damper
    elevated: Damper
    saturated: Damper
    queues: Queues
    shown_queues: Queues
    door: Door = field(default_factory=Door)
    last: Pulse | None = None
    down: Outage | None = None
    back: Outage | None = None
    started_at: float | None = None
    commits: int | None = None
    connections: Connections | None = None
    storage: Storage | None = None
    statements: Statements | None = None
    note: Reason | None = None
    note_until: float = math.inf
    shown: Answer | None = None
    shown_connect_ms: float | None = None
    shown_wait_ms: float | None = None
    shown_at: float = -math.inf
    waits: tuple[float, ...] = ()
    read_only_since: At | None = None
    witness: Witness | None = None


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
    queueing: Limits = field(default_factory=Limits)

    name = "db"
    section = "checks"
    takes = (Pulse, Connections, Contention, Storage, Statements, Probe)
    evidence = (Pulse,)

    @property
    def ttl_s(self) -> float:
        return 2 * self.sample_s + self.connect_timeout_s

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {
            "elevated_ms": self.elevated_ms,
            "slow_ms": self.slow_ms,
            "saturated_pct": self.saturated_pct,
            "lock_wait_s": self.queueing.lock_wait_s,
            "commit_waiters": self.queueing.commit_waiters,
            "queue_warn_pct": self.queueing.queue_warn_pct,
            "queue_fail_pct": self.queueing.queue_fail_pct,
        }

    @property
    def _table(self) -> Table:
        return Table(self.query_timeout_s, self.connect_timeout_s, self.saturated_pct)

    def begin(self, at: At) -> Judgement[Memory]:  # noqa: ARG002 - nothing of it depends on the start
        queues = Queues.within(self.queueing)
        return Judgement(
            Memory(
                slow=Damper(self.slow_ms, LEAVE * self.slow_ms),
                slow_path=Damper(self.slow_ms, LEAVE * self.slow_ms),
                elevated=Damper(self.elevated_ms, self.elevated_ms),
                saturated=Damper(self.saturated_pct, LEAVE * self.saturated_pct),
                queues=queues,
                shown_queues=queues,
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
            case Contention():
                memory = replace(memory, queues=memory.queues.step(facts, at))
            case Storage():
                memory = replace(memory, storage=facts)
            case Statements():
                memory = replace(memory, statements=facts)
            case Probe(outcome="answered"):
                memory = replace(memory, witness=Witness(facts.service, at.mono))
            case Tick() if at.mono >= memory.note_until:
                memory = replace(memory, note=None, note_until=math.inf)
            case _:
                pass
        return self._conclude(memory, previous, at)

    def _take_pulse(self, memory: Memory, pulse: Pulse, at: At) -> Memory:
        memory = replace(memory, last=pulse)
        if pulse.opening is not None and pulse.opening.outcome != "unresolved":
            memory = replace(memory, door=memory.door.tried(pulse.opening, at))
        if pulse.answer is None:
            outcome = pulse.opening.outcome if pulse.opening is not None else "silent"
            down = (memory.down or Outage(began=at)).missed(outcome, pulse.ended_by)
            # Whoever queued then does not queue any more.
            return replace(memory, down=down, queues=Queues.within(self.queueing))
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
        return self._take_answer(memory, answer, at)

    def _take_answer(self, memory: Memory, answer: Answer, at: At) -> Memory:
        since = (memory.read_only_since or at) if answer.read_only else None
        waits = (*memory.waits, answer.wait_ms)[-WAITS:]
        memory = replace(memory, read_only_since=since, waits=waits)
        if at.mono > memory.queues.at + self.ttl_s:
            # Nobody has looked for a while: what was seen then is no evidence any more.
            memory = replace(memory, queues=Queues.within(self.queueing))
        if answer.stalled:
            return memory
        ms = answer.latency_ms
        outside = answer.server_ms < INSIDE * ms
        return replace(
            memory,
            slow=memory.slow.step(ms),
            slow_path=memory.slow_path.step(ms if outside else 0.0),
            elevated=memory.elevated.step(ms),
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
        told = {(reason.code, reason.verdict) for reason in self._reasons(memory, memory.queues)}
        before = {(reason.code, reason.verdict) for reason in previous.reasons}
        memory = self._show(memory, at, at_once=told != before)
        return Judgement(
            memory,
            # Once more, with the numbers that are shown: a reason's latency moves with the headline, not each sample.
            reasons=tuple(self._reasons(memory, memory.shown_queues)),
            headline={"value": round(memory.shown.latency_ms, 1), "unit": "ms"} if memory.shown is not None else None,
            detail=self._detail(memory),
            holds_until=memory.note_until,
            since=memory.down.began.wall if memory.down is not None else None,
        )

    def _show(self, memory: Memory, at: At, *, at_once: bool) -> Memory:
        # A reader sees a new latency when it moved noticeably, and at most once per sweep unless the verdict changed.
        answer = memory.last.answer if memory.last is not None else None
        if answer is not None and not answer.stalled:
            moved = memory.shown is None or not settled(memory.shown.latency_ms, answer.latency_ms)
            if memory.shown is None or at_once or (moved and at.mono >= memory.shown_at + self.sweep_s):
                memory = replace(memory, shown=answer, shown_at=at.mono)
        queues, shown = memory.queues, memory.shown_queues
        if at_once or at.mono >= shown.at + self.sweep_s or not queues.looks_like(shown):
            memory = replace(memory, shown_queues=queues)
        connect_ms, opening = memory.shown_connect_ms, memory.door.opening
        if opening is not None and opening.connect_ms is not None:
            connect_ms = moving(connect_ms, opening.connect_ms)
        wait_ms = moving(memory.shown_wait_ms, max(memory.waits)) if memory.waits else None
        return replace(memory, shown_connect_ms=connect_ms, shown_wait_ms=wait_ms)

    def _reasons(self, memory: Memory, queues: Queues) -> list[Reason]:
        pulse, connections = memory.last, memory.connections
        if pulse is None:
            return []
        if memory.down is not None:
            return [self._table.without_answer(memory.down, pulse, connections, memory.witness)]
        met = self._table.new_connections(memory.door, pulse, connections)
        reasons = [met] if met is not None else []
        if memory.saturated.beyond and connections is not None and (met is None or met.code != "db.saturated"):
            reasons.append(Reason("db.saturated", Verdict.WARN, connections.slots()))
        reasons += queues.reasons()
        reasons += self._slow(memory, explained=any(one.verdict is not Verdict.OK for one in reasons))
        if memory.note is not None:
            reasons.append(memory.note)
        if memory.read_only_since is not None:
            params: dict[str, Scalar] = {"since": instant(memory.read_only_since.wall)}
            if queues.facts is not None and queues.facts.replay_lag_s is not None:
                params["lag_s"] = round(queues.facts.replay_lag_s, 1)
            reasons.append(Reason("db.read_only", Verdict.OK, params))
        if memory.elevated.beyond and not memory.slow.beyond:
            shown_ms = memory.shown.latency_ms if memory.shown is not None else 0.0
            params = {"latency_ms": round(shown_ms), "limit_ms": self.elevated_ms}
            reasons.append(Reason("db.elevated", Verdict.OK, params))
        return reasons

    def _slow(self, memory: Memory, *, explained: bool) -> list[Reason]:
        """Say where the time is lost: on the way, or, where nothing else explains it, in the server."""
        params: dict[str, Scalar] = {
            "latency_ms": round(memory.shown.latency_ms if memory.shown is not None else 0.0),
            "server_ms": round(memory.shown.server_ms if memory.shown is not None else 0.0),
            "limit_ms": self.slow_ms,
        }
        if memory.slow_path.beyond:
            return [Reason("db.slow_path", Verdict.WARN, params)]
        if not memory.slow.beyond or explained:
            return []
        active = memory.connections.active if memory.connections is not None else 0
        return [Reason("db.slow", Verdict.WARN, {**params, "active": active})]

    @staticmethod
    def _detail(memory: Memory) -> dict[str, object]:
        detail: dict[str, object] = {}
        if memory.shown is not None:
            detail["server_ms"] = round(memory.shown.server_ms, 1)
        if memory.started_at is not None:
            detail["started_at"] = instant(memory.started_at)
        if memory.shown_connect_ms is not None:
            detail["connect_ms"] = round(memory.shown_connect_ms, 1)
        if memory.shown_wait_ms is not None:
            detail["wait_ms"] = round(memory.shown_wait_ms, 1)
        if memory.last is not None and memory.last.answer is not None:
            detail["read_only"] = memory.last.answer.read_only
        if memory.connections is not None:
            detail |= memory.connections.detail()
        detail |= memory.shown_queues.detail()
        if memory.storage is not None:
            detail["size_mb"] = memory.storage.size_mb
            detail["wraparound_pct"] = round(memory.storage.wraparound_pct, 1)
        if memory.statements is not None:
            detail["slow_statements"] = memory.statements.slow_statements
        return detail


def moving(shown: float | None, new: float) -> float:
    """Give what a reader sees next: the new number only when it is noticeably another one."""
    return shown if shown is not None and settled(shown, new) else new

"""One service beside the platform's database: does it answer, as it should, and how quickly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.damping import Damper, Streak, settled
from monitor.domain.probing import Probe
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant

UNSEEN = {"unresolved", "exhausted"}
"""Outcomes that say nothing of the service: the verdict stays, as long as its evidence is good."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`standing` is the probe on which the verdict rests; `unseen` is the first of those that said nothing since."""

    slow: Damper
    misses: Streak = field(default_factory=Streak)
    missed_since: float = 0.0
    standing: Probe | None = None
    seen_at: float = -math.inf
    unseen: At | None = None
    unseen_by: str = ""
    shown_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Two misses in a row are a failure, the first healthy answer ends it; `slow_ms` is damped, 3 of 5."""

    name: str
    kind: str
    target: str
    slow_ms: float = 2000
    timeout_s: float = 3
    ttl_s: float = 65

    section = "services"
    takes = (Probe,)
    evidence = (Probe,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"service_slow_ms": self.slow_ms, "service_timeout_s": self.timeout_s}

    def begin(self, at: At) -> Judgement[Memory]:  # noqa: ARG002 - nothing of it depends on the start
        return Judgement(Memory(slow=self._calm()))

    def _calm(self) -> Damper:
        return Damper(self.slow_ms, 0.7 * self.slow_ms)

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        if isinstance(facts, Probe):
            memory = self._take_unseen(memory, facts, at) if facts.outcome in UNSEEN else self._take(memory, facts, at)
        codes = {reason.code for reason in self._reasons(memory, at)}
        memory = self._show(memory, at_once=codes != {reason.code for reason in previous.reasons})
        # Once more, with the number that is shown: a reason's latency moves with the headline, not with each sample.
        reasons = self._reasons(memory, at)
        unseen = self._unseen(memory, at)
        healthy = memory.standing is not None and memory.standing.outcome == "answered" and not unseen
        return Judgement(
            memory,
            reasons=reasons,
            headline={"value": round(memory.shown_ms, 1), "unit": "ms"}
            if healthy and memory.shown_ms is not None
            else None,
            detail=self._detail(memory),
            holds_until=memory.seen_at + self.ttl_s if memory.unseen is not None and not unseen else math.inf,
            since=self._since(memory, at),
            pending={"to": "fail", "n": 1, "need": 2} if memory.misses.misses and not memory.misses.beyond else None,
        )

    @staticmethod
    def _take_unseen(memory: Memory, probe: Probe, at: At) -> Memory:
        return replace(memory, unseen=memory.unseen or at, unseen_by=probe.outcome)

    def _take(self, memory: Memory, probe: Probe, at: At) -> Memory:
        missed = probe.outcome != "answered"
        began = missed and not memory.misses.misses
        memory = replace(
            memory,
            misses=memory.misses.step(missed=missed),
            missed_since=at.wall if began else memory.missed_since,
            seen_at=at.mono,
            unseen=None,
        )
        if memory.misses.beyond:
            # How quick it was before it failed says nothing of how quick it will be.
            return replace(memory, standing=probe, slow=self._calm(), shown_ms=None)
        if missed or probe.latency_ms is None:
            return memory
        return replace(memory, standing=probe, slow=memory.slow.step(probe.latency_ms))

    @staticmethod
    def _show(memory: Memory, *, at_once: bool) -> Memory:
        latency_ms = memory.standing.latency_ms if memory.standing is not None else None
        if latency_ms is None:
            return memory
        if memory.shown_ms is None or at_once or not settled(memory.shown_ms, latency_ms):
            return replace(memory, shown_ms=latency_ms)
        return memory

    def _unseen(self, memory: Memory, at: At) -> bool:
        """Say whether nothing is known of the service: never seen, or not for so long that the verdict is old."""
        return memory.unseen is not None and at.mono >= memory.seen_at + self.ttl_s

    def _reasons(self, memory: Memory, at: At) -> tuple[Reason, ...]:
        if memory.unseen is not None and self._unseen(memory, at):
            since = instant(memory.unseen.wall)
            if memory.unseen_by == "exhausted":
                return (Reason("unknown.blocked_by", Verdict.UNKNOWN, {"parent": "monitor", "since": since}),)
            return (Reason("unknown.blind", Verdict.UNKNOWN, {"target": self.target, "since": since}),)
        if memory.standing is None:
            # A first miss alone says nothing yet.
            return (Reason("unknown.starting", Verdict.UNKNOWN),)
        if memory.misses.beyond:
            return (self._failing(memory.standing),)
        if memory.slow.beyond and memory.shown_ms is not None:
            latency_ms = round(memory.shown_ms)
            slow: Mapping[str, Scalar] = {"service": self.name, "latency_ms": latency_ms, "limit_ms": self.slow_ms}
            return (Reason("service.slow", Verdict.WARN, slow),)
        return ()

    def _failing(self, probe: Probe) -> Reason:
        match probe.outcome:
            case "refused":
                return Reason("service.refused", Verdict.FAIL, {"service": self.name, "target": self.target})
            case "timeout":
                return Reason("service.timeout", Verdict.FAIL, {"service": self.name, "timeout_s": self.timeout_s})
            case "no_such_name":
                return Reason("service.dns", Verdict.FAIL, {"service": self.name, "host": probe.host})
            case _:
                return Reason("service.bad_answer", Verdict.FAIL, {"service": self.name, "answer": probe.answer})

    def _since(self, memory: Memory, at: At) -> float | None:
        if memory.unseen is not None and self._unseen(memory, at):
            return memory.unseen.wall
        return memory.missed_since if memory.misses.beyond else None

    def _detail(self, memory: Memory) -> dict[str, object]:
        detail: dict[str, object] = {"kind": self.kind, "target": self.target}
        if memory.standing is not None:
            if memory.standing.outcome == "bad_answer":
                detail["answer"] = memory.standing.answer
            if memory.standing.started_at is not None:
                detail["started_at"] = instant(memory.standing.started_at)
        return detail

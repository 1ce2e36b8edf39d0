"""The monitor's judgement of itself: is its own loop quick, its clock steady, its watch without gaps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.contention import Contention
from monitor.domain.damping import Streak, settled
from monitor.domain.ledger import Drift
from monitor.domain.listening import Listening, QueueHeld, SignalLost
from monitor.domain.probing import Probe, Resolver
from monitor.domain.signal import At, Gap
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant, primary
from monitor.domain.vitals import Round, Vitals
from monitor.domain.window import SPAN_S, Tally

CALM_S = 60.0
"""How long the loop must be quick again."""
DRIFT_S = 3600.0
"""How long a reader is told that the count was not the database's."""
LEAVE = 0.7
APART_S = 60.0
"""How far our clock and the database's may be apart."""
KEPT = 20


@dataclass(frozen=True, slots=True)
class Memory:
    """Names that begin with `shown` hold what a reader sees, which moves only when that is noticeable."""

    started_at: float
    vitals: Vitals | None = None
    shown_lag_ms: float = 0.0
    shown_longest_ms: float = 0.0
    shown_memory_mb: float = 0.0
    shown_offset_ms: float | None = None
    shown_signal_ms: float | None = None
    shown_round: Round | None = None
    queue_pct: float | None = None
    held: QueueHeld | None = None
    peaks: tuple[tuple[float, float], ...] = ()
    stall_ms: float = 0.0
    stalled_until: float = -math.inf
    rounds: Streak = field(default_factory=lambda: Streak(leave=2))
    names: Streak = field(default_factory=Streak)
    resolver: str = ""
    names_since: float = 0.0
    step: Mapping[str, Scalar] = field(default_factory=dict)
    step_until: float = -math.inf
    apart_since: float | None = None
    still: Mapping[str, Scalar] = field(default_factory=dict)
    still_until: float = -math.inf
    exhausted: Tally = field(default_factory=Tally)
    gaps: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)
    deaf_since: str = ""
    drift: Drift | None = None
    drift_until: float = -math.inf
    heard_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Monitor:
    """What the monitor says of itself; `still_s` is how long it must have stood still to have missed something."""

    lag_ms: float = 200
    stall_s: float = 1
    sweep_budget_s: float = 5
    clock_step_s: float = 2
    note_min: float = 15
    still_s: float = 5
    queue_warn_pct: float = 1
    version: str = field(kw_only=True)
    started_at: float | None = None
    ttl_s: float = 13

    name = "monitor"
    section = "monitor"
    takes = (Vitals, Round, Gap, Listening, SignalLost, QueueHeld, Resolver, Contention, Probe, Drift)
    evidence = (Vitals,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {
            "lag_ms": self.lag_ms,
            "stall_s": self.stall_s,
            "sweep_budget_s": self.sweep_budget_s,
            "clock_step_s": self.clock_step_s,
        }

    def begin(self, at: At) -> Judgement[Memory]:
        memory = Memory(started_at=self.started_at if self.started_at is not None else at.wall)
        return Judgement(memory, detail=self._detail(memory))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = replace(previous.memory, exhausted=previous.memory.exhausted.at(at.mono))
        match facts:
            case Vitals():
                memory = self._take_vitals(memory, facts, at)
            case Round():
                memory = self._take_round(memory, facts)
            case Gap() if not memory.deaf_since:
                memory = self._take_deafness(memory, facts.at.wall, facts.cause)
            case SignalLost() if not memory.deaf_since:
                # From the last moment on at which it was proven that signals come, nobody knows.
                cause = "unlistened" if facts.unlistened else "after_hung"
                memory = self._take_deafness(memory, memory.heard_until or memory.started_at, cause)
            case QueueHeld():
                memory = replace(memory, held=facts)
            case Listening():
                memory = self._take_listening(memory, facts, at)
            case Resolver():
                since = memory.names_since if memory.names.misses else at.wall
                names = memory.names.step(missed=not facts.answers)
                memory = replace(memory, names=names, resolver=facts.resolver, names_since=since)
            case Contention() | Drift():
                memory = self._take_database(memory, facts, at)
            case Probe(outcome="exhausted"):
                memory = replace(memory, exhausted=memory.exhausted.add(at.mono))
            case _:
                pass
        reasons = self._reasons(memory, at)
        leading = primary(reasons)
        noted = (memory.stalled_until, memory.still_until, memory.step_until, memory.drift_until)
        ends = (*noted, memory.exhausted.next_change())
        return Judgement(
            memory,
            reasons=reasons,
            detail=self._detail(memory),
            holds_until=min((end for end in ends if end > at.mono), default=math.inf),
            since=memory.names_since if leading is not None and leading.code == "monitor.dns" else None,
            # What was seen before the machine stood still may be old by now, on clocks that stood still with it.
            look_again=isinstance(facts, Vitals) and facts.stood_still_s > self.still_s,
        )

    def _take_database(self, memory: Memory, facts: Contention | Drift, at: At) -> Memory:
        if isinstance(facts, Drift):
            return replace(memory, drift=facts, drift_until=at.mono + DRIFT_S)
        held = memory.held
        # Where we have let go of it, it is over only when we listen again.
        if facts.notify_queue_pct < LEAVE * self.queue_warn_pct and held is not None and not held.dropped:
            held = None
        return replace(memory, queue_pct=round(facts.notify_queue_pct, 2), held=held)

    def _take_vitals(self, memory: Memory, facts: Vitals, at: At) -> Memory:
        worst = max(facts.lag_ms if facts.lag_ms > self.lag_ms else 0.0, self._single(facts))
        if worst:
            memory = replace(memory, stall_ms=worst, stalled_until=at.mono + CALM_S)
        # Only what is longer than all that came later can be the longest for a while.
        peaks = [one for one in memory.peaks if one[0] + SPAN_S > at.mono and one[1] > facts.longest_ms]
        peaks.append((at.mono, facts.longest_ms))
        if abs(facts.clock_step_s) > self.clock_step_s:
            step: dict[str, Scalar] = {"step_s": round(facts.clock_step_s, 1), "at": instant(at.wall)}
            memory = replace(memory, step=step, step_until=at.mono + 60 * self.note_min)
        if facts.stood_still_s > self.still_s:
            still: dict[str, Scalar] = {"from": instant(at.wall - facts.stood_still_s), "to": instant(at.wall)}
            still["cause"] = facts.still
            memory = replace(memory, still=still, still_until=at.mono + 60 * self.note_min)
            memory = self._take_gap(memory, str(still["from"]), {"to": still["to"], "cause": facts.still})
        offset = 1000 * facts.database_clock_s if facts.database_clock_s is not None else None
        if offset is not None:
            apart = abs(offset) > 1000 * APART_S
            since = memory.apart_since if memory.apart_since is not None else at.wall
            memory = replace(memory, apart_since=since if apart else None)
        return replace(
            memory,
            vitals=facts,
            peaks=tuple(peaks),
            shown_lag_ms=self._tens(memory.shown_lag_ms, facts.lag_ms),
            shown_longest_ms=self._tens(memory.shown_longest_ms, peaks[0][1]),
            shown_memory_mb=facts.memory_mb
            if not settled(memory.shown_memory_mb, facts.memory_mb, share=0.1, least=1)
            else memory.shown_memory_mb,
            shown_offset_ms=memory.shown_offset_ms if offset is None else self._offset(memory.shown_offset_ms, offset),
        )

    def _single(self, facts: Vitals) -> float:
        return facts.longest_ms if facts.longest_ms > 1000 * self.stall_s else 0.0

    @staticmethod
    def _tens(shown: float, new: float) -> float:
        """Move in steps of 10 ms, and only when a reader would care: a loop is never quite still."""
        rounded = round(new / 10) * 10
        return shown if settled(shown, rounded, least=20) else rounded

    @staticmethod
    def _offset(shown: float | None, new: float) -> float:
        """Show how far the clocks are apart: the way to the database and back makes it tremble."""
        return shown if shown is not None and settled(shown, new, least=100) else round(new, -1)

    def _take_round(self, memory: Memory, facts: Round) -> Memory:
        before = memory.rounds
        rounds = before.step(missed=facts.ms > 1000 * self.sweep_budget_s or facts.skipped > 0)
        shown = memory.shown_round
        if shown is None or rounds.beyond != before.beyond or not settled(shown.ms, facts.ms, least=50):
            shown = facts
        return replace(memory, rounds=rounds, shown_round=shown)

    @staticmethod
    def _take_gap(memory: Memory, since: str, rest: Mapping[str, Scalar]) -> Memory:
        gaps = {**memory.gaps, since: {"from": since, **rest, "healed": False}}
        return replace(memory, gaps={key: gaps[key] for key in list(gaps)[-KEPT:]})

    def _take_deafness(self, memory: Memory, since: float, cause: str) -> Memory:
        memory = self._take_gap(memory, instant(since), {"cause": cause})
        return replace(memory, deaf_since=instant(since))

    @staticmethod
    def _take_listening(memory: Memory, facts: Listening, at: At) -> Memory:
        # Whoever listens again has caught up by query: that heals every gap that is over.
        gaps = {
            key: gap if gap["healed"] is True else {**gap, "to": gap.get("to", instant(at.wall)), "healed": True}
            for key, gap in memory.gaps.items()
        }
        shown = memory.shown_signal_ms
        if shown is None or not settled(shown, facts.test_signal_ms):
            shown = facts.test_signal_ms
        # The test signal came back: whatever is left in the queue, it is not we who hold it.
        return replace(memory, gaps=gaps, deaf_since="", heard_until=at.wall, held=None, shown_signal_ms=shown)

    def _reasons(self, memory: Memory, at: At) -> tuple[Reason, ...]:
        reasons = []
        params: dict[str, Scalar]
        if memory.held is not None:
            params = {"usage_pct": memory.held.usage_pct, "dropped": memory.held.dropped}
            reasons.append(Reason("monitor.queue_holder", Verdict.WARN, params))
        if at.mono < memory.stalled_until:
            params = {"lag_ms": round(memory.stall_ms), "longest_ms": round(memory.peaks[0][1])}
            reasons.append(Reason("monitor.loop_stalled", Verdict.WARN, params))
        if memory.rounds.beyond and memory.shown_round is not None:
            params = {"sweep_ms": round(memory.shown_round.ms), "budget_s": self.sweep_budget_s}
            params["slowest"] = memory.shown_round.slowest
            reasons.append(Reason("monitor.sweep_overrun", Verdict.WARN, params))
        if at.mono < memory.still_until:
            still = memory.still
            params = {"from": still["from"], "to": still["to"], "cause": still["cause"]}
            reasons.append(Reason("monitor.gap", Verdict.OK, params))
        if at.mono < memory.step_until:
            params = {"step_s": memory.step["step_s"], "at": memory.step["at"]}
            reasons.append(Reason("monitor.clock_step", Verdict.OK, params))
        elif memory.apart_since is not None and memory.shown_offset_ms is not None:
            params = {"step_s": round(-memory.shown_offset_ms / 1000), "at": instant(memory.apart_since)}
            reasons.append(Reason("monitor.clock_step", Verdict.OK, params))
        if memory.names.beyond:
            params = {"resolver": memory.resolver, "since": instant(memory.names_since)}
            reasons.append(Reason("monitor.dns", Verdict.WARN, params))
        if counts := self._refused(memory):
            # Who could not be let in because our own files ran out outweighs any other.
            why = "open_files" if "open_files" in counts else max(counts, key=lambda one: counts[one])
            verdict = Verdict.WARN if why == "open_files" else Verdict.OK
            params = {"why": why, "count": counts[why], "window_min": SPAN_S // 60}
            reasons.append(Reason("monitor.clients_refused", verdict, params))
        if memory.drift is not None and at.mono < memory.drift_until:
            params = {"rows": memory.drift.rows, "at": instant(memory.drift.at)}
            reasons.append(Reason("monitor.drift", Verdict.OK, params))
        return tuple(reasons)

    @staticmethod
    def _refused(memory: Memory) -> dict[str, int]:
        """Count who was turned away in the last 5 min, by why; a probe of ours without a file to open is one too."""
        counts = {why: count for why, count in memory.vitals.refused.items() if count} if memory.vitals else {}
        if memory.exhausted.total:
            counts["open_files"] = counts.get("open_files", 0) + memory.exhausted.total
        return counts

    def _detail(self, memory: Memory) -> dict[str, object]:
        detail: dict[str, object] = {"version": self.version, "started_at": instant(memory.started_at)}
        if memory.vitals is not None:
            detail["subscribers"] = memory.vitals.subscribers
            detail["loop"] = {"lag_ms": round(memory.shown_lag_ms), "longest_ms": round(memory.shown_longest_ms)}
            detail["memory_mb"] = round(memory.shown_memory_mb)
        if memory.shown_round is not None:
            detail["sweep"] = {"ms": round(memory.shown_round.ms), "slowest": memory.shown_round.slowest}
        if memory.shown_signal_ms is not None:
            detail["test_signal_ms"] = round(memory.shown_signal_ms, 1)
        if memory.queue_pct is not None:
            detail["notify_queue_pct"] = memory.queue_pct
        if memory.shown_offset_ms is not None:
            detail["clock_offset_ms"] = round(memory.shown_offset_ms)
        return detail | {"refused_5m": self._refused(memory), "gaps": dict(memory.gaps)}

"""How many messages pass: the rolling five minutes, kept exact by recounts, against fixed bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.domain.quiet_hours import QuietHours, counted_silence
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import MARGIN_S, Window

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Recount:
    """Columns of recount.sql: the histogram of the last five minutes, seen in one snapshot.

    One array element per second and sender, seconds ascending; `now` is the database's clock in Unix seconds, `total`
    counts all rows of the window, `newest` is the last created_at.
    """

    snapshot: str
    now: float
    second: list[int]
    sender: list[str]
    count: list[int]
    total: int
    newest: float | None


@dataclass(frozen=True, slots=True)
class Rates:
    """Columns of rates.sql: messages per 5-minute window and sender since `since`, and of the last 60 minutes."""

    now: float
    since: float
    window: list[int]
    sender: list[str]
    count: list[int]
    last_60m: int


@dataclass(frozen=True, slots=True)
class Memory:
    window: Window | None = None
    snapshot: str = ""
    newest: float | None = None
    rates: Rates | None = None
    offset: float = 0.0


@dataclass(frozen=True, slots=True)
class MessageThroughput:
    """Messages in 5 min above `max_5m`, or in 60 min below `min_60m` outside the quiet hours, want a look."""

    max_5m: int = 300
    min_60m: int = 1
    quiet_hours: QuietHours | None = None
    ttl_s: float = 65

    name = "message_throughput"
    section = "checks"
    takes = (Recount, Rates)
    evidence = (Recount,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"max_5m": self.max_5m, "min_60m": self.min_60m}

    def begin(self, at: At) -> Judgement[Memory]:  # noqa: ARG002 - nothing of it depends on the start
        return Judgement(Memory())

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        match facts:
            case Recount():
                rows = zip(facts.second, facts.sender, facts.count, strict=True)
                window = Window.of(now=facts.now, mono=at.mono, rows=rows, total=facts.total)
                memory = replace(memory, window=window, snapshot=facts.snapshot, newest=facts.newest)
            case Rates():
                memory = replace(memory, rates=facts, offset=facts.now - at.mono)
            case _:
                pass
        if memory.window is None:
            return Judgement(memory)
        counts = memory.window.per_sender(at.mono)
        count = sum(counts.values())
        exhausted = at.mono >= memory.window.exhausted_at()
        return Judgement(
            memory,
            reasons=self._reasons(memory, count, at),
            headline={"value": round(count / 5, 1), "unit": "per_min"},
            detail=self._detail(memory, memory.window, counts, at),
            holds_until=min(
                memory.window.next_change(at.mono),
                self._next_edge(memory, at),
                math.inf if exhausted else memory.window.exhausted_at(),
            ),
            # Rows that did not fit into the histogram may be leaving the window: only a recount can tell.
            look_again=exhausted,
        )

    def _reasons(self, memory: Memory, count: int, at: At) -> tuple[Reason, ...]:
        reasons = []
        if count > self.max_5m:
            params: dict[str, Scalar] = {"count": count, "window_min": 5, "limit": self.max_5m}
            reasons.append(Reason("message_throughput.above", Verdict.WARN, params))
        if memory.rates is not None and memory.rates.last_60m < self.min_60m and not self._quiet(memory, at):
            params = {"count": memory.rates.last_60m, "window_min": 60, "limit": self.min_60m}
            reasons.append(Reason("message_throughput.below", Verdict.WARN, params))
        return tuple(reasons)

    def _quiet(self, memory: Memory, at: At) -> bool:
        """Say whether any minute of the last hour lies within the quiet hours: then few messages prove nothing."""
        now = at.mono + memory.offset
        return counted_silence(self.quiet_hours, now - HOUR_S, now) < HOUR_S

    def _next_edge(self, memory: Memory, at: At) -> float:
        # The quiet hours enter or leave the last hour: `below` may change without any new count.
        if self.quiet_hours is None or memory.rates is None or memory.rates.last_60m >= self.min_60m:
            return math.inf
        now = at.mono + memory.offset
        edge = min(self.quiet_hours.next_edge(now), self.quiet_hours.next_edge(now - HOUR_S) + HOUR_S)
        return edge - memory.offset + MARGIN_S

    @staticmethod
    def _detail(memory: Memory, window: Window, counts: Mapping[str, int], at: At) -> dict[str, object]:
        detail: dict[str, object] = {
            "count_5m": sum(counts.values()),
            "by_sender": {sender: count for sender, count in counts.items() if sender},
            "as_of": instant(window.as_of(at.mono)),
        }
        if memory.newest is not None:
            detail["newest_at"] = instant(memory.newest)
        if (rates := memory.rates) is not None:
            detail["count_60m"] = rates.last_60m
            if rates.window:
                last = rates.window[-1]
                rows = zip(rates.window, rates.sender, rates.count, strict=True)
                detail["window"] = {"start": instant(last), **{who: n for start, who, n in rows if start == last}}
        return detail

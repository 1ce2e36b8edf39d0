"""How many messages pass: the rolling five minutes, kept exact by recounts, against what is usual at this hour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import tzinfo
from functools import partial

from monitor.domain.baseline import SLOT_S
from monitor.domain.counting import Counting, Recount
from monitor.domain.deviations import Counts, Episode, drop, spike
from monitor.domain.learning import Learning
from monitor.domain.ledger import Changes, Deltas
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.quiet_hours import QuietHours, counted_silence
from monitor.domain.signal import At, Gap
from monitor.domain.usual import Band, Usual, band
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import MARGIN_S, Window

HOUR_S, DAY_S = 3600.0, 86_400.0
CALM_S = 300.0
"""A deviation is over when nothing has been unusual for so long: the last two 5-minute windows were usual."""
WAIT_S = 10.0
"""How long the history of the weeks before is waited for, before anything is judged without it."""
REST_S = 0.02
"""The rest between two parts of the history that is being learned."""
CODES = {"drop": "message_throughput.drop", "spike": "message_throughput.spike"}


@dataclass(frozen=True, slots=True)
class Rates:
    """Columns of rates.sql: messages per 5-minute window and sender since `since`, ascending."""

    now: float
    since: float
    window: list[int]
    sender: list[str]
    count: list[int]


@dataclass(frozen=True, slots=True)
class Recent:
    """Columns of recent.sql, per sender: messages of the last 15 and 60 minutes, and the last one (0.0 = never).

    `unanswered` counts what the profile's first sender wrote since anybody else did, in the last 60 minutes.
    """

    now: float
    sender: list[str]
    m15: list[int]
    m60: list[int]
    newest: list[float]
    unanswered: int


@dataclass(frozen=True, slots=True)
class Replies:
    """Columns of replies.sql: the bot's answers of the last 5 minutes, and how long people waited for them."""

    now: float
    count: int
    p50_s: float | None
    p95_s: float | None


@dataclass(frozen=True, slots=True)
class History:
    """Columns of history.sql: messages per 5-minute window and sender since `since`, ascending; weeks of them."""

    now: float
    since: float
    start: list[int]
    sender: list[str]
    count: list[int]


@dataclass(frozen=True, slots=True)
class Memory:
    learning: Learning
    began: float
    counting: Counting = field(default_factory=Counting)
    rates: Rates | None = None
    recent: Recent | None = None
    replies: Replies | None = None
    history_seen: bool = False
    learn_at: float = 0.0
    usual: Usual | None = None
    episodes: Mapping[str, Episode] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageThroughput:
    """Far more or fewer messages than is usual at this hour want a look; so do fixed bounds, until that is learned.

    The usual is learned from the platform's own weeks; `alpha` is how improbable a count must be by chance alone. The
    first of `senders` is the one who asks, the others answer. With `deltas` our own triggers keep the count between two
    recounts; `channels` are those that must be heard for it.
    """

    max_5m: int = 300
    min_60m: int = 1
    quiet_hours: QuietHours | None = None
    ttl_s: float = 65
    _: KW_ONLY
    senders: tuple[str, ...]
    zone: tzinfo
    alpha: float = 1e-4
    learning_days: float = 7
    calm_s: float = CALM_S
    deltas: bool = False
    channels: frozenset[str] = frozenset()

    name = "message_throughput"
    section = "checks"
    takes = (Recount, Deltas, Changes, Listening, SignalLost, Gap, Rates, Recent, Replies, History)
    evidence = (Recount,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {
            "max_5m": self.max_5m,
            "min_60m": self.min_60m,
            "alpha": self.alpha,
            "learning_days": self.learning_days,
        }

    def begin(self, at: At) -> Judgement[Memory]:
        counting = Counting(self.deltas, self.channels, self.senders)
        return Judgement(Memory(Learning.begin(self.zone, self.senders), at.mono, counting))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        counting = previous.memory.counting.told(facts, at)
        memory = self._learned(self._told(replace(previous.memory, counting=counting), facts), at)
        if (window := counting.window) is None:
            return Judgement(memory, look_again=counting.ask)
        counts, now, waits = window.per_sender(at.mono), at.mono + window.offset, self._waits(memory, at)
        if not waits and self._knows(memory, now) and (recent := self._fresh(memory, now)) is not None:
            memory = self._compared(memory, recent, counts, now, at)
        exhausted = at.mono >= window.exhausted_at()
        return Judgement(
            memory,
            reasons=previous.reasons if waits else self._reasons(memory, sum(counts.values()), now),
            headline={"value": round(sum(counts.values()) / 5, 1), "unit": "per_min"},
            detail=self._detail(memory, window, counts, at),
            holds_until=min(
                window.next_change(at.mono),
                self._next_step(memory, now, at),
                math.inf if exhausted else window.exhausted_at(),
            ),
            # Rows that did not fit into the histogram may be leaving the window: only a recount can tell.
            look_again=exhausted or counting.ask,
            tells=(counting.drift,) if counting.drift is not None else (),
        )

    def _told(self, memory: Memory, facts: object) -> Memory:
        match facts:
            case Rates():
                return replace(memory, rates=facts)
            case Replies():
                return replace(memory, replies=facts)
            case Recent():
                before, learning = memory.recent, memory.learning
                if before is not None and facts.now > before.now + self.ttl_s:
                    learning = learning.blinded(before.now, facts.now)
                return replace(memory, recent=facts, learning=learning)
            case History():
                learning = memory.learning.take(facts.now, facts.since, facts.start, facts.sender, facts.count)
                return replace(memory, learning=learning, history_seen=True)
            case _:
                return memory

    def _waits(self, memory: Memory, at: At) -> bool:
        """Say whether the history of the weeks before may still come, or is being learned."""
        return memory.learning.lesson is not None or not (memory.history_seen or at.mono >= memory.began + WAIT_S)

    def _knows(self, memory: Memory, now: float) -> bool:
        learning = memory.learning
        return learning.baseline.until is not None and learning.days(now) >= self.learning_days

    def _fresh(self, memory: Memory, now: float) -> Recent | None:
        """Give what was counted last, unless the database could not be asked since: then that must be known first."""
        recent = memory.recent
        return recent if recent is not None and now <= recent.now + self.ttl_s else None

    def _learned(self, memory: Memory, at: At) -> Memory:
        """Learn what is over, a bounded part at once."""
        learning, rates = memory.learning, memory.rates
        if rates is not None and self._fresh(memory, rates.now) is not None and not self._waits(memory, at):
            learning = learning.take(rates.now, rates.since, rates.window, rates.sender, rates.count)
        if learning.lesson is None or at.mono < memory.learn_at:
            return replace(memory, learning=learning)
        return replace(memory, learning=learning.step(), learn_at=at.mono + REST_S)

    def _compared(self, memory: Memory, recent: Recent, counts: Mapping[str, int], now: float, at: At) -> Memory:
        """Compare what was counted with what is usual."""
        learning, usual, rates = memory.learning, memory.usual, memory.rates
        if usual is None or not usual.slot <= now < usual.slot + SLOT_S:
            usual = Usual.of(learning.baseline, now, self.alpha)
        rows = list(zip(rates.window, rates.sender, rates.count, strict=True)) if rates is not None else []
        newest = dict(zip(recent.sender, recent.newest, strict=True))
        seen = Counts(
            now=recent.now,
            by={
                5: counts,
                15: dict(zip(recent.sender, recent.m15, strict=True)),
                60: dict(zip(recent.sender, recent.m60, strict=True)),
            },
            newest=max(newest.values(), default=0.0),
            answered=max((newest[who] for who in newest if who != self.senders[0]), default=0.0),
            unanswered=recent.unanswered,
            blind=learning.blind,
            windows=rows,
        )
        found = {"drop": drop(learning.baseline, usual, seen), "spike": spike(usual, seen)}
        episodes = {
            kind: episode
            for kind, deviation in found.items()
            if (episode := Episode.after(memory.episodes.get(kind), deviation, usual.slot, at.mono, self.calm_s))
        }
        if (missing := episodes.get("drop")) is not None:
            learning = learning.missed(now - 60 * missing.last.minutes, now)
        return replace(memory, usual=usual, episodes=episodes, learning=learning)

    def _reasons(self, memory: Memory, count: int, now: float) -> tuple[Reason, ...]:
        if self._knows(memory, now):
            return tuple(
                Reason(CODES[kind], Verdict.WARN, episode.params()) for kind, episode in memory.episodes.items()
            )
        reasons = []
        if count > self.max_5m:
            params: dict[str, Scalar] = {"count": count, "window_min": 5, "limit": self.max_5m}
            reasons.append(Reason("message_throughput.above", Verdict.WARN, params))
        if (hour := _hour(memory)) < self.min_60m and not self._quiet(now):
            params = {"count": round(hour), "window_min": 60, "limit": self.min_60m}
            reasons.append(Reason("message_throughput.below", Verdict.WARN, params))
        reasons.append(Reason("message_throughput.learning", Verdict.OK, self._progress(memory, now)))
        return tuple(reasons)

    def _progress(self, memory: Memory, now: float) -> dict[str, Scalar]:
        return {"day": math.floor(memory.learning.days(now)) + 1, "days": self.learning_days}

    def _quiet(self, now: float) -> bool:
        """Say whether any minute of the last hour lies within the quiet hours: then few messages prove nothing."""
        return counted_silence(self.quiet_hours, now - HOUR_S, now) < HOUR_S

    def _next_step(self, memory: Memory, now: float, at: At) -> float:
        """Give the monotonic second at which something but the window changes by itself."""
        learning = memory.learning
        steps = [episode.calm_at + self.calm_s for episode in memory.episodes.values()]
        if self._waits(memory, at):
            steps.append(memory.began + WAIT_S if learning.lesson is None else memory.learn_at)
        # The others are instants of the database's clock.
        edges: list[float] = []
        if memory.usual is not None:
            edges.append(memory.usual.slot + SLOT_S)
        if not self._knows(memory, now):
            edges.append(now + DAY_S * (1 - learning.days(now) % 1))
            if self.quiet_hours is not None and _hour(memory) < self.min_60m:
                # The quiet hours enter or leave the last hour.
                edges += [self.quiet_hours.next_edge(now), self.quiet_hours.next_edge(now - HOUR_S) + HOUR_S]
        steps += [edge - now + at.mono + MARGIN_S for edge in edges]
        return min((step for step in steps if step > at.mono), default=math.inf)

    @staticmethod
    def _detail(memory: Memory, window: Window, counts: Mapping[str, int], at: At) -> dict[str, object]:
        detail: dict[str, object] = {
            "count_5m": sum(counts.values()),
            "by_sender": {sender: count for sender, count in counts.items() if sender},
            "as_of": instant(window.as_of(at.mono)),
            "scheme": memory.counting.scheme,
            "in_sync": memory.counting.in_sync,
        }
        if memory.counting.newest is not None:
            detail["newest_at"] = instant(memory.counting.newest)
        if (recent := memory.recent) is not None:
            detail["count_60m"] = sum(recent.m60)
        if (rates := memory.rates) is not None and rates.window:
            last = rates.window[-1]
            rows = zip(rates.window, rates.sender, rates.count, strict=True)
            detail["window"] = {"start": instant(last), **{who: n for start, who, n in rows if start == last}}
        if memory.usual is not None and recent is not None:
            detail["usual"] = memory.usual.told({5: sum(counts.values()), 15: sum(recent.m15), 60: sum(recent.m60)})
        if (replies := memory.replies) is not None and replies.p50_s is not None and replies.p95_s is not None:
            delays = {"p50_s": round(replies.p50_s, 1), "p95_s": round(replies.p95_s, 1)}
            detail["reply"] = {"count": replies.count, **delays}
        return detail


def usual_band(memory: Memory) -> Band | None:
    """Give what each 5-minute window usually holds; None as long as that is being learned."""
    return partial(band, memory.learning.baseline) if memory.usual is not None else None


def _hour(memory: Memory) -> float:
    """Give the count of the last hour; what was not counted yet is not few."""
    return sum(memory.recent.m60) if memory.recent is not None else math.inf

"""A flood of signals on one channel: more of them per second than the limit, in three of five seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from monitor.domain.verdict import Reason, Scalar, Verdict
from monitor.domain.window import MARGIN_S, Tally

LEAVE = 0.7
ENTER, OF, CALM = 3, 5, 2


@dataclass(frozen=True, slots=True)
class Storm:
    """`raging` names the channels that are flooded now: until two whole seconds are well below the limit."""

    per_s: float
    raging: frozenset[str] = frozenset()

    def at(self, events: Mapping[str, Tally], mono: float) -> Storm:
        """Look at the last seconds of every channel; the one that runs counts for what it has already."""
        return replace(self, raging=frozenset(name for name in events if self._rages(name, events[name], mono)))

    def _rages(self, channel: str, tally: Tally, mono: float) -> bool:
        second, counts = math.floor(mono), dict(tally.buckets[-OF:])
        if channel in self.raging:
            return any(counts.get(second - ago, 0) > LEAVE * self.per_s for ago in range(CALM + 1))
        return sum(counts.get(second - ago, 0) > self.per_s for ago in range(OF)) >= ENTER

    def reason(self, events: Mapping[str, Tally], mono: float) -> Reason | None:
        """Name the first flooded channel, and its worst second so far."""
        channel = next((channel for channel in events if channel in self.raging), None)
        if channel is None:
            return None
        # Only whole seconds: the one that runs would tell something else at each signal.
        whole = [count for second, count in events[channel].buckets[-OF:] if second < math.floor(mono)]
        params: dict[str, Scalar] = {
            "per_s": max(whole, default=events[channel].buckets[-1][1]),
            "channel": channel,
            "limit_per_s": self.per_s,
        }
        return Reason("realtime.storm", Verdict.WARN, params)

    def next_change(self, mono: float) -> float:
        """Give the monotonic second at which it may be over."""
        return math.floor(mono) + 1 + MARGIN_S if self.raging else math.inf

"""Rolling windows of one-second buckets: `Window` counts rows as a recount saw them, `Tally` counts what passes by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

SPAN_S = 300
CAP = 4096
MARGIN_S = 0.001
"""Added to every deadline of a window, so that rounding can never wake us a hair too early, again and again."""


@dataclass(frozen=True, slots=True)
class Window:
    """The histogram of one recount, or of a ledger: rows per sender and whole second of the database's clock.

    A row belongs to the window of the whole second T when its second is >= T - 300. There is no upper edge: a row that
    an application's fast clock stamped in the future is counted, as SQL counts it. What lies beyond the cap is kept as
    one number, `beyond`, and forces a recount before its first second could leave.
    """

    offset: float
    seconds: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    beyond: int = 0

    @classmethod
    def of(cls, *, now: float, mono: float, rows: Iterable[tuple[int, str, int]], total: int, cap: int = CAP) -> Window:
        """Build the window from one recount.

        `now` is the database's clock (Unix seconds) when `mono` was read here; `rows` are (second, sender, count) in
        ascending order of the second; `total` counts all rows of the window, those left out by the query's cap as well.
        """
        seconds: dict[int, dict[str, int]] = {}
        kept = 0
        for second, sender, count in rows:
            if second not in seconds and len(seconds) == cap:
                break
            bucket = seconds.setdefault(second, {})
            bucket[sender] = bucket.get(sender, 0) + count
            kept += count
        return cls(offset=now - mono, seconds=seconds, beyond=total - kept)

    def as_of(self, mono: float) -> int:
        """Give the whole second of the database's clock at the monotonic second `mono`."""
        return math.floor(mono + self.offset)

    def per_sender(self, mono: float) -> dict[str, int]:
        """Count the rows of the window that ends at `mono`, per sender; what lies beyond the cap has no sender ("")."""
        oldest = self.as_of(mono) - SPAN_S
        counts: dict[str, int] = {}
        for second, senders in self.seconds.items():
            if second >= oldest:
                for sender, count in senders.items():
                    if count > 0:
                        counts[sender] = counts.get(sender, 0) + count
        if self.beyond:
            counts[""] = self.beyond
        return counts

    def within(self, mono: float) -> dict[int, int]:
        """Give the rows per second of the window that ends at `mono`."""
        oldest = self.as_of(mono) - SPAN_S
        counted = {
            second: sum(max(count, 0) for count in senders.values())
            for second, senders in self.seconds.items()
            if second >= oldest
        }
        return {second: count for second, count in counted.items() if count}

    @property
    def size(self) -> int:
        """Say how many numbers it holds."""
        return sum(map(len, self.seconds.values()))

    def plus(self, rows: Iterable[tuple[int, str, int]], oldest: int) -> Window:
        """Add rows that came (or went: less than nothing) per second and sender; let go of what is before `oldest`.

        Less than nothing is kept, since what it was taken from may still be added, but counts as nothing.
        """
        seconds = {second: senders for second, senders in self.seconds.items() if second >= oldest}
        for second, sender, count in rows:
            if second >= oldest:
                senders = dict(seconds.get(second, {}))
                senders[sender] = senders.get(sender, 0) + count
                seconds[second] = {who: n for who, n in senders.items() if n}
                if not seconds[second]:
                    del seconds[second]
        return replace(self, seconds=seconds)

    def next_change(self, mono: float) -> float:
        """Give the monotonic second at which the oldest bucket leaves the window by itself."""
        oldest = self.as_of(mono) - SPAN_S
        leaving = min((second for second in self.seconds if second >= oldest), default=None)
        return math.inf if leaving is None else leaving + SPAN_S + 1 - self.offset + MARGIN_S

    def exhausted_at(self) -> float:
        """Give the monotonic second from which only a recount can tell the count: rows beyond the cap could leave."""
        if not self.beyond:
            return math.inf
        return max(self.seconds, default=0) + SPAN_S + 1 - self.offset


@dataclass(frozen=True, slots=True)
class Tally:
    """How often something passed by in the last 300 s, by our own monotonic clock, in constant memory."""

    buckets: tuple[tuple[int, int], ...] = ()
    total: int = 0

    def add(self, mono: float, count: int = 1) -> Tally:
        """Count one more, or so many, now."""
        tally, second = self.at(mono), math.floor(mono)
        *older, last = tally.buckets or ((second, 0),)
        if last[0] == second:
            return Tally((*older, (second, last[1] + count)), tally.total + count)
        return Tally((*older, last, (second, count)), tally.total + count)

    def at(self, mono: float) -> Tally:
        """Let go of what is older than the window."""
        oldest = math.floor(mono) - SPAN_S
        if not self.buckets or self.buckets[0][0] > oldest:
            return self
        kept = tuple(bucket for bucket in self.buckets if bucket[0] > oldest)
        return Tally(kept, sum(count for _, count in kept))

    def next_change(self) -> float:
        """Give the monotonic second at which the oldest bucket leaves by itself."""
        return self.buckets[0][0] + SPAN_S + MARGIN_S if self.buckets else math.inf

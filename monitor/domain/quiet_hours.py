"""The hours in which silence is expected, and how much silence counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A stretch of every day, from `start` to `end` (which may lie past midnight) on the platform's own clock."""

    start: time
    end: time
    zone: tzinfo

    def __str__(self) -> str:
        return f"{self.start:%H:%M}-{self.end:%H:%M}"

    def holds(self, unix: float) -> bool:
        """Say whether this instant (Unix seconds) lies within the quiet hours; their end does not."""
        now = datetime.fromtimestamp(unix, self.zone).time()
        if self.start <= self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end

    def next_edge(self, unix: float) -> float:
        """Give the next instant (Unix seconds), after this one, at which the quiet hours begin or end."""
        now = datetime.fromtimestamp(unix, self.zone)
        edges = [
            datetime.combine(now.date() + timedelta(days=day), edge, self.zone).timestamp()
            for day in (0, 1, 2)
            for edge in (self.start, self.end)
        ]
        return min(edge for edge in edges if edge > unix)


def counted_silence(quiet: QuietHours | None, last: float, now: float, enough: float = math.inf) -> float:
    """Give the seconds between two instants (Unix seconds) outside the quiet hours; stop counting when it is enough."""
    if quiet is None or quiet.start == quiet.end:
        return max(0.0, now - last)
    total, at = 0.0, last
    while at < now and total < enough:
        edge = min(quiet.next_edge(at), now)
        if not quiet.holds(at):
            total += edge - at
        at = edge
    return total


def silent_at(quiet: QuietHours | None, last: float, silence: float) -> float:
    """Give the instant (Unix seconds) at which the counted silence since `last` reaches `silence` seconds."""
    if quiet is None or quiet.start == quiet.end:
        return last + silence
    at = last
    while True:
        edge = quiet.next_edge(at)
        if not quiet.holds(at):
            if edge - at >= silence:
                return at + silence
            silence -= edge - at
        at = edge

"""Hysteresis: numbers enter at 3 of 5 samples beyond the limit, misses at two in a row, and neither leaves at once."""

from __future__ import annotations

from dataclasses import dataclass, replace

ENTER, OF = 3, 5
LEAVE = 2
TWICE = 2


@dataclass(frozen=True, slots=True)
class Damper:
    """One number's limit, in its own unit, with the last samples and whether it is beyond the limit now."""

    limit: float
    leave: float
    beyond: bool = False
    recent: tuple[bool, ...] = ()
    calm: int = 0

    def step(self, value: float) -> Damper:
        """Take one more sample."""
        recent = (*self.recent, value >= self.limit)[-OF:]
        calm = self.calm + 1 if value <= self.leave and value < self.limit else 0
        if self.beyond:
            still = calm < LEAVE
            return replace(self, beyond=still, recent=recent if still else (), calm=calm)
        return replace(self, beyond=sum(recent) >= ENTER, recent=recent, calm=calm)


@dataclass(frozen=True, slots=True)
class Streak:
    """What is asked and may miss: two misses in a row enter, and `leave` healthy answers in a row leave."""

    leave: int = 1
    beyond: bool = False
    misses: int = 0
    healthy: int = 0

    def step(self, *, missed: bool) -> Streak:
        """Take one more answer, or one that did not come."""
        misses = self.misses + 1 if missed else 0
        healthy = 0 if missed else self.healthy + 1
        beyond = healthy < self.leave if self.beyond else misses >= TWICE
        return replace(self, beyond=beyond, misses=misses, healthy=healthy)


def settled(shown: float, new: float, *, share: float = 0.2, least: float = 5.0) -> bool:
    """Say whether a reader would take both for the same number: within a share of it, or within the least that counts.

    Unless told otherwise it is a latency in ms: within 20 %, or within 5 ms.
    """
    return abs(new - shown) <= max(share * abs(shown), least)

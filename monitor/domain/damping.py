"""Hysteresis of numbers: they enter at 3 of 5 samples beyond the limit and leave at 2 in a row well below it."""

from __future__ import annotations

from dataclasses import dataclass, replace

ENTER, OF = 3, 5
LEAVE = 2


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


def settled(shown: float, new: float) -> bool:
    """Say whether a reader would take both for the same latency in ms: within 20 %, or within 5 ms."""
    return abs(new - shown) <= max(0.2 * shown, 5.0)

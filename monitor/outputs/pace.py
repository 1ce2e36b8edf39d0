"""When changes go out: a few at once, more than that closely together, and a change of verdict without waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

WINDOW_S, WIDEST_S = 0.025, 0.1
FEW = 4
"""So many go out one by one, each at once, before the next must wait: what one event of the platform brings about."""
BURST_PER_S = 200
"""While changes come faster than this, each window is twice as wide as the one before, up to the widest."""


class Handle(Protocol):
    """Something that will happen, and may be called off."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Handle]
"""How something is done so many seconds later: `loop.call_later`."""


class Pace:
    """Calls `flush` for the changes that it is told of; a window of 0 is off, then each goes out by itself.

    A token bucket: it holds a few, one comes back in each window, and each flush takes one.
    """

    def __init__(
        self, flush: Callable[[], int], later: Later, now: Callable[[], float], window_s: float, few: int = FEW
    ) -> None:
        self._flush, self._later, self._now = flush, later, now
        self._least_s = self._window_s = window_s
        self._few, self._tokens = few, float(few)
        self._counted_at = 0.0
        self._planned: tuple[float, Handle] | None = None

    def changed(self, *, urgent: bool) -> None:
        """Take note of one change; `urgent` is one that a reader must see at once."""
        if not self._least_s:
            self._flush()
            return
        now = self._refill()
        # Never within this very call: what the same signal brings about goes out together.
        due = now if urgent or self._tokens >= 1 else now + (1 - self._tokens) * self._window_s
        if self._planned is not None:
            if self._planned[0] <= due:
                return
            self._planned[1].cancel()
        self._planned = due, self._later(due - now, self.let_go)

    def let_go(self) -> None:
        """Send what waits, now."""
        if self._planned is not None:
            self._planned[1].cancel()
            self._planned = None
        changes = self._flush()
        if changes and self._least_s:
            self._refill()
            self._tokens = max(0.0, self._tokens - 1)
            burst = changes > BURST_PER_S * self._window_s
            self._window_s = min(2 * self._window_s, max(WIDEST_S, self._least_s)) if burst else self._least_s

    def _refill(self) -> float:
        now = self._now()
        self._tokens = min(self._few, self._tokens + (now - self._counted_at) / self._window_s)
        self._counted_at = now
        return now

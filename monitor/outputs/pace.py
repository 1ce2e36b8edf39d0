"""When changes go out: the first at once, what follows closely together, and a change of verdict without waiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

WINDOW_S, WIDEST_S = 0.025, 0.1
CROWDED = 2
"""So many changes in one window are a burst: the next window is twice as wide, up to the widest."""


class Handle(Protocol):
    """Something that will happen, and may be called off."""

    def cancel(self) -> None: ...


Later = Callable[[float, Callable[[], None]], Handle]
"""How something is done so many seconds later: `loop.call_later`."""


class Pace:
    """Calls `flush` for the changes that it is told of; a window of 0 is off, then each goes out by itself."""

    def __init__(self, flush: Callable[[], int], later: Later, now: Callable[[], float], window_s: float) -> None:
        self._flush, self._later, self._now = flush, later, now
        self._least_s = self._window_s = window_s
        self._rests_until = 0.0
        self._planned: tuple[float, Handle] | None = None

    def changed(self, *, urgent: bool) -> None:
        """Take note of one change; `urgent` is one that a reader must see at once."""
        if not self._least_s:
            self._flush()
            return
        now = self._now()
        # Never within this very call: what the same signals bring about goes out together.
        due = now if urgent else max(now, self._rests_until)
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
        if changes:
            crowded = changes > CROWDED
            self._window_s = min(2 * self._window_s, max(WIDEST_S, self._least_s)) if crowded else self._least_s
            self._rests_until = self._now() + self._window_s

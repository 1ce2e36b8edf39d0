"""Says again and again what happens again and again, but not each time: nobody may fill the log from outside."""

from __future__ import annotations

from collections.abc import Callable

REST_S = 60.0
"""What was said is not said again for so long."""
KINDS = 100
"""Of so many kinds at most it is known when they were said."""


class Seldom:
    """Decides what is said; `now` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def unsaid(self, kind: str) -> int | None:
        """Give how often this kind was not said since it was said last, if it is to be said now; None if it is not."""
        now = self._now()
        self._said = {known: at for known, at in self._said.items() if now - at < REST_S}
        if kind in self._said or len(self._said) >= KINDS:
            if kind in self._unsaid or len(self._unsaid) < KINDS:
                self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
            return None
        self._said[kind] = now
        return self._unsaid.pop(kind, 0)

"""Small true implementations of what the daemon's parts are given: clocks, a recorder, a loop whose time leaps."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

from monitor.domain.signal import At


class FakeClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, mono: float = 1000.0, wall: float = 1_780_000_000.0) -> None:
        self.mono = mono
        self.wall = wall

    def now(self) -> At:
        return At(mono=self.mono, wall=self.wall)

    def advance(self, seconds: float) -> None:
        self.mono += seconds
        self.wall += seconds


class LoopClock:
    """The clock of the running loop: leaps when the loop's time does."""

    wall_at_zero = 1_780_000_000.0

    def now(self) -> At:
        mono = asyncio.get_running_loop().time()
        return At(mono=mono, wall=self.wall_at_zero + mono)


class Recorder:
    """Keeps all that it is called with: a signal emitted, a change published, a check hinted at."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._arrived = asyncio.Event()

    def __call__(self, thing: Any) -> None:
        self.seen.append(thing)
        self._arrived.set()

    async def until(self, count: int) -> list[Any]:
        """Wait until so many things have come; give them all."""
        while len(self.seen) < count:
            self._arrived.clear()
            await self._arrived.wait()
        return self.seen


SPINNING = 100_000
"""Turns of a loop without any time passing: somebody asks again and again instead of waiting."""


class _Leap(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Waits for files as ever, but lets time leap where it would only have waited for it."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self._turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is not None else None)
        if not ready and timeout:
            self.time += timeout
            self._turns = 0
        self._turns += 1
        assert self._turns < SPINNING, "the loop spins: it turns and turns, and no time passes"
        return ready


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop in which a wait of an hour takes no time and its clock still says that an hour has passed."""

    def __init__(self) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)

    def time(self) -> float:
        return self._leap.time


def leaping(work: Any) -> Any:
    """Run a coroutine to its end in a loop whose time leaps."""
    loop = LeapingLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()

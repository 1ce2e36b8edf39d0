"""The only writer: takes one signal at a time, hands it to the board, and publishes the change that comes back."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Mapping, Sequence

import structlog

from monitor.clock import Clock
from monitor.domain.board import Board
from monitor.domain.change import Publish
from monitor.domain.signal import Burst, Dropped, Event, Hint, Sample, Signal, Tick

log = structlog.get_logger()
FULL = 100_000
"""Signals waiting at most; an event beyond that is dropped, its count is healed by the next recount."""


class Engine:
    """Holds the board. `emit` may be called from any callback of the loop; nothing is awaited between two signals.

    `heard` counts the events that the database has pushed.
    """

    def __init__(self, board: Board, clock: Clock, outputs: Sequence[Publish], hint: Hint) -> None:
        self._board = board
        self._clock = clock
        self._outputs = outputs
        self._hint = hint
        self._inbox: deque[Signal] = deque()
        self._wake = asyncio.Event()
        self._dropped = 0
        self.heard = 0

    def emit(self, signal: Signal) -> None:
        """Put a signal in line."""
        if isinstance(signal, Event | Burst):
            self.heard += signal.count
        if len(self._inbox) >= FULL and isinstance(signal, Event | Burst):
            self._dropped += signal.count
            # Said in its place in line: what comes after it knows that something is missing before it.
            last = self._inbox[-1]
            if not (isinstance(last, Sample) and isinstance(last.facts, Dropped)):
                self._inbox.append(Sample(signal.at, Dropped()))
            return
        self._inbox.append(signal)
        self._wake.set()

    def series(self, name: str) -> Mapping[str, object] | None:
        """Give one of the long series, None when there is none of that name."""
        return self._board.series(name, self._clock.now())

    async def run(self) -> None:
        """Work for ever: until a signal comes or the board changes by itself."""
        while True:
            wait = self._board.deadline() - self._clock.now().mono
            if not self._inbox and wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if wait == math.inf else wait):
                        await self._wake.wait()
            self._wake.clear()
            self.step()
            # Signals that never end must still let the outputs send what they were given.
            await asyncio.sleep(0)

    def step(self) -> None:
        """Apply everything that waits, then the passing of time."""
        while self._inbox:
            self._apply(self._inbox.popleft())
        if self._dropped:
            log.warning("inbox.overflowed", dropped=self._dropped)
            self._dropped = 0
        now = self._clock.now()
        if self._board.deadline() <= now.mono:
            self._apply(Tick(now))

    def _apply(self, signal: Signal) -> None:
        change = self._board.apply(signal)
        if change is None:
            return
        for publish in self._outputs:
            publish(change)
        for check in sorted(change.look_again):
            self._hint(check)

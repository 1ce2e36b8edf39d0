"""Lets few things begin in each turn of the event loop, so that a crowd at the door keeps nobody waiting inside."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

PER_TURN = 4


class Turnstile:
    """Lets through at most `per_turn` in each turn of the loop, in the order of their coming.

    asyncio does in one turn all that is ready, however much that is: without this a thousand who ask in the same moment
    are answered before anything else happens. Between two turns the timers run and the sockets are read.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, per_turn: int = PER_TURN) -> None:
        self._loop = loop
        self._per_turn = per_turn
        self._left = per_turn
        self._turning = False
        self._waiting: deque[Callable[[], object]] = deque()

    async def passed(self) -> None:
        """Wait for one's turn."""
        mine = self._loop.create_future()

        def go() -> bool:
            if mine.done():  # its connection may be gone
                return False
            mine.set_result(None)
            return True

        self.call(go)
        await mine

    def call(self, act: Callable[[], object]) -> None:
        """Do this when its turn has come; where it gives False, the turn is the next one's."""
        if self._left and not self._waiting:
            self._take()
            act()
        else:
            self._waiting.append(act)

    def _take(self) -> None:
        self._left -= 1
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        self._left = self._per_turn
        while self._left and self._waiting:
            if self._waiting.popleft()() is not False:
                self._take()

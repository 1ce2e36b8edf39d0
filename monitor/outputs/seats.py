"""How many may follow the stream: in total, and from one address."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

COME_BACK_S = 10
TOTAL, PER_ADDRESS = 1000, 250


@dataclass(frozen=True, slots=True)
class Limits:
    """How many subscribers at most; `per_address` counts those of one IP address (a proxy's are all its own)."""

    total: int = TOTAL
    per_address: int = PER_ADDRESS


class FullError(Exception):
    """There is none; `of_address` says whether only this address has too many."""

    def __init__(self, *, of_address: bool) -> None:
        super().__init__("Too many subscribers from this address." if of_address else "Too many subscribers.")
        self.of_address = of_address


class Seats:
    """Counts who has a seat. A seat is taken before anything is awaited: no two can be given the last one."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self._taken = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def take(self, address: str) -> None:
        """Take a seat for somebody of this address; raises `FullError`."""
        if self._closed or self._taken >= self._limits.total:
            raise FullError(of_address=False)
        if self._by_address[address] >= self._limits.per_address:
            raise FullError(of_address=True)
        self._taken += 1
        self._by_address[address] += 1
        self._empty.clear()

    def leave(self, address: str) -> None:
        """Give a seat back."""
        self._taken -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        if not self._taken:
            self._empty.set()

    async def close(self, within_s: float) -> None:
        """Give no more seats, and wait until the last one is left, or for so long."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()

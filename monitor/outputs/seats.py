"""How many may follow the stream: in total, from one address, and as one caller."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

COME_BACK_S = 10
TOTAL, PER_ADDRESS, PER_CALLER, UNKNOWN, UNKNOWN_HERE = 1000, 250, 250, 50, 10
UNKNOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How many subscribers at most.

    `per_address` counts those of one IP address (an untrusted proxy's are all its own), `per_caller` those of one user
    or token, `unknown` those who have yet to say who they are, for which they
    have `unknown_s` seconds, and `unknown_here` those of them from one address.
    """

    total: int = TOTAL
    per_address: int = PER_ADDRESS
    per_caller: int = PER_CALLER
    unknown: int = UNKNOWN
    unknown_here: int = UNKNOWN_HERE
    unknown_s: float = UNKNOWN_S


class FullError(Exception):
    """There is none; `own` says whether only this address or this caller has too many."""

    def __init__(self, whose: str = "") -> None:
        super().__init__(f"Too many subscribers {whose}.".replace(" .", "."))
        self.own = bool(whose)


class Seats:
    """Counts who has a seat. A seat is taken before anything is awaited: no two can be given the last one."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._by_address: Counter[str] = Counter()
        self._by_caller: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        self._taken = 0
        self._closed = False
        self._empty = asyncio.Event()
        self._empty.set()

    def take(self, address: str) -> None:
        """Take a seat for somebody of this address; raises `FullError`."""
        if self._closed or self._taken >= self.limits.total:
            raise FullError
        if self._by_address[address] >= self.limits.per_address:
            raise FullError("from this address")
        self._taken += 1
        self._by_address[address] += 1
        self._empty.clear()

    def leave(self, address: str) -> None:
        """Give a seat back."""
        self._taken -= 1
        _take_one(self._by_address, address)
        if not self._taken:
            self._empty.set()

    def name(self, caller: str, address: str) -> None:
        """Say who has a seat ("": nobody knows yet), to be taken back by `unname`; raises `FullError`."""
        if caller:
            if self._by_caller[caller] >= self.limits.per_caller:
                raise FullError("of this caller")
        else:
            here = self._unknown[address] >= self.limits.unknown_here
            if here or self._unknown.total() >= self.limits.unknown:
                raise FullError("that have not said who they are")
        self._counter(caller)[caller or address] += 1

    def unname(self, caller: str, address: str) -> None:
        """Say that this one has a seat less."""
        _take_one(self._counter(caller), caller or address)

    def _counter(self, caller: str) -> Counter[str]:
        return self._by_caller if caller else self._unknown

    async def close(self, within_s: float) -> None:
        """Give no more seats, and wait until the last one is left, or for so long."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()


def _take_one(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]

"""Breaking the platform on purpose, and mending it: one kind at a time, by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_log = structlog.get_logger()


@dataclass(frozen=True)
class Kind:
    """One way to break the platform; to break the broken and to mend the whole change nothing."""

    group: str
    """What of the platform it breaks; the page with the buttons has a heading for each."""
    about: str
    break_: Callable[[], Awaitable[None]]
    mend: Callable[[], Awaitable[None]]
    is_broken: Callable[[], bool]


class Mischief:
    """All kinds by name, in the order in which they are mended."""

    def __init__(self, kinds: Mapping[str, Kind]) -> None:
        self.kinds = kinds
        self._turn = asyncio.Lock()

    def broken(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind.is_broken()]

    async def break_(self, name: str) -> None:
        async with self._turn:
            await self.kinds[name].break_()
            _log.warning("kind.broken", kind=name)

    async def mend(self, name: str | None = None) -> None:
        """Mend one kind, or all; one that cannot be mended now keeps none of the others from it."""
        refusals = []
        async with self._turn:
            for each in [name] if name else self.broken():
                was_broken = self.kinds[each].is_broken()
                try:
                    await self.kinds[each].mend()
                except MonitorError as error:
                    refusals.append(f"{each}: {error}" if name is None else str(error))
                    continue
                if was_broken:
                    _log.info("kind.mended", kind=each)
        if refusals:
            raise MonitorError(" ".join(refusals))


async def nothing() -> None:
    """Mend what mends itself."""

"""Who follows, as whom: ends a connection as soon as its caller may stay no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from monitor.access.caller import Caller, Code, RefusedError
from monitor.clock import Clock

CHECK_S = 0.5
"""Expiry, and what another process has revoked, is looked for so often."""

End = Callable[[int, str], None]
"""Closes one connection, with a code of RFC 6455 and a word."""


class Attendance:
    """The connections by their callers; `still` says what keeps a caller from staying (None: nothing)."""

    def __init__(self, still: Callable[[Caller, float], Code | None], clock: Clock) -> None:
        self._still = still
        self._clock = clock
        self._ends: dict[Caller, list[End]] = {}
        self._somebody = asyncio.Event()

    def enter(self, caller: Caller, end: End) -> None:
        """Take note of a connection; whoever may come in without a credential may always stay."""
        if caller.kind == "open":
            return
        self._ends.setdefault(caller, []).append(end)
        self._somebody.set()

    def leave(self, caller: Caller, end: End) -> None:
        """Forget a connection."""
        ends = self._ends.get(caller)
        if ends is not None and end in ends:
            ends.remove(end)
            if not ends:
                del self._ends[caller]

    def check(self) -> None:
        """End the connections of those who may stay no longer."""
        now = self._clock.now().wall
        for caller, ends in list(self._ends.items()):
            if code := self._still(caller, now):
                for end in list(ends):
                    end(RefusedError(code).close_code, code)

    async def run(self) -> None:
        """Check for ever, while somebody is here."""
        while True:
            if not self._ends:
                self._somebody.clear()
            await self._somebody.wait()
            await asyncio.sleep(CHECK_S)
            self.check()

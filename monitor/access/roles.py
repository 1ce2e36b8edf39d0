"""What the platform's users table says of those who are signed in: a session says it once, the table says it now."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from monitor.access.caller import Code

SEEN_S, OUT_S = 900.0, 24 * 3600.0
"""A user who was not seen for so long is forgotten; who may not come in, only when no session of his can be good."""
FIRST_S = 1.0
"""So long somebody new waits for his row to be read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A user's row."""

    role: str
    active: bool


class Roles:
    """Remembers the rows of those who come in, and says whose are to be read; `wake` is told of a new one.

    A session's own word counts while the row cannot be read: who watches must see a platform whose database is down.
    What was read last goes on to count.
    """

    def __init__(self, allowed: Collection[str], wake: Callable[[], None] = lambda: None) -> None:
        self._allowed = frozenset(allowed)
        self._wake = wake
        self._seen: dict[str, float] = {}
        self._known: dict[str, Standing | None] = {}
        self._told = asyncio.Event()
        self.readable = False
        """Whether somebody reads the table, and the last time could."""

    def judge(self, user_id: str, role: str, now: float) -> Code | None:
        """Say what keeps this user out (None: nothing), by the row, or by the session's own `role`."""
        if role not in self._allowed:
            return "wrong_role"
        new = user_id not in self._seen
        self._seen[user_id] = now
        if new:
            self._wake()
        return self._out(user_id)

    def _out(self, user_id: str) -> Code | None:
        if user_id not in self._known:
            return None
        standing = self._known[user_id]
        if standing is None or not standing.active:
            return "inactive"
        return None if standing.role in self._allowed else "wrong_role"

    async def read(self, user_id: str) -> None:
        """Wait until the row of somebody whom `judge` has let in was read; not for long, nor where it cannot be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_S):
                while self.readable and user_id not in self._known:
                    await self._told.wait()

    def wanted(self, now: float) -> list[str]:
        """Give the ids of the rows that are to be read again (Unix seconds `now`)."""
        self._seen = {
            user: seen for user, seen in self._seen.items() if now - seen < (OUT_S if self._out(user) else SEEN_S)
        }
        self._known = {user: standing for user, standing in self._known.items() if user in self._seen}
        return list(self._seen)

    def learn(self, asked: Collection[str], found: Mapping[str, Standing]) -> None:
        """Take what the table says of those who were asked for; one without a row is nobody."""
        self._known.update({user: found.get(user) for user in asked if user in self._seen})
        self._tell(readable=True)

    def lose(self) -> None:
        """Take it that the table cannot be read."""
        self._tell(readable=False)

    def _tell(self, *, readable: bool) -> None:
        self.readable = readable
        self._told.set()
        self._told = asyncio.Event()

"""Reads again and again what the users table says of those who are signed in, and at once when it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from monitor.access.roles import Roles, Standing
from monitor.clock import Clock
from monitor.database import Session
from monitor.errors import ProfileError
from monitor.refusals import Turned, Unavailable
from monitor.sources.queries import Query

log = structlog.get_logger()
RARELY_S = 60.0
"""So long a row may be believed, however rarely the rest is swept."""
AGAIN_S = 2.0
"""Where the table could not be read: who was struck from it must not wait for a whole round."""
REST_S = 0.25
"""Signals may be many; the table is asked at most so often."""


@dataclass(frozen=True, slots=True)
class UserRows:
    """Columns of users.sql, which is asked for the ids of $1 (text[]); who has no row is left out."""

    id: list[str]
    role: list[str]
    active: list[bool]


class UserWatch:
    """Asks for the rows that `roles` wants; `changed` is called after each answer."""

    def __init__(
        self,
        query: Query,
        session: Session,
        roles: Roles,
        clock: Clock,
        *,
        sweep_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._query = query
        self._session = session
        self._roles = roles
        self._clock = clock
        self._rest_s = min(sweep_s, RARELY_S)
        self._changed = changed
        self._wake = asyncio.Event()
        self._troubled = False
        roles.readable = True

    def wake(self) -> None:
        """Ask now: a user is new here, or a signal says that the table has changed."""
        self._wake.set()

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._rest_s, AGAIN_S) if self._troubled else self._rest_s):
                    await self._wake.wait()
            self._wake.clear()
            if wanted := self._roles.wanted(self._clock.now().wall):
                await self._ask(wanted)
                await asyncio.sleep(REST_S)

    async def _ask(self, wanted: list[str]) -> None:
        try:
            rows, _ = await self._session.ask(self._query.sql, wanted)
            found: UserRows = self._query.read(rows)
        except (Unavailable, Turned, ProfileError) as error:
            if not self._troubled:
                log.warning("users.unread", problem=str(error) if isinstance(error, ProfileError) else "not_answered")
            self._troubled = True
            self._roles.lose()
            return
        self._troubled = False
        people = zip(found.id, found.role, found.active, strict=True)
        self._roles.learn(wanted, {user: Standing(role, active) for user, role, active in people})
        self._changed()

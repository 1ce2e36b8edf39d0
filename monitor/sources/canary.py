"""The test signal: sent by another session on a channel of our own, awaited on the listening one.

It alone proves that notifications come: an open connection and a list of channels say so behind a pooler too.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.database import Session
from monitor.refusals import Turned, Unavailable

TEST_CHANNEL = "huph_monitor_test_signal"
"""Our own channel; nothing is ever sent on one of the platform's."""
# Asking how full the queue is moves its tail on, which PostgreSQL puts off until somebody does (PostgreSQL 18, 9.27.3).
# Where many commits wait for their turn to send signals ours may wait as well: the lock is no table's.
SEND = """
select set_config('lock_timeout', $3, true), pg_notify($1, $2),
       (100 * pg_notification_queue_usage())::float8 as usage_pct
"""


@dataclass(frozen=True, slots=True)
class Flight:
    """One test signal that PostgreSQL took: sent at this monotonic second; `ms` is None when it did not come back."""

    sent: float
    ms: float | None
    queue_pct: float


class Canary:
    """Sends one test signal at a time and waits for exactly that one."""

    def __init__(self, speaker: Session, clock: Clock, deadline_s: float) -> None:
        self._speaker = speaker
        self._clock = clock
        self._deadline_s = deadline_s
        self._awaited: tuple[str, asyncio.Future[None]] | None = None

    def heard(self, text: str) -> None:
        """Take what came on the test channel; anybody may shout there."""
        if self._awaited is not None and self._awaited[0] == text and not self._awaited[1].done():
            self._awaited[1].set_result(None)

    @property
    def late(self) -> bool:
        """Whether the last one came back after all, when nobody waited for it any more."""
        return self._awaited is not None and self._awaited[1].done() and not self._awaited[1].cancelled()

    def give_up(self) -> None:
        """Wait no longer: the connection on which it would come back is gone."""
        if self._awaited is not None:
            self._awaited[1].cancel()

    async def fly(self) -> Flight | None:
        """Send one and wait for it; None when it could not be sent or was given up, which says nothing of the way."""
        nonce = secrets.token_hex(8)
        back: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited = (nonce, back)
        before = self._clock.now().mono
        try:
            patience = f"{round(1000 * self._deadline_s)}ms"
            rows, ms = await self._speaker.ask(SEND, TEST_CHANNEL, nonce, patience, timeout=self._deadline_s)
        except (Unavailable, Turned):
            return None
        taken = self._clock.now().mono
        done, _ = await asyncio.wait({back}, timeout=self._deadline_s)
        if not done:
            return Flight(before, None, rows[0]["usage_pct"])
        if back.cancelled():
            return None
        return Flight(before, ms + 1000 * (self._clock.now().mono - taken), rows[0]["usage_pct"])

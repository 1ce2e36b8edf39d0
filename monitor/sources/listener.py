"""One LISTEN connection for ever: connect, listen, catch up, prove it by a test signal, and say when it is deaf."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Literal

import asyncpg
import structlog

from monitor.backoff import Backoff
from monitor.clock import Clock
from monitor.database import Session, Target, open_session
from monitor.domain.catalogue import Trigger
from monitor.domain.listening import Listening
from monitor.domain.signal import Emit, Event, Gap, Hint, Sample
from monitor.refusals import Turned, Unavailable
from monitor.sources import payload

log = structlog.get_logger()
TEST_CHANNEL = "huph_monitor_test_signal"
"""Our own channel; nothing is ever sent on one of the platform's."""

UNPROVEN_S = 0.5
"""How soon to prove the way again when the test signal could not be sent or a channel was missing."""

Cause = Literal["reset", "closed", "after_hung"]


class Deaf(Exception):  # noqa: N818 - a state of the connection, not an error of ours
    """The connection is open and does not bring what it should."""


class Listener:
    """Hears every channel of the profile on one direct connection that runs nothing else but its own upkeep."""

    def __init__(
        self,
        target: Target,
        channels: Mapping[str, Sequence[str]],
        speaker: Session,
        *,
        triggers: Sequence[Trigger] = (),
        sweep_s: float,
        connect_timeout_s: float,
        deadline_s: float,
        deltas: str | None = None,
        clock: Clock,
        emit: Emit,
        hint: Hint,
    ) -> None:
        self._target = target
        self._channels = channels
        self._hinting = [trigger for trigger in triggers if trigger.hints]
        self._speaker = speaker
        self._deltas = deltas
        self._wanted = (*channels, *([deltas] if deltas is not None else []))
        self._sweep_s = sweep_s
        self._connect_timeout_s = connect_timeout_s
        self._deadline_s = deadline_s
        self._clock = clock
        self._emit = emit
        self._hint = hint
        self._wake = asyncio.Event()
        self._awaited: tuple[str, asyncio.Future[None]] | None = None

    def wake(self) -> None:
        """Connect, or prove the way, at once: the database is back."""
        self._wake.set()

    async def run(self) -> None:
        """Listen for ever."""
        backoff = Backoff()
        cause: Cause = "closed"
        while True:
            opened, word = await self._open()
            error: str | None = word
            if opened is not None:
                cause, error = await self._listen(opened, backoff), None
                log.warning("listen.lost", cause=cause)
            self._emit(Gap(self._clock.now(), cause, attempt=backoff.attempt, error=error))
            self._hint("db")
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next()):
                    await self._wake.wait()

    async def _open(self) -> tuple[asyncpg.Connection | None, str]:
        try:
            connection, _ = await open_session(self._target, "listen", self._connect_timeout_s)
        except Unavailable as failed:
            return None, failed.opening.outcome if failed.opening is not None else "lost"
        return connection, ""

    async def _listen(self, connection: asyncpg.Connection, backoff: Backoff) -> Cause:
        """Listen until deaf; say why it ended. The back-off begins anew only when everything is proven to be back."""
        lost = asyncio.Event()

        def end(_: object) -> None:
            lost.set()
            self._wake.set()

        connection.add_termination_listener(end)
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                for channel in self._wanted:
                    await connection.add_listener(channel, self._heard)
                await connection.add_listener(TEST_CHANNEL, self._test_heard)
            # Only now may anybody count: what was missed before this moment is in the snapshot that follows.
            hints = [*self._channels.values(), *(trigger.hints for trigger in self._hinting)]
            for check in sorted({check for checks in hints for check in checks}):
                self._hint(check)
            while not lost.is_set():
                self._wake.clear()
                proven = await self._prove(connection)
                if proven and backoff.attempt:
                    backoff.reset()
                    log.info("listen.recovered", channels=sorted(self._channels))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._sweep_s if proven else UNPROVEN_S):
                        await self._wake.wait()
        except Deaf:
            return "after_hung"
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return "closed" if lost.is_set() else "reset"
        finally:
            # Ended by us, it must not wake us: that would cut the back-off short.
            connection.remove_termination_listener(end)
            # close() would wait for a peer that may not answer.
            connection.terminate()
        return "closed"

    def _heard(self, _: object, __: int, channel: str, text: str) -> None:
        # A plain function: asyncpg calls it in the order of arrival, a coroutine would lose the order.
        at = self._clock.now()
        if channel == self._deltas:
            self._emit(Sample(at, payload.read_deltas(text)))
            return
        facts = payload.read(text)
        event = Event(at, channel, facts if facts is not None else {}, readable=facts is not None)
        self._emit(event)
        for check in self._channels[channel]:
            self._hint(check)
        for trigger in self._hinting:
            if trigger.fired(event):
                for check in trigger.hints:
                    self._hint(check)

    def _test_heard(self, _: object, __: int, ___: str, text: str) -> None:
        if self._awaited is not None and self._awaited[0] == text and not self._awaited[1].done():
            self._awaited[1].set_result(None)

    async def _prove(self, connection: asyncpg.Connection) -> bool:
        """Send a test signal from another session, wait for it here, and ask PostgreSQL which channels we hear.

        False when it could not be sent, or when a channel was missing and has been asked for again; raises `Deaf` when
        it was sent and did not come back.
        """
        nonce = secrets.token_hex(8)
        back: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited = (nonce, back)
        sent_at = self._clock.now().mono
        try:
            _, ms = await self._speaker.ask("select pg_notify($1, $2)", TEST_CHANNEL, nonce, timeout=self._deadline_s)
        except (Unavailable, Turned):
            # That it could not be sent is the database's own question, and says nothing of what we hear.
            self._hint("db")
            return False
        sent = self._clock.now().mono
        try:
            async with asyncio.timeout(self._deadline_s):
                await back
        except TimeoutError:
            raise Deaf from None
        took = ms + 1000 * (self._clock.now().mono - sent)
        async with asyncio.timeout(self._deadline_s):
            rows = await connection.fetch("select pg_listening_channels() as channel")
        heard = frozenset(row["channel"] for row in rows) & set(self._wanted)
        self._emit(Sample(self._clock.now(), Listening(frozenset(heard), took, sent_at)))
        missing = sorted(set(self._wanted) - heard)
        if missing:
            log.warning("channel.missed", channels=missing)
        for channel in missing:
            quoted = channel.replace('"', '""')
            async with asyncio.timeout(self._deadline_s):
                await connection.execute(f'LISTEN "{quoted}"')
            for check in self._channels.get(channel, ()):
                self._hint(check)
        return not missing

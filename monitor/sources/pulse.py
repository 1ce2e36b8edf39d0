"""The pulse of the database: its latency on an old session every few seconds; a miss is tried at once, old and new."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from monitor.clock import Clock
from monitor.database import Session, Target, Turned, Unavailable, open_session
from monitor.domain.connection import Answer, Opening, Pulse
from monitor.domain.signal import Emit, Sample
from monitor.sources.backoff import Backoff

QUESTION = """
select date_part('epoch', pg_postmaster_start_time())::float8 as started_at,
       (1000 * date_part('epoch', clock_timestamp() - statement_timestamp()))::float8 as server_ms
"""
MOST_WAIT_S = 1.0
"""While the database is down: its return is seen within this, at the price of one refused connection a second."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to ask, and how long to wait for an answer; seconds."""

    sample_s: float
    sweep_s: float
    query_timeout_s: float
    connect_timeout_s: float


class DatabasePulse:
    """Asks the held sessions in turn, and opens a short-lived one each sweep to prove that one can be opened."""

    def __init__(self, target: Target, sessions: Sequence[Session], rhythm: Rhythm, clock: Clock, emit: Emit) -> None:
        self._target = target
        self._sessions = sessions
        self._rhythm = rhythm
        self._clock = clock
        self._emit = emit
        self._wake = asyncio.Event()
        self._was_open = False
        self._last_opening: Opening | None = None
        self._open_next_at = 0.0

    def wake(self) -> None:
        """Look at once, at new sessions too: one was lost, or could not be opened."""
        self._open_next_at = 0.0
        self._wake.set()

    async def run(self) -> None:
        """Beat for ever."""
        backoff = Backoff(most=MOST_WAIT_S)
        while True:
            self._wake.clear()
            pulse = await self._beat()
            self._emit(Sample(self._clock.now(), pulse))
            if pulse.answer is not None:
                backoff.reset()
            wait = self._rhythm.sample_s if pulse.answer is not None else backoff.next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            if pulse.answer is None:
                # Being woken again and again while it is down must not become a busy loop.
                await asyncio.sleep(min(wait, 0.05))

    async def _beat(self) -> Pulse:
        old = sorted((one for one in self._sessions if one.alive), key=lambda one: one.busy)
        answer = await self._ask(old[0]) if old else None
        opening = None
        lost = False
        if answer is None:
            answer, opening = await self._try_both(old[1:])
            lost = self._was_open and answer is not None and not any(one in old for one in self._alive())
        elif self._wants_opening():
            opening = await self._open()
        self._was_open = answer is not None
        ended_by = frozenset(state for session in self._sessions for state in session.ended_by)
        for session in self._sessions:
            session.ended_by.clear()
        return Pulse(self._target.label, self._target.role, answer, opening, ended_by, lost=lost)

    def _alive(self) -> list[Session]:
        return [one for one in self._sessions if one.alive]

    def _wants_opening(self) -> bool:
        failed = self._last_opening is not None and self._last_opening.outcome != "opened"
        return failed or self._clock.now().mono >= self._open_next_at

    async def _try_both(self, old: Sequence[Session]) -> tuple[Answer | None, Opening]:
        """Ask another old session and open a new one at the same time, after a miss."""
        async with asyncio.TaskGroup() as group:
            other = group.create_task(self._ask(old[0]), name="pulse: other session") if old else None
            new = group.create_task(self._open(), name="pulse: new session")
        opening = new.result()
        answer = other.result() if other is not None else None
        if answer is None and opening.outcome == "opened":
            # New sessions open: have one of the held ones opened anew, and ask it.
            answer = await self._ask(self._sessions[0])
        return answer, opening

    async def _ask(self, session: Session) -> Answer | None:
        try:
            # A question already under way on this session is given its own time before ours begins.
            limit = 2 * self._rhythm.query_timeout_s
            async with asyncio.timeout(limit):
                rows, ms = await session.ask(QUESTION, timeout=self._rhythm.query_timeout_s)
        except TimeoutError:
            session.drop()
            return None
        except (Unavailable, Turned):
            return None
        return Answer(latency_ms=ms, server_ms=rows[0]["server_ms"], started_at=rows[0]["started_at"])

    async def _open(self) -> Opening:
        """Open a session and end it again; one that is reset during the handshake is tried again at once."""
        opening = await self._open_once()
        if opening.outcome == "reset":
            opening = await self._open_once()
        self._last_opening = opening
        self._open_next_at = self._clock.now().mono + self._rhythm.sweep_s
        return opening

    async def _open_once(self) -> Opening:
        try:
            connection, ms = await open_session(self._target, "probe", self._rhythm.connect_timeout_s)
        except Unavailable as failed:
            return failed.opening or Opening("reset")
        connection.terminate()
        return Opening("opened", connect_ms=ms)

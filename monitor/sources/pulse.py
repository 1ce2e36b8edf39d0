"""The pulse of the database: its latency on an old session every few seconds; a miss is tried at once, old and new."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.backoff import Backoff
from monitor.clock import Clock
from monitor.database import Session, Target
from monitor.domain.connection import Answer, Opening, Pulse
from monitor.domain.signal import Emit, Sample
from monitor.refusals import Turned, Unavailable

QUESTION = """
select date_part('epoch', pg_postmaster_start_time())::float8 as started_at,
       (1000 * date_part('epoch', clock_timestamp() - statement_timestamp()))::float8 as server_ms,
       pg_is_in_recovery() as read_only
"""
REST_S = 0.05
"""Between two beats, whoever calls."""
LEAST_S = 1.0
"""Between two sessions that are opened to see whether they open, while an old one answers."""
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
    """Asks the held sessions in turn, and opens a short-lived one each sweep to prove that one can be opened.

    `lag_since` says by how many seconds our own loop lagged since a monotonic second: an answer of which more than half
    is our own lag is asked for once more, and then says nothing of the database's speed.
    """

    def __init__(
        self,
        target: Target,
        sessions: Sequence[Session],
        rhythm: Rhythm,
        clock: Clock,
        emit: Emit,
        *,
        lag_since: Callable[[float], float] = lambda _: 0.0,
    ) -> None:
        self._target = target
        self._sessions = sessions
        self._rhythm = rhythm
        self._clock = clock
        self._emit = emit
        self._lag_since = lag_since
        self._wake = asyncio.Event()
        self._held: list[tuple[Session, int]] = []
        self._last_opening: Opening | None = None
        self._opened_at = -math.inf
        self._counted = 0
        self._open_next_at = -math.inf

    def wake(self) -> None:
        """Look at once, at new sessions too: one was lost, or could not be opened."""
        self._open_next_at = min(self._open_next_at, self._opened_at + LEAST_S)
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
            calm = min(self._rhythm.sample_s, LEAST_S) if self._failed else self._rhythm.sample_s
            wait = calm if pulse.answer is not None else backoff.next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            # Being woken again and again must not become a busy loop.
            await asyncio.sleep(REST_S)

    async def _beat(self) -> Pulse:
        old = sorted((one for one in self._sessions if one.alive), key=lambda one: one.busy)
        # Where all are amid questions of ours, who waits in line must not make the pulse late.
        free = [one for one in old[:1] if not one.busy]
        answer = await self._ask(free[0]) if free else None
        opening = None
        if answer is None:
            answer, opening = await self._try_both(old[len(free) :])
            if answer is None:
                for one in old:
                    one.drop()
        elif self._failed and self._count() > self._counted:
            # A held session has been opened since: that is proof enough.
            opening = self._conclude(Opening("opened"))
        elif self._wants_opening():
            opening, _ = await self._open()
        kept = any(one.alive and one.opened == opened for one, opened in self._held)
        lost = answer is not None and bool(self._held) and not kept
        self._held = [(one, one.opened) for one in self._sessions if one.alive] if answer is not None else []
        ended_by = frozenset(state for session in self._sessions for state in session.ended_by)
        for session in self._sessions:
            session.ended_by.clear()
        return Pulse(self._target.label, self._target.role, answer, opening, ended_by, lost=lost)

    @property
    def _failed(self) -> bool:
        return self._last_opening is not None and self._last_opening.outcome != "opened"

    def _count(self) -> int:
        return sum(session.opened for session in self._sessions)

    def _wants_opening(self) -> bool:
        now = self._clock.now().mono
        return now >= self._open_next_at or (self._failed and now >= self._opened_at + LEAST_S)

    async def _try_both(self, old: Sequence[Session]) -> tuple[Answer | None, Opening]:
        """Ask another old session and a new one at the same time, after a miss.

        Held sessions that are amid long answers of ours miss too: while a new one answers, the database does.
        """
        async with asyncio.TaskGroup() as group:
            other = group.create_task(self._ask(old[0]), name="pulse: other session") if old else None
            opening, answer = await self._open(ask=True)
            if answer is not None and other is not None:
                other.cancel()
        if other is not None and not other.cancelled():
            answer = other.result() or answer
        return answer, opening

    async def _ask(self, session: Session) -> Answer | None:
        try:
            return await self._answer(session, new=not session.alive)
        except (TimeoutError, Unavailable, Turned):
            return None

    async def _answer(self, session: Session, *, new: bool) -> Answer:
        # A question already under way on this session is given its own time before ours begins.
        limit = 2 * self._rhythm.query_timeout_s
        async with asyncio.timeout(limit):
            if new:
                # The first question of a session is slow by itself: PostgreSQL reads its catalogue.
                await session.ask(QUESTION, timeout=self._rhythm.query_timeout_s)
            answer = await self._ask_once(session)
            return await self._ask_once(session) if answer.stalled else answer

    async def _ask_once(self, session: Session) -> Answer:
        began = self._clock.now().mono
        rows, ms = await session.ask(QUESTION, timeout=self._rhythm.query_timeout_s)
        wait_ms = max(one.take_wait_ms() for one in self._sessions)
        return Answer(
            latency_ms=ms,
            server_ms=rows[0]["server_ms"],
            started_at=rows[0]["started_at"],
            wait_ms=wait_ms,
            stalled=2000 * self._lag_since(began) > ms,
            read_only=rows[0]["read_only"],
        )

    async def _open(self, *, ask: bool = False) -> tuple[Opening, Answer | None]:
        """Open a session, `ask` it, and end it again; one that is reset during the handshake is tried again at once."""
        opening, answer = await self._open_once(ask=ask)
        if opening.outcome == "reset":
            opening, answer = await self._open_once(ask=ask)
        return self._conclude(opening), answer

    def _conclude(self, opening: Opening) -> Opening:
        """Remember how it went, and when to look next; where sessions open, let the held ones be opened at once."""
        self._last_opening, self._opened_at, self._counted = opening, self._clock.now().mono, self._count()
        self._open_next_at = self._opened_at + self._rhythm.sweep_s
        if opening.outcome == "opened":
            for session in self._sessions:
                session.retry()
        return opening

    async def _open_once(self, *, ask: bool) -> tuple[Opening, Answer | None]:
        rhythm = self._rhythm
        probe = Session(self._target, "probe", rhythm.connect_timeout_s, rhythm.query_timeout_s)
        answer = None
        try:
            await probe.open()
            if ask:
                answer = await self._answer(probe, new=True)
        except Unavailable as failed:
            # Cut off amid its first question, it is as good as cut off in the handshake.
            return failed.opening or Opening("reset"), None
        except (TimeoutError, Turned):
            pass
        finally:
            probe.drop()
        return Opening("opened", connect_ms=probe.connect_ms), answer

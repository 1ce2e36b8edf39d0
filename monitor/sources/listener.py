"""One LISTEN connection for ever: connect, listen, catch up, prove it by a test signal, and say when it is deaf."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence

import asyncpg
import structlog

from monitor.backoff import Backoff
from monitor.clock import Clock
from monitor.database import Session, Target, open_session
from monitor.domain.catalogue import Trigger
from monitor.domain.ledger import Changes
from monitor.domain.listening import Listening, QueueHeld, SignalLost
from monitor.domain.signal import At, Emit, Gap, Hint, Sample
from monitor.refusals import Turned, Unavailable
from monitor.sources.canary import TEST_CHANNEL, Canary, Flight
from monitor.sources.hearing import Cause, HearingConnection, ended, last_words, listen
from monitor.sources.queries import Outcome
from monitor.sources.reading import Reading

log = structlog.get_logger()
UNPROVEN_S = 0.5
"""How soon to prove the way again when the test signal could not be sent, or a channel was missing."""
QUESTION_S = 1.0
"""How long the listening connection may take to answer, when a test signal was lost."""
POOLED_S = 45.0
"""Behind a pooler we try again seldom: each time LISTEN may stay behind on one of the platform's sessions."""
AWAY = 12
"""Looks at the queue, one each sample, before we listen again all the same."""
USAGE = "select (100 * pg_notification_queue_usage())::float8 as pct"
STATE = "select pg_backend_pid() as pid, array(select pg_listening_channels())::text[] as channels"
END = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid = $1 and usename = current_user and application_name = 'huph-monitor listen'
"""


class Deaf(Exception):  # noqa: N818 - a state of the connection, not an error of ours
    """The connection is open and does not bring what it should."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


class Listener:
    """Hears every channel of the profile on one direct connection that runs nothing else but its own upkeep.

    `catch_up` counts anew what could have been missed, and says how that ended: while it is "lost", nothing is
    proven. Above `queue_drop_pct` of PostgreSQL's queue, if it is we who do not read it, it stops listening until less
    than 0.7 x `queue_warn_pct` is in use, and has `hints` looked at instead.
    """

    def __init__(
        self,
        target: Target,
        channels: Mapping[str, Sequence[str]],
        speaker: Session,
        *,
        triggers: Sequence[Trigger] = (),
        sample_s: float,
        connect_timeout_s: float,
        deadline_s: float,
        deltas: str | None = None,
        queue_warn_pct: float = 1,
        queue_drop_pct: float = 10,
        clock: Clock,
        emit: Emit,
        hint: Hint,
        catch_up: Callable[[], Awaitable[Outcome]],
    ) -> None:
        self._target = target
        self._channels = channels if deltas is None else {**channels, deltas: ()}
        self._hinting = [trigger for trigger in triggers if trigger.hints]
        self._speaker = speaker
        self._deltas = deltas
        self._sample_s = sample_s
        self._connect_timeout_s = connect_timeout_s
        self._deadline_s = deadline_s
        self._warn_pct, self._drop_pct = queue_warn_pct, queue_drop_pct
        self._clock = clock
        self._emit = emit
        self._hint = hint
        self._catch_up = catch_up
        self._canary = Canary(speaker, clock, deadline_s)
        self._wake = asyncio.Event()
        self._lost = 0
        self._pooled = False
        self._since = math.inf
        self._heard_at = -math.inf
        self._reading = Reading()

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
            else:
                self._lost = 0
            self._emit(Gap(self._clock.now(), cause, attempt=backoff.attempt, error=error))
            self._hint("db")
            if cause == "dropped":
                await self._stay_away()
                cause = "closed"
            self._wake.clear()
            wait, self._pooled = POOLED_S if self._pooled else backoff.next(), False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    async def _open(self) -> tuple[asyncpg.Connection | None, str]:
        try:
            connection, _ = await open_session(
                self._target, "listen", self._connect_timeout_s, connection_class=HearingConnection
            )
        except Unavailable as failed:
            return None, failed.opening.outcome if failed.opening is not None else "lost"
        return connection, ""

    async def _listen(self, connection: asyncpg.Connection, backoff: Backoff) -> Cause:
        """Listen until deaf; say why it ended. The back-off begins anew only when everything is proven to be back."""
        lost = asyncio.Event()

        def end(_: object) -> None:
            lost.set()
            self._canary.give_up()
            self._wake.set()

        connection.add_termination_listener(end)
        words, pid = last_words(connection), connection.get_server_pid()
        cause: Cause = "closed"
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await listen(connection, [*self._channels, TEST_CHANNEL], self._heard)
            # Only now may anybody count: what was missed before this moment is in the snapshot that follows.
            self._since = self._clock.now().mono
            self._hint_all()
            caught_up = False
            while not lost.is_set():
                self._wake.clear()
                caught_up = caught_up or await self._caught_up()
                if lost.is_set():
                    break
                proven = caught_up and await self._prove(connection, pid)
                if proven and backoff.attempt:
                    backoff.reset()
                    log.info("listen.recovered", channels=sorted(self._channels))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._sample_s if proven else UNPROVEN_S):
                        await self._wake.wait()
            cause = ended(words)
        except Deaf as deaf:
            cause = deaf.cause
        except asyncpg.InternalClientError:
            # Its protocol stumbled over a message: a payload in no known encoding.
            cause = "unreadable"
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            cause = ended(words) if lost.is_set() else "reset"
        finally:
            # Ended by us, it must not wake us: that would cut the back-off short.
            connection.remove_termination_listener(end)
            # close() would wait for a peer that may not answer.
            connection.terminate()
        if cause in {"after_hung", "dropped"}:
            await self._end(pid)
        return cause

    async def _caught_up(self) -> bool:
        outcome = await self._catch_up()
        if outcome != "answered":
            self._since = math.inf
        return outcome != "lost"

    def _hint_all(self) -> None:
        """Have everything looked at that a signal would have hinted at."""
        hints = [*self._channels.values(), *(trigger.hints for trigger in self._hinting)]
        for check in sorted({check for checks in hints for check in checks}):
            self._hint(check)

    async def _end(self, pid: int) -> None:
        """Have PostgreSQL end our old session, which may still hold its queue of signals."""
        with contextlib.suppress(Unavailable, Turned):
            await self._speaker.ask(END, pid)

    async def _stay_away(self) -> None:
        """Do not listen until the queue is empty again, and pull instead; if that does not empty it, it is not ours."""
        for _ in range(AWAY):
            await asyncio.sleep(self._sample_s)
            self._emit(Gap(self._clock.now(), "dropped"))
            self._hint_all()
            with contextlib.suppress(Unavailable, Turned):
                rows, _ms = await self._speaker.ask(USAGE)
                if rows[0]["pct"] < 0.7 * self._warn_pct:
                    return

    # What is heard.

    def _heard(self, notifications: Sequence[tuple[str, str]]) -> None:
        # A plain function: asyncpg calls it in the order of arrival, a coroutine would lose the order.
        at = self._clock.now()
        self._heard_at = at.mono
        kept: dict[str, list[str]] = {}
        for channel, text in notifications:
            if channel == TEST_CHANNEL:
                # A barrier: what came before it must be told before it.
                self._tell(at, kept)
                self._canary.heard(text)
            else:
                kept.setdefault(channel, []).append(text)
        self._tell(at, kept)

    def _tell(self, at: At, kept: dict[str, list[str]]) -> None:
        """Tell what was heard at once, of each channel as one; among channels, their order means nothing."""
        while kept:
            channel = next(iter(kept))
            texts = kept.pop(channel)
            if channel == self._deltas:
                told = self._reading.deltas(at, channel, texts)
                self._emit(Sample(at, told[0] if len(told) == 1 else Changes(told)))
                continue
            signals = self._reading.signals(at, channel, texts)
            self._emit(signals)
            hints = dict.fromkeys(self._channels[channel])
            for trigger in self._hinting:
                if trigger.channel == channel and any(map(trigger.owns, signals.payloads)):
                    hints |= dict.fromkeys(trigger.hints)
            for check in hints:
                self._hint(check)

    # Whether it is heard.

    async def _prove(self, connection: asyncpg.Connection, pid: int) -> bool:
        """Send a test signal, wait for it, and ask PostgreSQL which channels we hear.

        False when it could not be sent, or when a channel was missing and has been asked for again; raises `Deaf` when
        it was sent and did not come back.
        """
        flight = await self._canary.fly()
        if flight is None:
            # That it could not be sent is the database's own question, and says nothing of what we hear.
            self._hint("db")
            return False
        state = await self._state(connection, QUESTION_S if flight.ms is None else self._deadline_s)
        if flight.ms is None:
            return await self._lose(connection, pid, flight, state)
        if state is None:
            raise Deaf("after_hung")
        self._lost = 0
        missing = self._channels.keys() - state[1]
        self._emit(
            Sample(
                self._clock.now(),
                Listening(frozenset(self._channels.keys() & state[1]), flight.ms, flight.sent, self._since),
            )
        )
        await self._listen_again(connection, missing)
        return not missing

    async def _lose(
        self,
        connection: asyncpg.Connection,
        pid: int,
        flight: Flight,
        state: tuple[int, frozenset[str]] | None,
    ) -> bool:
        """Say that a test signal was lost, and with what else that came; listen again where that may mend it."""
        channels = self._channels.keys() & state[1] if state is not None else None
        pooled = state is not None and state[0] != pid
        missing = state is not None and not pooled and not {*self._channels, TEST_CHANNEL} <= state[1]
        # An answer comes behind all that was sent before it. Without one, while anything comes, it may only be late.
        late = self._canary.late or (state is None and self._heard_at > flight.sent)
        if not (missing or (late and self._lost)):
            self._lost += 1
        at, told = self._clock.now(), frozenset(channels) if channels is not None else None
        lost = SignalLost(max(self._lost, 1), told, pid, self._target.label, pooled, unlistened=missing)
        self._emit(Sample(at, lost))
        if flight.queue_pct >= self._warn_pct and not pooled:
            dropped = flight.queue_pct >= self._drop_pct
            self._emit(Sample(at, QueueHeld(round(flight.queue_pct, 2), dropped)))
            if dropped:
                log.warning("listen.dropped", queue_pct=round(flight.queue_pct, 2))
                raise Deaf("dropped")
        if pooled:
            # Nobody else undoes what LISTEN has done to a session of the pool.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUESTION_S):
                    await connection.execute("UNLISTEN *")
            self._pooled = self._lost > 1
        if not missing or state is None:
            raise Deaf("after_hung")
        await self._listen_again(connection, {*self._channels, TEST_CHANNEL} - state[1])
        self._wake.set()
        return False

    async def _state(self, connection: asyncpg.Connection, within_s: float) -> tuple[int, frozenset[str]] | None:
        """Ask the listening connection who it is and what it hears; None when it does not answer."""
        try:
            async with asyncio.timeout(within_s):
                row = await connection.fetchrow(STATE)
        except TimeoutError:
            return None
        return row["pid"], frozenset(row["channels"])

    async def _listen_again(self, connection: asyncpg.Connection, missing: set[str]) -> None:
        """Ask for these channels again, and have looked at what could have been missed."""
        if not missing:
            return
        log.warning("channel.missed", channels=sorted(missing))
        # What is counted from now on was not waited for.
        self._since = math.inf
        async with asyncio.timeout(QUESTION_S):
            await listen(connection, sorted(missing), self._heard)
        for check in sorted({check for channel in missing for check in self._channels.get(channel, ())}):
            self._hint(check)

"""The life of the platform while the demo runs: people write, the bot answers, cron jobs run.

It keeps to the rhythm that the past was drawn by, with its floor (see rhythm.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple

import asyncpg
import structlog

from monitor.demo import history, schema
from monitor.demo.rhythm import conversation
from monitor.demo.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.clock import Clock
    from monitor.demo.rhythm import Rhythm, Sender
    from monitor.demo.scheduler import Step

Mode = Literal["normal", "spike", "silence"]
SPIKE_PER_SECOND = 40
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 2.0  # seconds between two tries to reach a PostgreSQL that is down
_FORGET_AFTER = 15.0  # seconds: what people could not say for so long, because PostgreSQL was down, is never said
_LATE = (20.0, 30.0)  # seconds by which a slow bot answers later
_REASSIGNED = (60.0, 300.0)  # seconds between two assignments that are made anew
_REDRAW = 60.0  # seconds: the rate changes with the hour, so no draw may reach further ahead than this
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_log = structlog.get_logger()


class _Entry(NamedTuple):
    """One thing to do; talk is dropped where it comes too late, the rest waits until it can be done."""

    due: float
    number: int  # so that two entries of one instant are never compared any further
    talk: bool
    step: Step


class Traffic:
    """One session that speaks for the whole platform, one row and one transaction at a time."""

    def __init__(self, dsn: str, rhythm: Rhythm, clock: Clock, *, since: datetime | None = None) -> None:
        """Describe it; `since` is where the past ends that is written already."""
        self.mode: Mode = "normal"
        self.slow_bot = False
        self.scheduler = Scheduler(self._plan, clock, rhythm.seed)
        self._dsn = dsn
        self._rhythm = rhythm
        self._clock = clock
        self._since = since
        self._chance = Random(f"{rhythm.seed}:traffic:{clock.now().wall:.0f}")  # noqa: S311  a simulation
        self._agenda: list[_Entry] = []
        self._numbers = count()
        self._changed = asyncio.Event()
        self._next_flood = 0.0
        self._wait = _FIRST_WAIT

    def change(self, mode: Mode) -> None:
        """Turn to another mode at once."""
        self.mode = mode
        self._next_flood = self._clock.now().mono
        if mode == "silence":
            self._drop(lambda entry: entry.talk)
        self._changed.set()

    async def run(self) -> None:
        """Live until cancelled; a PostgreSQL that is down is waited for."""
        self._plan_arrival()
        self._plan_assignment()
        self.scheduler.begin(self._since or self._wall())
        while True:
            try:
                session = await schema.connect(self._dsn, schema.OWNER_SESSION)
                try:
                    _log.info("traffic.started", mode=self.mode)
                    await self._live(session)
                finally:
                    session.terminate()  # close() would wait for a server that may be gone
            except _FAILURES as error:
                _log.warning("traffic.interrupted", error=type(error).__name__, retry_s=self._wait)
            await asyncio.sleep(self._wait * self._chance.uniform(0.5, 1))
            self._wait = min(2 * self._wait, _LONGEST_WAIT)

    async def _live(self, session: asyncpg.Connection) -> None:
        too_late = self._clock.now().mono - _FORGET_AFTER
        self._drop(lambda entry: entry.talk and entry.due < too_late)
        while True:
            if self._rhythm.floor and self.mode != "silence" and not any(entry.talk for entry in self._agenda):
                await self._begin_conversation(session)
            await self._until_due()
            now = self._clock.now().mono
            if self.mode == "spike" and self._next_flood <= now:
                # After a pause no more than one second's worth is made up for.
                self._next_flood = max(self._next_flood + 1 / SPIKE_PER_SECOND, now - 1)
                await self._flood(session)
            elif self._agenda[0].due <= now:
                entry = heapq.heappop(self._agenda)
                try:
                    await entry.step(session)
                except _FAILURES:
                    if not entry.talk:
                        heapq.heappush(self._agenda, entry)
                    raise
                self._wait = _FIRST_WAIT  # not before something was done: a server may accept us and refuse every row

    async def _until_due(self) -> None:
        due = self._agenda[0].due
        if self.mode == "spike":
            due = min(due, self._next_flood)
        wait = due - self._clock.now().mono
        if wait > 0:
            # Not wait_for: until Python 3.12 it loses a cancellation that comes together with what it waits for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()
        self._changed.clear()

    def _plan(self, after: float, step: Step, *, talk: bool = False) -> None:
        if not (talk and self.mode == "silence"):  # a conversation that was just being opened stays empty
            heapq.heappush(self._agenda, _Entry(self._clock.now().mono + after, next(self._numbers), talk, step))
            self._changed.set()

    def _drop(self, unwanted: Callable[[_Entry], bool]) -> None:
        self._agenda = [entry for entry in self._agenda if not unwanted(entry)]
        heapq.heapify(self._agenda)

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now().wall, UTC)

    def _plan_arrival(self) -> None:
        wait = self._chance.expovariate(self._rhythm.conversations_per_minute(self._wall()) / 60)

        async def arrive(session: asyncpg.Connection) -> None:
            if wait <= _REDRAW and self.mode != "silence":
                await self._begin_conversation(session)
            self._plan_arrival()

        self._plan(min(wait, _REDRAW), arrive)

    async def _begin_conversation(self, session: asyncpg.Connection) -> None:
        said = conversation(self._chance)
        user, cluster, counselor = history.pick_people(self._chance)
        number = await self._open_conversation(session, user, cluster)
        await self._notify(session, counselor, "assigned")
        for line in said.lines:
            self._plan(line.after, self._saying(number, line.sender), talk=True)
        if said.taken_over_after is not None:

            async def take_over(session: asyncpg.Connection) -> None:
                await session.execute("update conversations set handled_by = 'counselor' where id = $1", number)
                await self._notify(session, counselor, "takeover")

            self._plan(said.taken_over_after, take_over, talk=True)

    async def _open_conversation(self, session: asyncpg.Connection, user: int, cluster: int) -> int:
        statement = "insert into conversations (user_id, cluster_id) values ($1, $2) returning id"
        number: int = await session.fetchval(statement, user, cluster)
        return number

    async def _notify(self, session: asyncpg.Connection, counselor: int, kind: str) -> None:
        await session.execute("insert into notifications (user_id, kind) values ($1, $2)", counselor, kind)

    def _saying(self, number: int, sender: Sender) -> Step:
        async def say(session: asyncpg.Connection) -> None:
            await self._insert_message(session, number, sender)

        async def say_late(session: asyncpg.Connection) -> None:
            if self.slow_bot:
                self._plan(self._chance.uniform(*_LATE), say, talk=True)
            else:
                await say(session)

        return say_late if sender == "bot" else say

    async def _insert_message(self, session: asyncpg.Connection, number: int, sender: Sender) -> None:
        statement = "insert into messages (conversation_id, sender_type, body) values ($1, $2, $3)"
        await session.execute(statement, number, sender, history.body(sender, self._chance))

    async def _flood(self, session: asyncpg.Connection) -> None:
        """Add one message of a loop, as when a bot and an automatic reply talk to each other."""
        sender: Sender = self._chance.choice(("user", "bot"))
        newest = await session.fetchval("select max(id) from conversations")
        await self._insert_message(session, newest or await self._open_conversation(session, 1001, 1), sender)

    def _plan_assignment(self) -> None:
        """Now and then a counselor is assigned to the same cluster anew, which changes nothing but rings a trigger."""

        async def assign(session: asyncpg.Connection) -> None:
            _, cluster, counselor = history.pick_people(self._chance)
            statement = "update cluster_assignments set assigned_at = now() where cluster_id = $1 and user_id = $2"
            await session.execute(statement, cluster, counselor)
            self._plan_assignment()

        self._plan(self._chance.uniform(*_REASSIGNED) / self._rhythm.speed, assign)

"""The composition root: every object made once, every task named once; one straight line, to be read in one go."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import structlog

from monitor import __version__
from monitor.clock import Clock, SystemClock
from monitor.config import Config
from monitor.database import Session
from monitor.domain.board import Board
from monitor.domain.catalogue import Catalogue
from monitor.domain.checks.check import Check
from monitor.domain.checks.db import Db
from monitor.domain.checks.message_throughput import MessageThroughput, Rates, Recount
from monitor.domain.checks.realtime import Realtime
from monitor.domain.checks.recent_activity import Activity, RecentActivity
from monitor.domain.checks.triggers import Triggers
from monitor.domain.connection import Connections, Statements, Storage
from monitor.domain.series import DAY_S, HOUR_S
from monitor.domain.window import CAP
from monitor.engine import Engine
from monitor.outputs import transitions_log
from monitor.outputs.hub import Hub
from monitor.outputs.server import Server
from monitor.sources.listener import Listener
from monitor.sources.pulse import DatabasePulse, Rhythm
from monitor.sources.queries import Query
from monitor.sources.sweep import Pull, Sweep

log = structlog.get_logger()
RECOUNT_REST_S = 0.025
RARELY = 10
"""Questions whose answer changes slowly are asked in every tenth sweep."""


def checks(config: Config) -> list[Check]:
    """Make every check that is watched, with its limits."""
    profile, limits = config.profile, config.profile.limits
    ttl_s = 2 * limits["sweep_s"] + limits["query_timeout_s"] + limits["connect_timeout_s"]
    relayed = {name: channel.realtime for name, channel in profile.channels.items()}
    return [
        Db(
            elevated_ms=limits["elevated_ms"],
            slow_ms=limits["slow_ms"],
            saturated_pct=limits["saturated_pct"],
            query_timeout_s=limits["query_timeout_s"],
            connect_timeout_s=limits["connect_timeout_s"],
            sample_s=limits["sample_s"],
            sweep_s=limits["sweep_s"],
            note_min=limits["note_min"],
        ),
        Realtime(channels=relayed, canary_deadline_s=limits["canary_deadline_s"], ttl_s=ttl_s),
        Triggers(expected=profile.triggers, ttl_s=ttl_s),
        RecentActivity(
            quiet_h=limits["quiet_h"],
            silent_h=limits["silent_h"],
            bot_window_min=int(limits["bot_window_min"]),
            bot_min_user=int(limits["bot_min_user"]),
            quiet_hours=profile.quiet_hours,
            ttl_s=ttl_s,
        ),
        MessageThroughput(
            max_5m=int(limits["max_5m"]), min_60m=int(limits["min_60m"]), quiet_hours=profile.quiet_hours, ttl_s=ttl_s
        ),
    ]


class App:
    """The daemon, made of its rooms; `run` serves until it is told to stop."""

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._config = config
        clock = clock if clock is not None else SystemClock()
        profile, limits = config.profile, config.profile.limits
        board = Board(
            platform=profile.platform,
            zone=profile.zone.key,
            version=__version__,
            senders=profile.senders,
            checks=checks(config),
            at=clock.now(),
        )
        hub = Hub(board.document, board.evidence, clock)
        engine = Engine(board, clock, [hub.publish, transitions_log.publish], self._look_again)
        connect_timeout_s = limits["connect_timeout_s"]
        query_timeout_s = limits["query_timeout_s"]
        recount = Session(config.database, "recount", connect_timeout_s, query_timeout_s)
        sweep = Session(config.database, "sweep", connect_timeout_s, query_timeout_s)

        def query(name: str, facts: type) -> Query:
            return Query.load(profile.queries, name, facts)

        def since() -> tuple[float]:
            """Count the whole day once, then the last hour again and again."""
            until = board.counted_until()
            return (clock.now().wall - DAY_S if until is None else until - HOUR_S,)

        tables = sorted({trigger.table for trigger in profile.triggers})
        senders, bot_window_min = list(profile.senders), int(limits["bot_window_min"])
        pulls = [
            Pull("message_throughput", query("recount", Recount), recount, RECOUNT_REST_S, arguments=lambda: (CAP,)),
            Pull("message_throughput", query("rates", Rates), recount, 1.0, arguments=since),
            Pull(
                "recent_activity",
                query("activity", Activity),
                recount,
                1.0,
                arguments=lambda: (senders, bot_window_min),
            ),
            Pull("triggers", query("triggers", Catalogue), sweep, 1.0, arguments=lambda: (tables,)),
            Pull("db", query("connections", Connections), sweep, 1.0, optional=True),
            Pull("db", query("storage", Storage), sweep, 1.0, every=RARELY, optional=True),
            Pull("db", query("statements", Statements), sweep, 1.0, every=RARELY, optional=True),
        ]
        rhythm = Rhythm(limits["sample_s"], limits["sweep_s"], query_timeout_s, connect_timeout_s)
        self._pulse = DatabasePulse(config.database, (sweep, recount), rhythm, clock, engine.emit)
        self._sweep = Sweep(pulls, limits["sweep_s"], clock, engine.emit, self._hint)
        self._listener = Listener(
            config.listen,
            {name: channel.hints for name, channel in profile.channels.items()},
            recount,
            sweep_s=limits["sweep_s"],
            connect_timeout_s=connect_timeout_s,
            deadline_s=limits["canary_deadline_s"],
            clock=clock,
            emit=engine.emit,
            hint=self._hint,
        )
        self._sessions = (recount, sweep)
        self._engine, self._hub = engine, hub
        self._server = Server(
            hub=hub,
            read_series=engine.series,
            clock=clock,
            host=config.http.host,
            port=config.http.port,
            base_path=config.http.base_path,
            hosts=config.http.hosts,
        )

    def _hint(self, check: str) -> None:
        """Look at this check again: a source says so."""
        if check == "db":
            self._pulse.wake()
        else:
            self._sweep.look(check)

    def _look_again(self, check: str) -> None:
        """Look at this check again: the board says that what hid it is gone."""
        if check == "realtime":
            self._listener.wake()
        else:
            self._sweep.look(check)

    async def run(self, ready: Callable[[str], None] = lambda _: None) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is told the page's address. A task that ends by itself ends it all."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        address = await self._server.start()
        log.info("daemon.started", version=__version__, address=address, database=self._config.database.label)
        ready(address)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._for_ever(self._engine.run), name="engine"),
                    group.create_task(self._for_ever(self._pulse.run), name="pulse of the database"),
                    group.create_task(self._for_ever(self._sweep.run), name="sweep"),
                    group.create_task(self._for_ever(self._listener.run), name="listener"),
                    group.create_task(self._for_ever(self._hub.run), name="bookmarks"),
                ]
                await stop.wait()
                log.info("stop.requested")
                await self._server.stop()
                for task in reversed(tasks):
                    task.cancel()
        finally:
            for session in self._sessions:
                session.drop()
            with contextlib.suppress(asyncio.CancelledError):
                await self._server.stop()
            log.info("daemon.stopped")

    @staticmethod
    async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
        await work()
        raise RuntimeError("a task that should live for ever has ended")

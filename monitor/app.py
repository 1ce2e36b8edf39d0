"""The composition root: every object made once, every task named once; one straight line, to be read in one go."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

import structlog

from monitor import __version__, plan
from monitor.access.break_glass import BreakGlass
from monitor.access.gate import Gate
from monitor.access.nextauth import NextAuth
from monitor.access.roles import Roles
from monitor.access.rules import Rules
from monitor.access.tokens import TokenStore
from monitor.clock import Clock, SystemClock
from monitor.config import Config
from monitor.database import Session
from monitor.domain.board import Board
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.domain.counting import Recount
from monitor.domain.series import DAY_S, HOUR_S
from monitor.domain.signal import Emit, Sample, Signal
from monitor.engine import Engine
from monitor.outputs import transitions_log
from monitor.outputs.hub import Hub
from monitor.outputs.seats import Limits
from monitor.outputs.server import Server
from monitor.sources.broker import BrokerClient
from monitor.sources.flags import FlagRows, FlagsSource, by_sql
from monitor.sources.listener import Listener
from monitor.sources.probes.http import fetch
from monitor.sources.probes.names import Names
from monitor.sources.pulse import DatabasePulse, Rhythm
from monitor.sources.queries import Query
from monitor.sources.services import Services
from monitor.sources.sweep import Sweep
from monitor.sources.users import UserRows, UserWatch
from monitor.sources.vitals import SelfWatch
from monitor.systemd import ServiceManager

log = structlog.get_logger()
Endless = tuple[str, Callable[[], Awaitable[None]]]


def _gate(rules: Rules, roles: Roles) -> Gate:
    """Make the ways in that are configured."""
    return Gate(
        rules,
        nextauth=NextAuth(rules.nextauth, max_age_s=rules.max_age_s, secure=rules.secure) if rules.nextauth else None,
        roles=roles,
        tokens=TokenStore(rules.tokens) if rules.tokens is not None else None,
        glass=BreakGlass(rules.break_glass) if rules.break_glass is not None else None,
    )


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
            checks=plan.checks(config),
            at=clock.now(),
            explains=profile.explains,
        )
        self._services: Services | None = None
        self._flags: FlagsSource | None = None
        self._broker: BrokerClient | None = None
        self._clock_ahead_s: float | None = None
        hub = Hub(board.document, board.evidence, clock, coalesce_s=config.stream.coalesce_s)
        engine = Engine(board, clock, [hub.publish, transitions_log.publish], self._look_again)
        sweep_s, sample_s = limits["sweep_s"], limits["sample_s"]

        def emit(signal: Signal) -> None:
            if isinstance(signal, Sample) and isinstance(signal.facts, Recount):
                # Its snapshot is as old as the recount took: milliseconds.
                self._clock_ahead_s = signal.facts.now - signal.at.wall
            engine.emit(signal)

        connect_timeout_s, query_timeout_s = limits["connect_timeout_s"], limits["query_timeout_s"]
        recount = Session(config.database, "recount", connect_timeout_s, query_timeout_s)
        sweep = Session(config.database, "sweep", connect_timeout_s, query_timeout_s)

        def since() -> float:
            """Count the whole day once, then the last hour again and again."""
            until = board.counted_until()
            return clock.now().wall - DAY_S if until is None else until - HOUR_S

        rhythm = Rhythm(sample_s, sweep_s, query_timeout_s, connect_timeout_s)
        pulls = plan.pulls(config, recount, sweep, since, heard=lambda: engine.heard, unclaimed=board.unclaimed)
        self._sweep = Sweep(pulls, sweep_s, clock, emit, self._hint)
        self._listener = Listener(
            config.listen,
            {name: channel.hints for name, channel in profile.channels.items()},
            recount,
            triggers=profile.triggers,
            sample_s=sample_s,
            connect_timeout_s=connect_timeout_s,
            deadline_s=limits["canary_deadline_s"],
            deltas=config.deltas.channel if config.deltas is not None else None,
            queue_warn_pct=limits["queue_warn_pct"],
            queue_drop_pct=limits["queue_drop_pct"],
            clock=clock,
            emit=emit,
            hint=self._hint,
            catch_up=lambda: self._sweep.answer("recount"),
        )
        vitals = SelfWatch(
            sample_s=sample_s,
            clock=clock,
            emit=emit,
            subscribers=lambda: hub.following,
            refused=hub.refused,
            database_clock_s=lambda: self._clock_ahead_s,
            stall_s=limits["stall_s"],
            clock_step_s=limits["clock_step_s"],
        )
        sessions = (sweep, recount)
        self._pulse = DatabasePulse(config.database, sessions, rhythm, clock, emit, lag_since=vitals.lag_since)
        self._endless: list[Endless] = [
            ("engine", engine.run),
            ("pulse of the database", self._pulse.run),
            ("sweep", self._sweep.run),
            ("listener", self._listener.run),
            ("vitals", vitals.run),
            ("bookmarks", hub.run),
        ]
        names = Names(lambda resolver: emit(Sample(clock.now(), resolver)))
        if profile.services:
            self._services = Services(
                profile.services,
                sweep_s=sweep_s,
                timeout_s=limits["service_timeout_s"],
                clock=clock,
                emit=emit,
                names=names,
                lag_since=vitals.lag_since,
            )
            self._endless.append(("services", self._services.run))
        if profile.flags is not None:
            self._flags = self._flags_source(profile.flags, config, sweep, names, clock=clock, emit=emit)
            self._endless.append(("feature flags", self._flags.run))
        if profile.broker is not None:
            self._broker = BrokerClient(
                profile.broker,
                clock,
                emit,
                sample_s=sample_s,
                sweep_s=sweep_s,
                connect_timeout_s=connect_timeout_s,
            )
            self._endless.append(("broker", self._broker.run))
        roles = Roles(profile.roles, lambda: self._hint("users"))
        gate = _gate(config.access, roles)
        self._sessions = (recount, sweep)
        self._server = Server(
            hub=hub,
            read_series=engine.series,
            clock=clock,
            host=config.http.host,
            port=config.http.port,
            base_path=config.http.base_path,
            gate=gate,
            editor=plan.editor(profile, config.database, config.edit),
            hosts=config.http.hosts,
            frame_ancestors=config.http.frame_ancestors,
            runbooks=profile.runbooks,
            links=profile.links,
            limits=Limits(config.stream.max_subscribers, config.stream.max_per_address, config.stream.max_per_caller),
        )
        self._endless.append(("attendance", self._server.attendance.run))
        self._users: UserWatch | None = None
        if config.access.nextauth and (query := plan.if_there(profile, "users", UserRows)) is not None:
            self._users = UserWatch(
                query,
                # Not the sweep's, whose questions may be slow: who was struck off must not wait for them.
                recount,
                roles,
                clock,
                sweep_s=sweep_s,
                changed=self._server.attendance.check,
            )
            self._endless.append(("users", self._users.run))

    @staticmethod
    def _flags_source(
        flags: FlagSettings, config: Config, session: Session, names: Names, *, clock: Clock, emit: Emit
    ) -> FlagsSource:
        limits, ask = config.profile.limits, None

        async def get(url: str) -> bytes | None:
            return await fetch(url, names, limits["service_timeout_s"])

        if flags.source == "sql":
            ask = by_sql(session, Query.load(config.profile.queries, "flags", FlagRows), list(flags.expected))
        return FlagsSource(
            flags,
            clock,
            emit,
            sweep_s=limits["sweep_s"],
            deadline_s=limits["service_timeout_s"],
            fetch=get if flags.source == "http" else None,
            ask=ask,
        )

    def _hint(self, check: str) -> None:
        """Look at this check again: a source says so."""
        if check == "db":
            self._pulse.wake()
        elif check == "users":
            if self._users is not None:
                self._users.wake()
        else:
            self._sweep.look(check)

    def _look_again(self, check: str) -> None:
        """Look at this check again: the board says that what hid it is gone."""
        whole = check == "monitor"  # it stood still: nothing that was seen before may be trusted
        if whole or check == "realtime":
            self._listener.wake()
            if self._broker is not None:
                self._broker.wake()
        if self._flags is not None and (whole or check == "feature_flags"):
            self._flags.look()
        if self._services is not None:
            self._services.look(None if whole else check)
        if whole:
            self._pulse.wake()
            self._sweep.look_everywhere()
        else:
            self._sweep.look(check, wished=True)

    async def run(self, ready: Callable[[str], None] = lambda _: None, manager: ServiceManager | None = None) -> None:
        """Serve until SIGTERM or SIGINT; `ready` is told the page's address. A task that ends by itself ends it all.

        `manager` is whoever has started us and waits for signs of life.
        """
        manager = manager if manager is not None else ServiceManager({})
        if manager.beat_s is not None:
            self._endless.append(("signs of life", manager.run))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        address = await self._server.start()
        log.info("daemon.started", version=__version__, address=address, database=self._config.database.label)
        ready(address)
        manager.ready()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._for_ever(work), name=name) for name, work in self._endless]
                await stop.wait()
                log.info("stop.requested")
                manager.stopping()
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

"""The demo put together: PostgreSQL, its past, its traffic, what stands beside it, and its buttons.

Started in order, stopped in reverse.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from monitor.clock import SystemClock
from monitor.demo import configuration, history, kinds, schema, state
from monitor.demo.control import Control
from monitor.demo.mischief import Mischief
from monitor.demo.port import free_ports
from monitor.demo.postgres import EmbeddedPostgres
from monitor.demo.rhythm import PLACE, Rhythm
from monitor.demo.state import BROKER_SECRET, EDIT_PASSWORD, PASSWORD
from monitor.demo.surroundings import PORTS, Surroundings
from monitor.demo.traffic import Traffic
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from monitor.clock import Clock
    from monitor.demo.broker import DemoBroker

_STOP_TIMEOUT = 3.0  # seconds for PostgreSQL; the whole has five
_WATCH_EVERY = 0.5  # seconds
_log = structlog.get_logger()


@dataclass(frozen=True)
class Options:
    """What a person may choose."""

    ephemeral: bool = False
    seed: int = 1
    speed: float = 1.0
    state: Path | None = None
    leash: bool = False
    traffic: bool = True


async def run(options: Options) -> None:
    """Run the demo until a signal, or until the parent that holds the leash is gone; say on stdout when it is ready."""
    loop = asyncio.get_running_loop()
    stop = _once(asyncio.current_task())
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if options.leash:
        _hold_leash(loop, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await _live(options, SystemClock())
    _log.info("demo.stopped")


async def _live(options: Options, clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        held = state.hold(options.state, ephemeral=options.ephemeral)
        stack.callback(held.close)
        before = held.ports()
        ports = free_ports({name: before.get(name) for name in ("postgres", "broker", *PORTS)})
        postgres = EmbeddedPostgres(
            held.directory / "postgres",
            durable=not options.ephemeral,
            port=ports["postgres"],
            password=held.secret(PASSWORD),
            # The monitor's role may read little, and its configuration names no secret; everyone else has to know it.
            guests=[(schema.DATABASE, schema.MONITOR)],
        )
        held.keep_ports({**ports, "postgres": postgres.port})
        rhythm = Rhythm(options.seed, _wall(clock).astimezone(PLACE).date(), options.speed)

        # To draw eight weeks and to run initdb takes half a second each: side by side at a first start, and beside
        # them whatever needs no database.
        everything = history.whole(_wall(clock))
        early = None if postgres.exists else loop.run_in_executor(None, history.draw, rhythm, everything)
        made = loop.run_in_executor(None, postgres.init)
        stack.push_async_callback(asyncio.wait, [made])  # it must not write into a directory that is being removed
        beside = Surroundings(held, ports, clock)
        await beside.start(stack)

        # PostgreSQL itself is started on this thread, with which it ends.
        stack.callback(postgres.stop, "fast", _STOP_TIMEOUT)
        await asyncio.shield(made)
        await postgres.start_beside()
        _log.info("postgres.started", port=postgres.port, version=postgres.programs.version, pid=postgres.pid)
        broker_class = loop.run_in_executor(None, _load_broker)
        since = await _furnish(postgres, held, rhythm, clock, (everything, early) if early else None)
        await beside.valkey.answers()
        dsn = postgres.dsn(schema.DATABASE, schema.OWNER)
        broker = (await broker_class)(dsn, held.secret(BROKER_SECRET), ports["broker"])
        stack.push_async_callback(broker.stop)
        await broker.start()
        traffic = Traffic(dsn, rhythm, clock, since=since) if options.traffic else None
        mischief = Mischief(kinds.every(postgres, traffic, broker, beside.services, beside.flags))

        def facts() -> dict[str, Any]:
            return {
                "monitor_dsn": postgres.dsn(schema.DATABASE, schema.MONITOR),
                "config": str(held.config),
                "control": control.url,
                "state_dir": str(held.directory),
                "flag_file": str(beside.flags.path),
                "broker": broker.url,
                "services": {name: where for name, place in beside.places.items() for where in place.values()},
                "pids": {"demo": os.getpid(), "postgres": postgres.pid, "valkey": beside.valkey.pid},
                "broken": mischief.broken(),
                "postgres": {"version": postgres.programs.version, "port": postgres.port},
            }

        control = Control(mischief, facts, beside.links.issue)
        stack.push_async_callback(control.stop)
        await control.start()
        held.write_config(
            configuration.text(
                dsn=postgres.dsn(schema.DATABASE, schema.MONITOR),
                broker=broker.url,
                secret=held.secret_file(BROKER_SECRET),
                sign_in=beside.links.address,
                tokens=held.tokens,
                flags=beside.flags.path,
                services=beside.places,
                edit_dsn=postgres.address(schema.DATABASE, schema.EDITOR),
                edit_password=held.secret_file(EDIT_PASSWORD),
            )
        )
        held.announce(
            {
                "control": control.url,
                "config": str(held.config),
                "pid": os.getpid(),
                "dsn": postgres.dsn(schema.DATABASE),
            }
        )
        async with asyncio.TaskGroup() as tasks:
            if traffic:
                tasks.create_task(traffic.run(), name="demo traffic")
            tasks.create_task(_watch(postgres), name="demo watch of PostgreSQL")
            _log.info("demo.started", config=str(held.config), control=control.url, ephemeral=options.ephemeral)
            sys.stdout.write(json.dumps({"config": str(held.config), "control": control.url}) + "\n")
            sys.stdout.flush()


def _load_broker() -> type[DemoBroker]:
    """Load it beside other work: its libraries take as long as all others together."""
    from monitor.demo.broker import DemoBroker  # noqa: PLC0415  see above

    return DemoBroker


async def _furnish(
    postgres: EmbeddedPostgres,
    held: state.State,
    rhythm: Rhythm,
    clock: Clock,
    early: tuple[history.Gap, asyncio.Future[history.History]] | None,
) -> datetime:
    """Bring the database to what a platform has: tables, a past without a hole, triggers, and the monitor's rights.

    Gives the instant at which the past ends.
    """
    await schema.create_database(postgres, held.secret(PASSWORD))
    owner = await schema.connect(postgres.dsn(schema.DATABASE, schema.OWNER), schema.OWNER_SESSION)
    superuser = await schema.connect(postgres.dsn(schema.DATABASE), "huph-demo history")
    try:
        await schema.create_tables(owner)
        await schema.make_whole(owner)
        if early:
            gap, drawn = early[0], await early[1]
        else:
            gap = await history.find_gap(superuser, _wall(clock))
            drawn = history.draw(rhythm, gap)
        await history.write(superuser, drawn)
        _log.info("history.written", since=gap.begin.isoformat(), messages=len(drawn.messages))
        await schema.create_triggers(owner)
        await schema.grant_monitor(superuser)
        await schema.grant_editor(superuser, held.secret(EDIT_PASSWORD))
        return gap.end
    finally:
        owner.terminate()
        superuser.terminate()


async def _watch(postgres: EmbeddedPostgres) -> None:
    """Say so when PostgreSQL ends though nobody told it to. To start it again is for a person, by the mend button."""
    seen: int | None = None
    while True:
        if postgres.died is not None and seen is None:
            _log.error("postgres.died", exit_code=postgres.died, log=str(postgres.log))
        seen = postgres.died
        await asyncio.sleep(_WATCH_EVERY)


def _wall(clock: Clock) -> datetime:
    return datetime.fromtimestamp(clock.now().wall, UTC)


def _once(task: asyncio.Task[Any] | None) -> Callable[[], None]:
    """Cancel the task at the first call only: a second Ctrl-C must not cut the stopping short."""
    left = [task]

    def stop() -> None:
        while left:
            if found := left.pop():
                found.cancel()

    return stop


def _hold_leash(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> None:
    """Stop when the other end of stdin is gone: whoever started us may die without a word."""

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop()

    try:
        loop.add_reader(sys.stdin.fileno(), read)
    except (OSError, ValueError) as error:
        raise MonitorError("--leash needs a pipe on standard input.") from error

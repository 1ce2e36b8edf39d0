"""One listener in a process of its own: takes so many notifications and says how long that took and what it cost.

`python -m tests.bench.ears WAY DSN COUNT` writes "ready", then one object of JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from monitor.clock import SystemClock
from monitor.database import Session, Target
from monitor.domain.board import Board
from monitor.domain.change import Publish
from monitor.domain.checks.realtime import Realtime
from monitor.domain.checks.triggers import Triggers
from monitor.domain.listening import Listening
from monitor.domain.signal import Burst, Event, Sample, Signal
from monitor.engine import Engine
from monitor.sources.listener import Listener
from monitor.sources.queries import Outcome

CHANNEL = "bench"


def say(thing: object) -> None:
    sys.stdout.write(f"{json.dumps(thing)}\n")
    sys.stdout.flush()


def most_memory() -> float:
    """Give the most memory that this program has had so far, in MB; getrusage() would count what came before exec."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


class Meter:
    """Counts notifications from the first to the last."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._heard = 0
        self._done = asyncio.Event()
        self._began = self._cpu = 0.0

    def take(self, count: int = 1) -> None:
        if not self._heard:
            self._began, self._cpu = time.perf_counter(), time.process_time()
        self._heard += count
        if self._heard >= self._wanted:
            self._done.set()

    async def told(self) -> None:
        """Wait for the last one, and say what they cost."""
        await self._done.wait()
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        say({"per_s": self._heard / seconds, "cpu_us": 1e6 * cpu / self._heard, "rss_mb": most_memory()})


async def plain(dsn: str, count: int) -> None:
    """asyncpg's own way: a callback per notification."""
    meter = Meter(count)
    connection = await asyncpg.connect(dsn)
    await connection.add_listener(CHANNEL, lambda *_: meter.take())
    say("ready")
    await meter.told()


@asynccontextmanager
async def listening(dsn: str, publish: Publish, told: Callable[[int], None]) -> AsyncIterator[Board]:
    """Run the daemon's listener, engine and board meanwhile; `told` hears how many notifications each signal brings."""
    clock, ready = SystemClock(), asyncio.Event()
    checks = [Realtime({CHANNEL: True}), Triggers(expected=())]
    board = Board(platform="bench", zone="UTC", version="0", senders=(), checks=checks, at=clock.now())
    engine = Engine(board, clock, [publish], lambda _: None)

    def emit(signal: Signal) -> None:
        if isinstance(signal, Sample) and isinstance(signal.facts, Listening):
            ready.set()
        if isinstance(signal, Event | Burst):
            told(signal.count if isinstance(signal, Burst) else 1)
        engine.emit(signal)

    async def caught_up() -> Outcome:
        return "answered"

    speaker = Session(Target.of(dsn), "bench", 5)
    listener = Listener(
        Target.of(dsn),
        {CHANNEL: ("nothing",)},
        speaker,
        sample_s=3600,
        connect_timeout_s=5,
        deadline_s=5,
        clock=clock,
        emit=emit,
        hint=lambda _: None,
        catch_up=caught_up,
    )
    tasks = [asyncio.create_task(one) for one in (listener.run(), engine.run())]
    await ready.wait()
    yield board
    for task in tasks:
        task.cancel()
    speaker.drop()


async def ours(dsn: str, count: int) -> None:
    """The daemon's listener, engine and board: what a storm costs until the document knows of it."""
    meter = Meter(count)
    async with listening(dsn, lambda _: None, meter.take) as board:
        say("ready")
        await meter.told()
        assert board.document["checks"]["realtime"]["detail"]["channels"][CHANNEL]["events_5m"] >= 0.9 * count


if __name__ == "__main__":
    asyncio.run({"plain": plain, "ours": ours}[sys.argv[1]](sys.argv[2], int(sys.argv[3])))

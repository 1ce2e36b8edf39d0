"""The engine: the only writer, in order, at the right second, and never stopped by a flood."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from monitor import engine as module
from monitor.domain.board import Board
from monitor.domain.change import Change
from monitor.domain.checks.db import Db
from monitor.domain.connection import Answer, Pulse
from monitor.domain.signal import At, Dropped, Event, Gap, Sample, Signal, Tick
from monitor.engine import Engine
from tests.fakes import FakeClock, LoopClock, Recorder, leaping


class Ledger:
    """A board that writes down what it is given, and makes a change of everything but samples."""

    def __init__(self, look_again: frozenset[str] = frozenset()) -> None:
        self.applied: list[Signal] = []
        self.due = math.inf
        self.document = {"seq": 0}
        self._look_again = look_again

    def apply(self, signal: Signal) -> Change | None:
        self.applied.append(signal)
        if isinstance(signal, Tick):
            self.due = math.inf
        if isinstance(signal, Sample):
            return None
        self.document = {"seq": len(self.applied)}
        return Change(1, len(self.applied), signal.at.wall, {}, self.document, look_again=self._look_again)

    def deadline(self) -> float:
        return self.due

    def evidence(self) -> dict[str, str]:
        return {"db": "2026-11-22T00:00:00.000Z"}

    def series(self, name: str, at: At) -> dict[str, Any] | None:
        return {"name": name, "at": at.mono} if name == "messages" else None


def event(number: int, clock: FakeClock | LoopClock) -> Event:
    return Event(clock.now(), "messages", {"id": number})


async def living(engine: Engine, work: Any) -> Any:
    """Let the engine run while this is done."""
    task = asyncio.get_running_loop().create_task(engine.run(), name="engine")
    try:
        return await work
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def turns(count: int) -> None:
    """Live through so many turns of the loop."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
def said() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


def test_heard():
    """What the database has pushed is counted; what was asked for is not."""
    clock, board = FakeClock(), Ledger()
    engine = Engine(board, clock, [], Recorder())
    for number in range(3):
        engine.emit(event(number, clock))
    engine.emit(Sample(clock.now(), "facts"))
    assert engine.heard == 3


def test_order():
    """Signals are applied in the order in which they came, and every output hears of every change in that order."""
    board, clock, first, second = Ledger(), FakeClock(), Recorder(), Recorder()
    engine = Engine(board, clock, [first, second], Recorder())
    signals = [event(1, clock), Sample(clock.now(), "facts"), Gap(clock.now(), "reset"), event(2, clock)]
    for signal in signals:
        engine.emit(signal)
    assert board.applied == []
    engine.step()
    assert board.applied == signals
    assert [change.seq for change in first.seen] == [1, 3, 4]
    assert second.seen == first.seen


def test_look_again():
    """What the board wants looked at again is hinted at, after the outputs were told."""
    told: list[Any] = []
    clock = FakeClock()
    board = Ledger(look_again=frozenset({"triggers", "db", "realtime"}))
    engine = Engine(board, clock, [lambda change: told.append(change.seq)], told.append)
    engine.emit(event(1, clock))
    engine.step()
    assert told == [1, "db", "realtime", "triggers"]


def test_tick():
    """When nothing comes, time itself is told, at the very second for which the board waits and only once."""

    async def scene() -> None:
        clock, board = LoopClock(), Ledger()
        board.due = clock.now().mono + 3600
        changes = Recorder()
        engine = Engine(board, clock, [changes], Recorder())
        await living(engine, changes.until(1))
        assert [type(signal) for signal in board.applied] == [Tick]
        assert board.applied[0].at.mono == pytest.approx(3600, abs=0.01)
        assert board.applied[0].at.mono >= 3600

    leaping(scene())


def test_deadline_after_signal():
    """A signal that moves the deadline forward moves the waking forward."""

    async def scene() -> None:
        clock, board = LoopClock(), Ledger()
        board.due = clock.now().mono + 3600
        changes = Recorder()
        engine = Engine(board, clock, [changes], Recorder())

        async def sooner() -> None:
            await asyncio.sleep(10)
            engine.emit(event(1, clock))
            board.due = clock.now().mono + 5
            await changes.until(2)

        await living(engine, sooner())
        assert [round(signal.at.mono) for signal in board.applied] == [10, 15]

    leaping(scene())


def test_at_once():
    """A signal does not wait for any deadline."""

    async def scene() -> float:
        clock, changes = LoopClock(), Recorder()
        engine = Engine(Ledger(), clock, [changes], Recorder())

        async def knock() -> None:
            await asyncio.sleep(0)
            engine.emit(event(1, clock))
            await changes.until(1)

        await living(engine, knock())
        return clock.now().mono

    assert leaping(scene()) == 0


def test_stale():
    """On a real board, evidence that is not renewed goes stale by itself at the end of its time to live."""

    async def scene() -> list[Change]:
        clock, changes = LoopClock(), Recorder()
        check = Db()
        board = Board(platform="p", zone="UTC", version="0", senders=[], checks=[check], at=clock.now())
        engine = Engine(board, clock, [changes], Recorder())
        engine.emit(Sample(clock.now(), Pulse("here", "me", Answer(1.0, 0.1, 0.0))))
        await living(engine, changes.until(2))
        assert clock.now().mono == pytest.approx(check.ttl_s, abs=0.01)
        return changes.seen

    _, stale = leaping(scene())
    assert [one.reason.code for one in stale.transitions] == ["unknown.stale"]


def test_idle():
    """An idle engine does nothing at all: it is asleep until somebody knocks."""

    async def scene() -> None:
        clock, board = LoopClock(), Ledger()
        engine = Engine(board, clock, [], Recorder())
        await living(engine, asyncio.sleep(86_400))
        assert board.applied == []

    leaping(scene())


def test_overflow(said):
    """A full inbox drops events, counts them, says so once and in their places, and drops nothing else."""
    board, clock = Ledger(), FakeClock()
    engine = Engine(board, clock, [], Recorder())
    first = event(0, clock)
    for _ in range(module.FULL):
        engine.emit(first)
    for number in range(3):
        engine.emit(event(number, clock))
    others = [Sample(clock.now(), "facts"), Gap(clock.now(), "reset"), Tick(clock.now())]
    for signal in others:
        engine.emit(signal)
    engine.emit(event(3, clock))
    engine.step()
    gone = Sample(clock.now(), Dropped())
    assert board.applied[module.FULL :] == [gone, *others, gone]
    assert said == [{"event": "inbox.overflowed", "dropped": 4, "log_level": "warning"}]
    engine.emit(event(4, clock))
    engine.step()
    assert board.applied[-1] == event(4, clock)
    assert len(said) == 1


async def test_flood():
    """A flood that never ends still leaves the loop's turns to the outputs."""
    clock, changes = FakeClock(), Recorder()
    engine = Engine(Ledger(), clock, [changes], Recorder())
    loop = asyncio.get_running_loop()
    flowing = True

    def pour() -> None:
        engine.emit(event(1, clock))
        if flowing:
            loop.call_soon(pour)

    pour()
    await living(engine, turns(200))
    flowing = False
    assert len(changes.seen) > 100


async def test_always_due():
    """A board that is never content with the time still leaves the loop's turns to others."""

    class Impatient(Ledger):
        def deadline(self) -> float:
            return 0.0

    board = Impatient()
    engine = Engine(board, FakeClock(), [], Recorder())
    await living(engine, turns(200))
    assert len(board.applied) > 100


def test_reads():
    """What the outputs ask of the engine comes from the board, at the time of the question."""
    clock = FakeClock()
    engine = Engine(Ledger(), clock, [], Recorder())
    assert engine.series("messages") == {"name": "messages", "at": 1000.0}
    assert engine.series("other") is None

"""The watch over ourselves: a loop that is really blocked, a process that really stands still, clocks that step."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from monitor.clock import SystemClock
from monitor.domain.checks.vitals import Monitor
from monitor.domain.signal import At, Sample
from monitor.sources.vitals import Beats, SelfWatch, boottime, memory_mb
from tests.fakes import Recorder

SAMPLE_S = 0.4


class Clocks:
    """The machine's own clocks, set wrong by so many seconds; a suspended machine's own one goes on alone."""

    def __init__(self) -> None:
        self.wall = self.slept = 0.0

    def now(self) -> At:
        return At(mono=time.monotonic(), wall=time.time() + self.wall + self.slept)

    def boot(self) -> float:
        return boottime() + self.slept


def watch(said, clock=None, **more):
    clock = clock or SystemClock()
    return SelfWatch(**{"sample_s": SAMPLE_S, "clock": clock, "emit": said, "tick_s": 0.05} | more)


@asynccontextmanager
async def running(work):
    """Let this run in a task meanwhile; it never ends by itself."""
    task = asyncio.get_running_loop().create_task(work.run())
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def block(seconds):
    """Stand in the loop's way, letting other threads run."""
    time.sleep(seconds)


def crunch(seconds):
    """Stand in the way of everything of ours: one call that never lets another thread run."""
    million = time.perf_counter()
    sum(range(5_000_000))
    million = time.perf_counter() - million
    sum(range(int(5_000_000 * seconds / million)))


def judged(samples, **limits):
    """Let the monitor judge these samples; give its reasons and gaps."""
    check = Monitor(version="0", **limits)
    judgement = check.begin(samples[0].at)
    for sample in samples:
        judgement = check.judge(sample.facts, judgement, sample.at)
    return {reason.code for reason in judgement.reasons}, judgement.detail["gaps"]


async def test_calm():
    """A loop that nothing stands in the way of is sampled at its rhythm, and there is nothing to tell."""
    said = Recorder()
    self_watch = watch(
        said, subscribers=lambda: 3, refused=lambda: {"limit": 2}, database_clock_s=lambda: 0.25, stall_s=30
    )
    async with running(self_watch):
        samples = list(await said.until(3))
    assert all(isinstance(sample, Sample) for sample in samples)
    gaps = [after.at.mono - before.at.mono for before, after in pairwise(samples)]
    assert all(SAMPLE_S <= gap < SAMPLE_S + 1 for gap in gaps)
    facts = samples[-1].facts
    assert (facts.subscribers, facts.refused, facts.database_clock_s) == (3, {"limit": 2}, 0.25)
    assert (facts.stood_still_s, abs(facts.clock_step_s) < 0.01) == (0, True)
    assert judged(samples, stall_s=30)[1] == {}


async def test_blocked_loop():
    """A loop that is really blocked for 0.4 s is told at once, as stalled and as nothing else."""
    said = Recorder()
    async with running(watch(said, sample_s=60, stall_s=0.2)):
        await asyncio.sleep(0.1)
        block(0.4)
        (sample,) = await asyncio.wait_for(said.until(1), 10)
    assert 300 <= sample.facts.longest_ms <= 1500
    assert sample.facts.stood_still_s == 0
    assert judged([sample], stall_s=0.2) == ({"monitor.loop_stalled"}, {})


@pytest.mark.parametrize("work", [block, crunch])
async def test_long_block(work):
    """A loop that is blocked for long is stalled, not paused: also where its code lets no other thread run."""
    said = Recorder()
    async with running(watch(said, sample_s=60, still_s=0.5)):
        await asyncio.sleep(0.7)
        work(1.8)
        (sample,) = await asyncio.wait_for(said.until(1), 10)
    assert sample.facts.longest_ms >= 1000
    assert sample.facts.stood_still_s == 0
    assert judged([sample], still_s=0.5) == ({"monitor.loop_stalled"}, {})


async def test_stutter():
    """A loop that stutters three seconds out of five lags by what it does in the third worst of them.

    Its stutters are just in step with the ticks: looked at only then, it would always seem well.
    """
    said = Recorder()
    async with running(watch(said, sample_s=0.5, stall_s=30, tick_s=0.52)):
        until = time.monotonic() + 6.5
        while time.monotonic() < until:
            block(0.25)
            await asyncio.sleep(0.02)
        samples = list(said.seen)
    assert samples[0].facts.lag_ms < 50, "one second is not enough"
    assert 150 <= samples[-1].facts.lag_ms <= 900
    assert judged(samples, lag_ms=149, stall_s=30)[0] == {"monitor.loop_stalled"}


async def test_lag_since():
    """How much the loop lagged since a second is known to whoever measured meanwhile, even before the next tick."""
    self_watch = watch(Recorder(), stall_s=30)
    assert self_watch.lag_since(0.0) == 0
    async with running(self_watch):
        await asyncio.sleep(0.2)
        began = time.monotonic()
        block(0.4)
        assert 0.3 <= self_watch.lag_since(began) <= 1
        await asyncio.sleep(0.2)
        assert 0.3 <= self_watch.lag_since(began) <= 1
        assert self_watch.lag_since(began + 0.3) <= 0.3
        assert self_watch.lag_since(time.monotonic()) == 0
    began = time.monotonic()
    block(0.3)
    assert self_watch.lag_since(began) == 0, "nobody ticks any more"


async def test_mistake_of_ours():
    """A mistake in what it is given ends the task, and with it the daemon; it is not only printed."""

    def broken():
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        async with asyncio.timeout(5):
            await watch(Recorder(), subscribers=broken, sample_s=0.1).run()


# The process stands still, and the clocks

CHILD = """
import asyncio, json, sys
from monitor.clock import SystemClock
from monitor.sources.vitals import SelfWatch

def emit(sample):
    facts = sample.facts
    print(json.dumps([facts.stood_still_s, facts.still, facts.longest_ms, facts.clock_step_s]), flush=True)

print("ready", flush=True)
asyncio.run(SelfWatch(sample_s=60, clock=SystemClock(), emit=emit, still_s=1.0, tick_s=0.05).run())
"""


async def test_stopped_process():
    """A process that was stopped knows that it stood still: for how long, and that its loop was not to blame."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
    )
    try:
        async with asyncio.timeout(20):
            await child.stdout.readline()
            await asyncio.sleep(0.8)
            os.kill(child.pid, signal.SIGSTOP)
            await asyncio.sleep(2.0)
            os.kill(child.pid, signal.SIGCONT)
            still, kind, longest_ms, step = json.loads(await child.stdout.readline())
    finally:
        child.kill()
        await child.wait()
    assert 1.5 <= still <= 4
    assert kind == "pause"
    assert longest_ms < 1000
    assert abs(step) < 0.5


@pytest.mark.parametrize("by", [3600.0, -3600.0])
async def test_clock_steps(by):
    """A wall clock that is set is told at once with by how much, once, and nothing else is made of it."""
    said, clocks = Recorder(), Clocks()
    async with running(watch(said, clocks, sample_s=60, boot=clocks.boot, stall_s=30)):
        await asyncio.sleep(0.1)
        clocks.wall = by
        (sample,) = await asyncio.wait_for(said.until(1), 4)
        await asyncio.sleep(1.2)
        assert len(said.seen) == 1
    assert sample.facts.clock_step_s == pytest.approx(by, abs=0.5)
    assert judged([sample], stall_s=30) == ({"monitor.clock_step"}, {})


async def test_suspended_machine():
    """A machine that was suspended stood still; that its clock went on meanwhile is no step of it."""
    said, clocks = Recorder(), Clocks()
    async with running(watch(said, clocks, sample_s=1.1, boot=clocks.boot, stall_s=30)):
        await asyncio.sleep(0.1)
        clocks.slept = 7200.0
        first, second = list(await asyncio.wait_for(said.until(2), 4))
    assert (first.facts.stood_still_s, first.facts.still) == (pytest.approx(7200, abs=1), "suspend")
    assert abs(first.facts.clock_step_s) < 0.5
    assert (second.facts.stood_still_s, second.facts.still) == (0, "pause")
    assert abs(second.facts.clock_step_s) < 0.5
    assert judged([first], stall_s=30)[0] == {"monitor.gap"}


async def test_torn_reading():
    """A clock that was read while we stood still between its two halves is read again and did not step."""
    said, clocks, torn = Recorder(), Clocks(), []
    now = clocks.now

    def tears():
        at = now()
        ours = threading.current_thread() is threading.main_thread()
        if ours and not torn and self_watch is not None and at.mono >= self_watch._bucket_at + 1:
            torn.append(at)
            return At(at.mono, at.wall + 9)
        return at

    self_watch, clocks.now = None, tears
    self_watch = watch(said, clocks, sample_s=1.1, boot=clocks.boot, stall_s=30)
    async with running(self_watch):
        samples = list(await asyncio.wait_for(said.until(2), 5))
    assert torn
    assert all(abs(sample.facts.clock_step_s) < 0.5 for sample in samples)


# What it measures by


def test_memory():
    """The memory is what the system says of this process."""
    resident = psutil.Process().memory_info().rss / 1e6
    assert memory_mb() == pytest.approx(resident, rel=0.2)


def test_beats():
    """The second thread ticks while the main one sleeps, tells the longest time it did not, and ends when told to."""
    beats = Beats(SystemClock(), 0.05)
    started = time.monotonic()
    assert beats.longest_hole(started, started + 9) == 9
    beats.start()
    block(0.5)
    assert beats.longest_hole(started, time.monotonic()) < 0.4
    beats.stop()
    block(0.6)
    assert beats.longest_hole(started, time.monotonic()) > 0.4


def test_boottime():
    """The clock of the machine runs at least as fast as the one that suspends with it."""
    assert boottime() >= time.monotonic() - 1
    assert math.isfinite(boottime())


def test_cheap():
    """Watching costs an idle process hardly anything: as few wake-ups as it may be."""
    script = """
import asyncio, time
from monitor.clock import SystemClock
from monitor.sources.vitals import SelfWatch

async def main():
    watch = SelfWatch(sample_s=5, clock=SystemClock(), emit=lambda _: None)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.5)
    cpu, began = time.process_time(), time.monotonic()
    await asyncio.sleep(4)
    print(100 * (time.process_time() - cpu) / (time.monotonic() - began))
    task.cancel()

asyncio.run(main())
"""
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert float(out.stdout) < 0.3, "three times what an otherwise idle machine shows: others use this one too"

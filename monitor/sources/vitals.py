"""The watch over ourselves: does our loop lag, did the process stand still, did the clock step, how big are we."""

from __future__ import annotations

import asyncio
import math
import os
import random
import resource
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

from monitor.clock import Clock
from monitor.domain.signal import At, Emit, Sample
from monitor.domain.vitals import Vitals

TICK_S = 0.5
"""As rarely as it may be: a wake-up of an idle process is what a tick costs."""
QUICK_S = 0.05
"""After a lag, for a while: so that stutters far shorter than a tick are seen as often as they come."""
ALERT_S = 5.0
NOTICED_S = 0.1
"""From this on a lag is one; what is shorter passes by unseen between two ticks anyway."""
BEAT_S = 0.5
"""How often the second thread notes the time."""
TELLABLE_S = 2 * BEAT_S
"""From this on a standstill of everything can be told from one of the loop alone."""
BUCKET_S = 1.0
BUCKETS, AT_LEAST = 5, 3
"""A lag counts when at least 3 of the last 5 seconds had it."""
STATM = Path("/proc/self/statm")


def boottime() -> float:
    """Give the clock that also runs while the machine is suspended, where there is one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def memory_mb() -> float:
    """Give the resident memory of this process; where the system does not tell, the most it ever had."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / 1e6 if sys.platform == "darwin" else most / 1e3


class Beats:
    """A second thread that only notes the time: it goes on when the loop is stuck, but not when everything is."""

    def __init__(self, clock: Clock, beat_s: float) -> None:
        self._clock = clock
        self._beat_s = beat_s
        self._marks: deque[float] = deque(maxlen=1024)
        self._stop = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="beats", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._beat_s):
            self._marks.append(self._clock.now().mono)

    def longest_hole(self, since: float, until: float) -> float:
        """Give the longest stretch between two monotonic seconds in which this thread did not run either."""
        marks = (since, *(mark for mark in tuple(self._marks) if since < mark < until), until)
        return max(after - before for before, after in pairwise(marks))


class SelfWatch:
    """Samples our own condition every `sample_s` seconds, and at once when something happened.

    `stall_s`, `still_s` and `clock_step_s` are from when on something has happened; `subscribers` and `refused` are
    asked for the counts of the moment, `database_clock_s` for how far the database's clock is ahead of ours.
    """

    def __init__(
        self,
        *,
        sample_s: float,
        clock: Clock,
        emit: Emit,
        subscribers: Callable[[], int] = lambda: 0,
        refused: Callable[[], Mapping[str, int]] = dict,
        database_clock_s: Callable[[], float | None] = lambda: None,
        stall_s: float = 1.0,
        still_s: float = 5.0,
        clock_step_s: float = 2.0,
        tick_s: float = TICK_S,
        boot: Callable[[], float] = boottime,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._sample_s = sample_s
        self._clock = clock
        self._emit = emit
        self._subscribers = subscribers
        self._refused = refused
        self._database_clock_s = database_clock_s
        self._stall_s = stall_s
        self._still_s = still_s
        self._clock_step_s = clock_step_s
        self._tick_s = tick_s
        self._boot = boot
        self._cpu = cpu
        self._beats = Beats(clock, BEAT_S)
        self._lags: deque[tuple[float, float]] = deque(maxlen=64)
        self._buckets: deque[float] = deque([0.0] * BUCKETS, maxlen=BUCKETS)
        self._worst = 0.0
        self._due = math.inf
        self._next: asyncio.Handle
        self._begin_sample()
        self._begin()

    def _begin(self) -> None:
        self._before = self._clock.now()
        self._cpu_before = self._cpu()
        self._bucket_at = self._emitted_at = self._before.mono
        self._slept = self._boot() - self._before.mono
        self._offset = self._before.wall - self._boot()
        self._alert_until = 0.0

    def _begin_sample(self) -> None:
        self._longest = self._still = self._step = 0.0
        self._kind: Literal["pause", "suspend"] = "pause"

    def lag_since(self, mono: float) -> float:
        """Say by how many seconds, in all, our loop lagged since this monotonic second."""
        now = self._clock.now().mono
        overdue = now - self._due if now - self._due > NOTICED_S else 0.0
        return overdue + sum(min(lag, at - mono) for at, lag in self._lags if at > mono)

    async def run(self) -> None:
        """Watch for ever. A callback, not a task that sleeps: it runs before any task that the same lag has delayed."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def tick() -> None:
            try:
                now = self._look()
            except Exception as error:  # noqa: BLE001 - a mistake of ours must end this task, not only be printed
                ended.set_exception(error)
                return
            # Never in step with what it watches: it would look in the same moment of each stutter.
            wait = random.uniform(0.5, 1.5) * (QUICK_S if now.mono < self._alert_until else self._tick_s)  # noqa: S311
            self._due = now.mono + wait
            self._next = loop.call_later(wait, tick)

        self._begin()
        self._beats.start()
        self._due = self._before.mono
        self._next = loop.call_soon(tick)
        try:
            await ended
        finally:
            self._due = math.inf
            self._next.cancel()
            self._beats.stop()

    def _look(self) -> At:
        now, cpu = self._clock.now(), self._cpu()
        happened = self._look_at_lag(now, cpu)
        happened |= self._look_at_sleep(now)
        if now.mono >= self._bucket_at + BUCKET_S:
            happened |= self._look_at_clock(now)
            self._buckets.append(self._worst)
            self._worst, self._bucket_at = 0.0, now.mono
        self._before, self._cpu_before = now, cpu
        if happened or now.mono >= self._emitted_at + self._sample_s:
            self._emitted_at = now.mono
            self._emit(Sample(now, self._vitals()))
            self._begin_sample()
        return now

    def _look_at_lag(self, now: At, cpu: float) -> bool:
        late = max(0.0, now.mono - self._due)
        if late > NOTICED_S:
            self._lags.append((now.mono, late))
            self._alert_until = now.mono + ALERT_S
        # Code of ours that never lets another thread run (a regular expression) takes the processor's time meanwhile;
        # whoever is stopped takes none.
        busy = cpu - self._cpu_before > late / 10
        if late >= TELLABLE_S and not busy and self._beats.longest_hole(self._before.mono, now.mono) > 0.75 * late:
            self._still += late
            return self._still > self._still_s
        self._longest, self._worst = max(self._longest, late), max(self._worst, late)
        return late > self._stall_s

    def _look_at_sleep(self, now: At) -> bool:
        """Compare the clock that stands still in a suspended machine with the one that does not."""
        before, self._slept = self._slept, self._boot() - now.mono
        if self._slept - before < TELLABLE_S:
            return False
        self._still += self._slept - before
        self._kind = "suspend"
        return self._still > self._still_s

    def _look_at_clock(self, now: At) -> bool:
        """Compare the wall clock, which people and time servers set, with the one that only runs."""
        before, self._offset = self._offset, now.wall - self._boot()
        if abs(self._offset - before) > self._clock_step_s:
            # Once more: we may have stood still between reading the two.
            self._offset = self._clock.now().wall - self._boot()
        step = self._offset - before
        self._step = max(self._step, step, key=abs)
        return abs(step) > self._clock_step_s

    def _vitals(self) -> Vitals:
        return Vitals(
            lag_ms=1000 * sorted(self._buckets)[-AT_LEAST],
            longest_ms=1000 * self._longest,
            stood_still_s=self._still,
            clock_step_s=self._step,
            memory_mb=memory_mb(),
            subscribers=self._subscribers(),
            refused=dict(self._refused()),
            database_clock_s=self._database_clock_s(),
            still=self._kind,
        )

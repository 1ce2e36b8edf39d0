"""Rows 23 and 41 to 43: the daemon itself stands still, or its clock does not."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.faults.suite import row

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
SILENT = ("recent_activity.silent", "message_throughput.drop", "cron.late")


async def stand_still(scene, seconds):
    """Stop the daemon's process for so long; what comes afterwards is measured from its return on."""
    scene.daemon.process.send_signal(signal.SIGSTOP)
    await scene.passed(seconds)
    scene.now()
    scene.daemon.process.send_signal(signal.SIGCONT)


@row(
    "23", "the daemon is stopped and goes on", short=3, full=3, telling=True,
    must=("monitor.gap",), may=("unknown.stale", "realtime.reconnecting"), never=SILENT,
)  # fmt: skip
async def test_daemon_paused(scene):
    """Whoever stood still says so, trusts nothing of before, and calls nobody silent for it."""
    await scene.start()
    await scene.begin(old=True)
    await stand_still(scene, 120 if scene.form.name == "full" else 7)
    await scene.shows("monitor.gap", cause="pause")
    await scene.healed(40)


@row(
    "42", "the machine is paused", short=3, full=3,
    must=("monitor.gap",), may=("unknown.stale", "realtime.reconnecting"), never=SILENT,
)  # fmt: skip
async def test_machine_paused(scene):
    """The same of a machine: PostgreSQL was there all the time, and more was written than our sockets could take."""
    await scene.start()
    await scene.begin(old=True)
    scene.daemon.process.send_signal(signal.SIGSTOP)
    await scene.platform.write(count=2000)
    await scene.passed(20 if scene.form.name == "full" else 7)
    scene.now()
    scene.daemon.process.send_signal(signal.SIGCONT)
    await scene.shows("monitor.gap")
    await scene.healed(40)


@pytest.mark.skipif(FAKETIME is None, reason="no libfaketime on this machine")
@row(
    "41", "the wall clock steps by an hour, forward and back", short=3, full=3,
    must=("monitor.clock_step",), never=("unknown.stale", "cron.late", "recent_activity.*"),
)  # fmt: skip
async def test_clock_steps(scene):
    """A clock that steps is named, and ages nothing."""
    clock = scene.folder / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    await scene.start(environment=faked)
    await scene.begin(old=True)
    clock.write_text("+3600")
    await scene.shows("monitor.clock_step")
    await scene.passed(3)
    clock.write_text("+0")
    await scene.passed(3)
    await scene.healed()


@row(
    "43", "the event loop stalls for 3 s", short=6, full=8,
    must=("monitor.loop_stalled",), may=("unknown.stale",),
    never=("db.slow", "db.hung", "service.timeout", "monitor.gap"),
)  # fmt: skip
async def test_loop_stalled(scene):
    """A loop that stands still while the process lives is our own fault, and is called nobody else's."""
    await scene.start(module="tests.mutants stalling")
    await scene.begin(old=True)
    scene.daemon.process.send_signal(signal.SIGUSR2)
    await scene.shows("monitor.loop_stalled")
    await scene.healed(20)

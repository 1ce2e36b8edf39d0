"""Rows 1 to 6: PostgreSQL's processes and sessions die, stop and freeze."""

from __future__ import annotations

import asyncio
import os
import signal

from tests.faults.suite import row

LISTENER = (
    "select pid from pg_stat_activity where datname = current_database() and application_name = 'huph-monitor listen'"
)
ALL_BUT_NOW = ("db.refused", "db.starting")


async def past(own):
    """Give the statistics a past, as a platform has one, for what only they can tell."""
    for _ in range(300):
        await own.connection.execute("select 1")
    await own.connection.execute("select pg_stat_force_next_flush()")


@row(
    "1", "pg_terminate_backend of the listener", short=1, full=1, telling=True,
    must=("realtime.reconnecting",), never=("db.*", "realtime.broker_*"),
)  # fmt: skip
async def test_listener_terminated(scene):
    """A listener that is ended is a listener that reconnects, and says by whom it was ended."""
    await scene.start()
    await scene.begin()
    await scene.platform.connection.execute(f"select pg_terminate_backend(({LISTENER}))")
    await scene.shows("realtime.reconnecting", cause="terminated")
    await scene.healed()


@row(
    "2", "kill -9 of a backend", short=1, full=1, own=True, excused=True,
    must=ALL_BUT_NOW, never=("db.unreachable",),
)  # fmt: skip
async def test_backend_killed(scene):
    """When one process is killed PostgreSQL recovers: it is starting or refused for a moment; the note: crash."""
    await scene.start(direct=True)
    await scene.begin()
    os.kill(await scene.platform.connection.fetchval("select pg_backend_pid()"), signal.SIGKILL)
    await scene.shows(*ALL_BUT_NOW)
    await scene.shows("db.restarted", within=5, cause="crash")
    await scene.healed()


@row(
    "3", "kill -9 of the postmaster", short=1, full=1, own=True, excused=True,
    must=("db.refused",), may=("db.starting",), never=("db.unreachable",),
)  # fmt: skip
async def test_postmaster_killed(scene):
    """A postmaster that is killed is refused, its children are blocked, and the note says that it was killed."""
    await past(scene.platform)
    await scene.start(direct=True)
    await scene.begin()
    scene.platform.postgres.kill()
    await scene.shows("db.refused", why="not_running")
    await scene.shows("unknown.blocked_by", within=1, check="realtime", parent="db")
    await scene.passed(60 if scene.form.name == "full" else 1)
    await scene.platform.postgres.start_beside()
    await scene.shows("db.restarted", within=6, cause="killed")
    await scene.healed()


@row(
    "4", "fast shutdown and start", short=2, full=2, own=True, excused=True,
    must=("db.refused",), may=("db.starting",), never=("db.saturated",),
)  # fmt: skip
async def test_stopped(scene):
    """A PostgreSQL that somebody stops is refused, and the note says that it was stopped."""
    await scene.start(direct=True)
    await scene.begin()
    await past(scene.platform)
    await scene.follower.until(lambda d: "connections" in d["checks"]["db"]["detail"], 40)
    scene.platform.postgres.stop("fast")
    # Why is not told by a session that was idle when it ended.
    await scene.shows("db.refused")
    await scene.platform.postgres.start_beside()
    await scene.shows("db.restarted", within=6, cause="stopped")
    await scene.healed()


@row(
    "5", "SIGSTOP of the listener's backend", short=5, full=10, telling=True,
    must=("realtime.listener_hung",), may=("realtime.reconnecting",),
    never=("db.hung", "realtime.canary_lost", "triggers.mute"),
)  # fmt: skip
async def test_listener_frozen(scene):
    """A listener that does not answer is found by its test signal, and its old session is gone when it wakes up."""
    await scene.start()
    await scene.begin()
    pid = await scene.platform.connection.fetchval(LISTENER)
    os.kill(pid, signal.SIGSTOP)
    try:
        await scene.shows("realtime.listener_hung")
        await scene.shows("realtime.reconnecting", "realtime.relay_unproven", within=5)
    finally:
        os.kill(pid, signal.SIGCONT)
    await scene.healed()
    async with asyncio.timeout(5):
        while await scene.platform.connection.fetchval("select true from pg_stat_activity where pid = $1", pid):
            await asyncio.sleep(0.05)


@row(
    "6", "SIGSTOP of the postmaster", short=12, full=45, own=True,
    must=("db.no_new_connections",), never=("db.hung", "db.unreachable", "realtime.*"),
)  # fmt: skip
async def test_postmaster_frozen(scene):
    """A postmaster that is frozen lets nobody in while those who are in go on: a warning, nothing is down."""
    await scene.start()
    await scene.begin()
    os.kill(scene.platform.postgres.pid, signal.SIGSTOP)
    try:
        await scene.shows("db.no_new_connections")
    finally:
        os.kill(scene.platform.postgres.pid, signal.SIGCONT)
    await scene.healed(45)

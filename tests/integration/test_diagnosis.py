"""What the database's card says of each trouble inside PostgreSQL and on the way to it, and how it leaves again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.bench.stage import stage

QUICK = "sample_s = 1\nsweep_s = 5"
CHILDREN = ("triggers", "recent_activity", "message_throughput", "cluster_coverage")


@asynccontextmanager
async def session(dsn, name="guest"):
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name})
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def waiting(connection, statement):
    """Let a session wait for whatever this statement waits for."""
    task = asyncio.get_running_loop().create_task(connection.execute(statement))
    try:
        yield
    finally:
        connection.terminate()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def far(port):
    """A way to a port on which every word takes its time: give its own port, and what sets the seconds."""
    delay = [0.0]

    async def carry(reader, writer):
        loop = asyncio.get_running_loop()
        while data := await reader.read(65536):
            loop.call_later(delay[0], writer.write, data)
        writer.close()

    async def connect(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], lambda seconds: delay.__setitem__(0, seconds)
    finally:
        server.close()


async def follow(start_daemon, dsn, limits=""):
    daemon = await start_daemon(dsn, limits=f"{QUICK}\n{limits}")
    follower = await daemon.settled()
    await follower.until(lambda d: d["counts"]["ok"] == 7, 5)
    return follower


def database(follower):
    return follower.document["checks"]["db"]


@pytest.mark.prove
async def test_the_way(platform, start_daemon):
    """Where the way takes the time the database is not called slow, and all that is asked goes on."""
    await platform.write()
    async with far(platform.postgres.port) as (port, set_delay):
        dsn = platform.monitor_dsn.replace(str(platform.postgres.port), str(port))
        follower = await follow(start_daemon, dsn, "elevated_ms = 40\nslow_ms = 150\nhop_slow_ms = 50000")
        set_delay(0.1)
        await follower.reason("db", "db.slow_path", 12)
        told = database(follower)["params"]
        assert told["latency_ms"] >= 200
        assert told["server_ms"] < 20
        assert {follower.document["checks"][name]["verdict"] for name in CHILDREN} == {"ok"}
        set_delay(0)
        await follower.until(lambda d: d["checks"]["db"]["verdict"] == "ok", 8)
    seen = {t.get("reason") for t in follower.document["transitions"].values() if t["check"] == "db"}
    assert "db.slow" not in seen


async def test_a_lock(platform, start_daemon):
    """Who waits too long for a table is told with who holds it; what turned ours away follows from that."""
    await platform.write()
    follower = await follow(start_daemon, platform.monitor_dsn, "lock_wait_s = 1.5")
    async with session(platform.dsn) as first, session(platform.dsn) as second:
        holder, waiter = first.get_server_pid(), second.get_server_pid()
        await first.execute("begin; lock table messages in access exclusive mode")
        async with waiting(second, "select count(*) from messages"):
            await follower.reason("db", "db.blocked", 6)
            told = database(follower)["params"]
            assert (told["waiting"], told["table"], told["holder"]) == (1, "messages", holder)
            assert told["longest_s"] >= 1
            wait = database(follower)["detail"]["blocked"][str(waiter)]
            assert (wait["by"], wait["relation"]) == (holder, "messages")
            await follower.until(
                lambda d: (
                    (entry := d["checks"]["recent_activity"])["reason"] == "unknown.timeout"
                    and entry["explained_by"] == "db.blocked"
                ),
                8,
            )
            assert database(follower)["verdict"] == "warn"
    await follower.reason("db", None, 6)
    await follower.until(lambda d: d["counts"]["ok"] == 7, 8)
    assert database(follower)["detail"]["blocked"] == {}


@pytest.mark.prove
async def test_the_turn_to_send_signals(start_daemon):
    """Writers that wait for each other before they may send signals are told as such, not as a lock on a table."""
    async with stage() as (own, _):
        await own.write()
        follower = await follow(start_daemon, own.monitor_dsn, "lock_wait_s = 1")
        # A commit that waits for a standby which never comes stands still with the lock in its hand.
        await own.connection.execute("alter system set synchronous_standby_names = 'nobody'")
        await own.connection.execute("select pg_reload_conf()")
        writers = [await asyncpg.connect(own.dsn) for _ in range(5)]
        work = [
            asyncio.get_running_loop().create_task(
                writer.execute(f"begin; insert into clusters values ({90 + number}, 'x'); notify messages; commit")
            )
            for number, writer in enumerate(writers)
        ]
        await follower.reason("db", "db.notify_commit_lock", 8)
        assert database(follower)["params"]["waiting"] == 4
        assert database(follower)["params"]["notify_per_s"] >= 0
        assert "db.blocked" not in database(follower).get("also", {})
        await own.connection.execute("alter system reset synchronous_standby_names")
        await own.connection.execute("select pg_reload_conf()")
        await asyncio.gather(*work)
        await follower.reason("db", None, 6)
        for writer in writers:
            writer.terminate()


@pytest.fixture
async def narrow():
    """A platform on a PostgreSQL whose queue of signals is small."""
    async with stage() as (own, _):
        await own.connection.execute("alter system set max_notify_queue_pages = 64")
        own.postgres.stop("fast")
        own.postgres.start()
        own.connection = await asyncpg.connect(own.dsn)
        await own.write()
        yield own
        own.connection.terminate()


async def fill(own, count):
    """Send so many signals of almost a page each, on a channel that is none of the platform's."""
    for number in range(count):
        await own.connection.execute("select pg_notify('elsewhere', $1)", f"{number} {'x' * 7000}")


@asynccontextmanager
async def holding(own, name):
    """Let somebody listen who does not read on, being amid a transaction."""
    async with session(own.dsn, name) as listener:
        await listener.execute("listen elsewhere")
        await listener.execute("begin; listen elsewhere")
        yield


async def test_the_queue_of_signals(narrow, start_daemon):
    """A queue of signals that somebody does not read is told with who it is; half full, it hides realtime alone."""
    follower = await follow(start_daemon, narrow.monitor_dsn)
    async with holding(narrow, "huph-api"):
        await fill(narrow, 10)
        await follower.reason("db", "db.notify_queue", 6)
        told = database(follower)["params"]
        assert (database(follower)["verdict"], told["holder"]) == ("warn", "huph-api")
        assert 10 <= told["usage_pct"] <= 30
        assert follower.document["checks"]["realtime"]["verdict"] == "ok"
        await fill(narrow, 40)
        await follower.until(lambda d: d["checks"]["db"]["verdict"] == "fail", 6)
        assert database(follower)["reason"] == "db.notify_queue"
        realtime = follower.document["checks"]["realtime"]
        assert (realtime["reason"], realtime["params"]["parent"]) == ("unknown.blocked_by", "db")
        assert {follower.document["checks"][name]["verdict"] for name in CHILDREN} == {"ok"}
        detail = database(follower)["detail"]
        assert (detail["queue_holder"]["name"], detail["queue_holder"]["ours"]) == ("huph-api", False)
    await follower.reason("db", None, 8)
    await follower.until(lambda d: d["counts"]["ok"] == 7, 8)
    assert "queue_holder" not in database(follower)["detail"]


@pytest.mark.prove
async def test_our_own_share_of_the_queue(narrow, start_daemon):
    """What a listener of ours does not read is no reason of the database's; the detail says whose it is."""
    follower = await follow(start_daemon, narrow.monitor_dsn)
    async with holding(narrow, "huph-monitor listen"):
        await fill(narrow, 10)
        await follower.until(lambda d: d["checks"]["db"]["detail"].get("queue_holder", {}).get("age_s", 0) >= 4, 15)
        assert database(follower)["detail"]["queue_holder"]["ours"] is True
        assert database(follower)["verdict"] == "ok"
        assert "db.notify_queue" not in database(follower).get("also", {})


@pytest.mark.prove
async def test_a_standby(start_daemon):
    """A standby is told as such, and realtime waits for it; promoted, everything is well without a restart of ours."""
    async with stage() as (own, _):
        await own.write()
        own.postgres.stop("fast")
        (own.postgres.data / "standby.signal").touch()
        own.postgres.start()
        daemon = await start_daemon(own.monitor_dsn, limits=QUICK)
        follower = await daemon.settled()
        await follower.reason("db", "db.read_only", 3)
        assert database(follower)["verdict"] == "ok"
        assert database(follower)["detail"]["read_only"] is True
        await follower.until(lambda d: {d["checks"][name]["verdict"] for name in CHILDREN} == {"ok"}, 5)
        realtime = follower.document["checks"]["realtime"]
        assert (realtime["verdict"], realtime["reason"]) == ("unknown", "unknown.blocked_by")
        assert realtime["params"] == {"parent": "db", "since": database(follower)["params"]["since"]}
        assert follower.document["status"] == "unknown"
        async with session(own.dsn) as admin:
            assert await admin.fetchval("select pg_promote()")
        await follower.until(lambda d: d["counts"]["ok"] == 7, 12)
        assert database(follower)["detail"]["read_only"] is False
        seen = {t.get("reason") for t in follower.document["transitions"].values() if t["check"] == "realtime"}
        assert not seen & {"realtime.reconnecting", "realtime.canary_lost", "realtime.listener_hung"}

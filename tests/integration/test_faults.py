"""The database's own faults: one cause is named, the rest is folded under it, and it heals without a restart."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.stage import stage
from tests.daemon import Daemon

CHILDREN = ("realtime", "triggers", "recent_activity", "message_throughput")


@pytest.fixture
async def own():
    """A platform on a PostgreSQL of this test's own, which it may break."""
    async with stage() as (platform, _):
        yield platform


async def well(follower, within):
    return await follower.until(lambda d: d["counts"] == {"ok": 7, "warn": 0, "fail": 0, "unknown": 0}, within)


async def busy(own):
    """Give the statistics a past, as a platform has one, for what only they can tell."""
    for _ in range(300):
        await own.connection.execute("select 1")
    await own.connection.execute("select pg_stat_force_next_flush()")


async def test_killed_and_started_again(own, start_daemon):
    """Killed with -9, PostgreSQL is named as the one cause at once; started again, all is well within three seconds."""
    await busy(own)
    await own.write()
    daemon = await start_daemon(own.monitor_dsn)
    follower = await daemon.settled()
    await well(follower, 3)
    own.postgres.kill()
    await follower.reason("db", "db.refused", 1)
    await follower.until(lambda d: all(d["checks"][name].get("reason") == "unknown.blocked_by" for name in CHILDREN), 1)
    entry = follower.document["checks"]["db"]
    assert (entry["verdict"], entry["params"]["why"]) == ("fail", "not_running")
    assert follower.document["counts"] == {"ok": 1, "warn": 0, "fail": 1, "unknown": 5}
    parents = {follower.document["checks"][name]["params"]["parent"] for name in CHILDREN}
    assert parents == {"db"}
    # What was last known stays on the card.
    assert follower.document["checks"]["triggers"]["headline"] == {"value": 4, "of": 4}
    assert (await daemon.get("api/v1/health"))[0] == 503
    await asyncio.sleep(1.5)
    own.postgres.start()
    assert await well(follower, 3) < 3
    await follower.reason("db", "db.restarted", 2)
    assert follower.document["checks"]["db"]["params"]["cause"] == "killed"
    assert (await daemon.get("api/v1/health"))[0] == 200
    # One fail and one return each, no flicker in between.
    seen = [(t["from"], t["to"]) for t in follower.document["transitions"].values() if t["check"] == "db"]
    assert seen == [("unknown", "ok"), ("ok", "fail"), ("fail", "ok")]


@pytest.mark.prove
async def test_frozen(own, start_daemon):
    """A frozen PostgreSQL is first not seen, then hung, never "refused"; let go, it is well within seconds."""
    await own.write()
    follower = await (await start_daemon(own.monitor_dsn)).settled()
    await well(follower, 3)
    own.postgres.freeze()
    await follower.reason("db", "db.hung", 20)
    own.postgres.thaw()
    await well(follower, 5)
    seen = [t.get("reason") for t in follower.document["transitions"].values() if t["check"] == "db"]
    assert seen == [None, "unknown.blind", "db.hung", None]


async def test_started_before_the_platform(own, start_daemon):
    """With the database down from the start the daemon serves, says so, and recovers by itself."""
    await own.write()
    own.postgres.stop("fast")
    daemon = await start_daemon(own.monitor_dsn)
    follower = await daemon.follow()
    await follower.reason("db", "db.refused", 2)
    assert (await daemon.get("readyz"))[0] == 200
    own.postgres.start()
    await well(follower, 3)


async def test_the_end(own, tmp_path):
    """On SIGTERM subscribers are told to come back (1012), and the daemon exits with 0 within five seconds."""
    import signal

    daemon = await Daemon.start(tmp_path, own.monitor_dsn)
    follower = await daemon.settled()
    daemon.process.send_signal(signal.SIGTERM)
    assert await follower.closed(5) == 1012
    async with asyncio.timeout(5):
        assert await daemon.process.wait() == 0
    left = await own.connection.fetchval(
        "select count(*) from pg_stat_activity where application_name like 'huph-monitor %'"
    )
    assert left == 0
    await daemon.stop()


async def test_the_end_while_the_database_hangs(own, tmp_path):
    """A database that does not answer cannot delay the end either."""
    daemon = await Daemon.start(tmp_path, own.monitor_dsn)
    await daemon.settled()
    own.postgres.freeze()
    await asyncio.sleep(0.1)
    assert await daemon.stop() == 0

"""Rows 7 to 12: the network between the daemon and PostgreSQL is gone, torn, long, narrow or unsteady."""

from __future__ import annotations

import asyncio

from tests.faults.suite import row
from tests.proxy import PARTITION, PASS, REFUSE, latency, throttle
from tests.sources.probes.servers import OK, serving

LIVES = 'services = {{ dify.url = "", langfuse.url = "", milvus.url = "", admin.url = "", valkey.address = "", \
huph-api.url = "http://127.0.0.1:{port}/health" }}'


async def healthy(reader, writer):
    """Answer as a service that is well."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok")
    await writer.drain()


async def both(scene, mode):
    await scene.network.set(mode)
    await scene.listening.set(mode)


@row(
    "7", "partition: packets are dropped", short=8, full=15, telling=True,
    must=("unknown.blind", "db.unreachable"), never=("db.refused", "triggers.mute", "recent_activity.silent"),
    may=("db.hung",),  # for a moment, when TCP opens again just after our patience with it was over
)  # fmt: skip
async def test_partition(scene):
    """A network that drops packets blinds us first; only another target that answers makes the database unreachable."""
    async with serving(healthy) as service:
        await scene.start(services=LIVES.format(port=service.port))
        await scene.begin()
        await both(scene, PARTITION)
        await scene.shows("unknown.blind", check="db")
        await scene.shows("unknown.blocked_by", within=2, check="realtime", parent="db")
        await scene.shows("db.unreachable", within=45 if scene.form.name == "full" else 12)
        await both(scene, PASS)
        await scene.healed(20)


@row(
    "8", "TCP reset of every session", short=1, full=1, telling=True,
    must=("realtime.reconnecting",), never=("db.*",),
)  # fmt: skip
async def test_reset(scene):
    """Sessions that are reset are opened again: the listener says so, the database is not to blame."""
    await scene.start()
    await scene.begin()
    await scene.listening.cut()
    await scene.network.cut()
    await scene.shows("realtime.reconnecting", cause="reset")
    await scene.healed()


@row("9", "REJECT: connections are refused", short=2, full=2, must=("db.refused",), never=("db.unreachable",))
async def test_refused(scene):
    """Refused is said at once, and we do not knock all the time: a few times a second at most."""
    await scene.start()
    await scene.begin()
    await both(scene, REFUSE)
    await scene.shows("db.refused")
    await scene.passed(10 if scene.form.name == "full" else 3)
    knocked = scene.network.accepted + scene.listening.accepted
    await both(scene, PASS)
    await scene.healed()
    assert scene.network.accepted + scene.listening.accepted - knocked < 20


@row(
    "10", "600 ms, then 3 s of latency", short=15, full=45,
    must=("db.slow_path", "unknown.blind", "db.hung"), never=("db.slow", "service.*"),
    may=("db.no_new_connections",),
)  # fmt: skip
async def test_latency(scene):
    """A long way is a slow path, no slow database; one that is longer than our patience is as good as none."""
    # Swept every 5 s, our own questions would take longer than they may on such a way.
    await scene.start(connect_s=3, query_s=2, sweep_s=30)
    await scene.begin()
    await both(scene, latency(600))
    await scene.shows("db.slow_path")
    await both(scene, latency(3000))
    await scene.shows("unknown.blind", within=20, check="db")
    await scene.shows("db.hung", within=20)
    await both(scene, PASS)
    await scene.healed(40)


@row(
    "11", "1 kB/s", short=25, full=100,
    must=("monitor.sweep_overrun",), may=("db.slow_path", "unknown.stale", "unknown.timeout"),
    never=("db.hung", "recent_activity.silent", "message_throughput.drop"),
)  # fmt: skip
async def test_throttle(scene):
    """A narrow line makes the round too long, and what was not answered in time is not known; nothing is silent."""
    await scene.start(limits="sweep_budget_s = 4")
    await scene.begin()
    await both(scene, throttle(1000))
    await scene.shows("monitor.sweep_overrun")
    await both(scene, PASS)
    await scene.healed(70)


@row(
    "12", "a link that flaps, 1 s on and 1 s off", short=12, full=12,
    must=("db.refused", "realtime.reconnecting", "unknown.blind"), never=("triggers.*",),
)  # fmt: skip
async def test_flapping(scene):
    """A link that comes and goes is called flapping, and we do not reconnect more often than it allows."""
    await scene.start()
    await scene.begin()
    times = 60 if scene.form.name == "full" else 4
    async with asyncio.TaskGroup() as group:
        for proxy in (scene.network, scene.listening):
            group.create_task(proxy.flap(REFUSE, every_s=1, times=times))
        await scene.shows("db.refused", "realtime.reconnecting", "unknown.blind", within=3)
        await scene.follower.until(
            lambda d: any(d["checks"][name].get("flapping") for name in ("db", "realtime")),
            scene.row.bound_s[scene.form.name],
        )
    assert scene.listening.accepted <= 6 * times
    await scene.healed()

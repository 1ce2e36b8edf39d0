"""From a committed INSERT to a subscriber's socket: Poisson at 2/s and 20/s, beside a bare LISTEN in the same run."""

from __future__ import annotations

import asyncio
import os
import random
import time

import asyncpg

from tests.bench.figures import Figure, percentile
from tests.bench.stage import stage
from tests.daemon import Daemon, Follower

INSERTS = int(os.environ.get("BENCH_INSERTS", "1000"))
GOALS = {0.5: 20.0, 0.95: 60.0}
SQL = """
insert into messages (conversation_id, sender_type, body, created_at) values (1, 'user', 'text', clock_timestamp())
returning extract(epoch from created_at)::float8
"""


async def run() -> list[Figure]:
    figures = []
    for rate in (2, 20):
        async with stage(durable=True) as (platform, folder):
            daemon = await Daemon.start(folder, platform.monitor_dsn)
            figures += await _measure(platform, await daemon.settled(), rate)
            await daemon.stop()
    return figures


async def _measure(platform, follower: Follower, rate: int) -> list[Figure]:
    chance = random.Random(rate)
    heard: list[float] = []
    committed: list[tuple[float, float]] = []
    listener = await asyncpg.connect(platform.dsn)
    await listener.add_listener("messages", lambda *_: heard.append(time.monotonic()))
    writer = await asyncpg.connect(platform.dsn)
    begun = len(follower.messages)
    for _ in range(INSERTS):
        await asyncio.sleep(chance.expovariate(rate))
        created = await writer.fetchval(SQL)
        committed.append((created, time.monotonic()))
    await asyncio.sleep(1)
    await listener.close()
    await writer.close()
    # A row has arrived with the first count whose newest row is this one or a later one; times there are in ms.
    arrivals = []
    for came, message in follower.messages[begun:]:
        throughput = message.get("patch", {}).get("checks", {}).get("message_throughput", {})
        newest = throughput.get("detail", {}).get("newest_at")
        if newest is not None:
            arrivals.append((_unix(newest), came))
    ways, at = [], 0
    for created, sent in committed:
        while at < len(arrivals) and arrivals[at][0] < created - 0.001:
            at += 1
        assert at < len(arrivals), "a row never arrived"
        ways.append(1000 * max(0.0, arrivals[at][1] - sent))
    bare = [1000 * max(0.0, h - sent) for h, (_, sent) in zip(heard, committed, strict=True)]
    name = f"{INSERTS} inserts at {rate}/s"
    figures = [
        Figure(f"{name}: p{round(100 * share)}", percentile(ways, share), "ms", GOALS.get(share))
        for share in (0.5, 0.95, 0.99)
    ]
    floor = percentile(bare, 0.5)
    figures.append(Figure(f"{name}: bare LISTEN p50 (the limit)", floor, "ms"))
    figures.append(Figure(f"{name}: bare LISTEN p95 (the limit)", percentile(bare, 0.95), "ms"))
    return figures


def _unix(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()

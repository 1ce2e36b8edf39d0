"""From the end of every session to the first exact report: LISTEN again, recount, and say so."""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp

from tests.bench.figures import Figure, percentile
from tests.bench.stage import stage
from tests.daemon import Daemon

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "50"))
GOAL_MS = 1000.0
KILL = "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'huph-monitor %'"
WRITE = "insert into messages (conversation_id, sender_type, body) values (1, 'user', 'text')"


async def run() -> list[Figure]:
    async with stage() as (platform, folder), aiohttp.ClientSession() as http:
        daemon = await Daemon.start(folder, platform.monitor_dsn)
        await daemon.settled()
        connection, ways = platform.connection, []
        for written in range(1, ROUNDS + 1):
            await connection.execute(KILL)
            killed = time.monotonic()
            # Nobody listens now: only a recount can know of this row.
            await connection.execute(WRITE)
            async with asyncio.timeout(30):
                while await _counted(http, daemon) != written:
                    await asyncio.sleep(0.002)
            ways.append(1000 * (time.monotonic() - killed))
            await asyncio.sleep(1.5)
        await daemon.stop()
    name = f"{ROUNDS} times all sessions killed: exact again after"
    return [
        Figure(f"{name}, median", percentile(ways, 0.5), "ms"),
        Figure(f"{name}, the slowest", max(ways), "ms", GOAL_MS),
    ]


async def _counted(http: aiohttp.ClientSession, daemon: Daemon) -> int | None:
    async with http.get(daemon.address + "api/v1/series/messages") as answer:
        report = await answer.json() if answer.status == 200 else {"in_sync": False}
    return sum(report["seconds"].values()) if report["in_sync"] else None

"""What the monitor costs when nothing happens: CPU and memory of the daemon, database time of a sweep, diffs sent."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import asyncpg
import psutil

from tests.bench.figures import Figure
from tests.bench.stage import stage
from tests.daemon import Daemon
from tests.demo_process import Demo

SECONDS = float(os.environ.get("BENCH_SECONDS", "90"))
SWEEP_S = 30


async def run() -> list[Figure]:
    return [*await _on_the_demo(), *await _on_a_quiet_platform()]


async def _on_the_demo() -> list[Figure]:
    demo = await Demo.start()
    with tempfile.TemporaryDirectory() as folder:
        daemon = await Daemon.watching(Path(folder), Path(demo.config))
        follower = await daemon.settled()
        await asyncio.sleep(5)
        admin = await asyncpg.connect(demo.info["dsn"])
        await admin.execute("alter system set pg_stat_statements.track_planning = on")
        await admin.execute("select pg_reload_conf()")
        await asyncio.sleep(1)
        await admin.execute("select pg_stat_statements_reset()")
        process = psutil.Process(daemon.process.pid)
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(SECONDS)
        cpu = 100 * (sum(process.cpu_times()[:2]) - before) / SECONDS
        rss = process.memory_info().rss / 1e6
        per_minute = await admin.fetchval(
            "select sum(total_exec_time + total_plan_time)"
            " from pg_stat_statements s join pg_roles r on r.oid = s.userid where r.rolname = 'huph_monitor'"
        )
        await admin.close()
        await follower.leave()
        await daemon.stop()
    await demo.stop()
    return [
        Figure("daemon on the demo: CPU", cpu, "% of a core", goal=1),
        Figure("daemon on the demo: memory (RSS)", rss, "MB", goal=80),
        Figure("all questions: share of one core of PostgreSQL", per_minute / SECONDS / 10, "%"),
    ]


async def _on_a_quiet_platform() -> list[Figure]:
    async with stage() as (platform, folder):
        await platform.write()
        daemon = await Daemon.start(folder, platform.monitor_dsn)
        follower = await daemon.settled()
        await asyncio.sleep(5)
        begun = len(follower.messages)
        await asyncio.sleep(SECONDS)
        diffs = [message for _, message in follower.messages[begun:] if message["type"] == "diff"]
        await daemon.stop()
    return [Figure("quiet platform: diffs per 10 s", 10 * len(diffs) / SECONDS, "diffs", goal=1)]

"""Notifications per second and CPU each: our listener, asyncpg's own and libpq in C; NOTIFY to board; recounts."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import time
from importlib import resources
from pathlib import Path
from statistics import median

import asyncpg

from monitor.database import Session, Target
from monitor.demo import binaries
from monitor.domain.window import CAP
from tests.bench.ears import CHANNEL, listening
from tests.bench.figures import Figure, percentile
from tests.bench.stage import stage

COUNT = int(os.environ.get("BENCH_NOTIFICATIONS", "200000"))
STORM = int(os.environ.get("BENCH_STORM", "1000000"))
ROUNDS = 5
LATENCIES = 1000
FLOOD = (
    f'select pg_notify(\'{CHANNEL}\', format(\'{{"table": "messages", "op": "INSERT", "id": %s, "n": 123456}}\', n))'
)
WINDOWS = (15, 1000, 20_000, 100_000)


async def run() -> list[Figure]:
    async with stage() as (platform, folder):
        figures = await _absorbed(platform, folder)
        figures += await _to_board(platform)
        figures += await _recounts(platform)
    return figures


async def _absorbed(platform, folder: Path) -> list[Figure]:
    """Let each way take the same flood, in turns."""
    ways = {name: [sys.executable, "-m", "tests.bench.ears", name, platform.dsn] for name in ("plain", "ours")}
    if (program := await _compiled(folder)) is not None:
        ways["C, libpq"] = [str(program), platform.dsn, CHANNEL]
    told: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, command in ways.items():
            told[name].append(await _one(platform, command, COUNT))
    figures = []
    for name, rounds in told.items():
        for key, unit in (("per_s", "/s"), ("cpu_us", "us each"), ("rss_mb", "MB")):
            figures.append(Figure(f"{COUNT} notifications, {name}: {unit}", median(one[key] for one in rounds), unit))
    ratio = median(ours["per_s"] / plain["per_s"] for ours, plain in zip(told["ours"], told["plain"], strict=True))
    figures.append(Figure("ours against plain add_listener", ratio, "x", 1.5, at_least=True))
    if "C, libpq" in told:
        limit = median(ours["per_s"] / c["per_s"] for ours, c in zip(told["ours"], told["C, libpq"], strict=True))
        figures.append(Figure("ours against C (the limit)", limit, "x"))
    few, many = told["ours"][-1]["rss_mb"], (await _one(platform, ways["ours"], STORM))["rss_mb"]
    figures.append(Figure(f"memory after {STORM} notifications against {COUNT}", 100 * (many / few - 1), "%", 5.0))
    return figures


async def _one(platform, command: list[str], count: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(*command, str(count), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(120):
        assert b"ready" in await process.stdout.readline()
        await platform.connection.execute(f"{FLOOD} from generate_series(1, {count}) n")
        told: dict[str, float] = json.loads(await process.stdout.readline())
        await process.wait()
    return told


async def _compiled(folder: Path) -> Path | None:
    """Build the baseline in C; None where there is no compiler."""
    if (compiler := shutil.which("cc")) is None:
        return None
    program, library = folder / "libpq", binaries.find().folder.parent / "lib"
    source = Path(__file__).with_name("libpq.c")
    options = ["-O2", "-o", program, str(source), f"-L{library}", f"-Wl,-rpath,{library}", "-lpq"]
    process = await asyncio.create_subprocess_exec(compiler, *options)
    return program if await process.wait() == 0 else None


async def _to_board(platform) -> list[Figure]:
    """From the NOTIFY's commit to the board that knows of it, beside a bare callback on the same server."""
    known: list[float] = []
    changes: list[float] = []
    bare: list[float] = []
    sent: list[float] = []
    plain = await asyncpg.connect(platform.dsn)
    await plain.add_listener(CHANNEL, lambda *_: bare.append(time.perf_counter()))
    chance = random.Random(1)
    async with listening(platform.dsn, lambda _: changes.append(time.perf_counter()), lambda _: None):
        for number in range(LATENCIES):
            await asyncio.sleep(chance.expovariate(200))
            # The board also changes by itself, when a second leaves its window.
            before = len(changes)
            sent.append(time.perf_counter())
            await platform.connection.execute(f"select pg_notify('{CHANNEL}', '{{\"id\": {number}}}')")
            async with asyncio.timeout(5):
                while len(changes) == before or len(bare) == number:
                    await asyncio.sleep(0)
            known.append(changes[before])
    await plain.close()
    ways = {"board": known, "bare callback (the limit)": bare}
    return [
        Figure(
            f"NOTIFY sent to {name}: p{round(100 * share)}",
            percentile([1000 * (there - here) for here, there in zip(sent, arrived, strict=False)], share),
            "ms",
        )
        for name, arrived in ways.items()
        for share in (0.5, 0.99)
    ]


async def _recounts(platform) -> list[Figure]:
    """What one recount costs with so many rows in its window."""
    sql = (resources.files("monitor.profiles") / "huph" / "queries" / "recount.sql").read_text()
    session = Session(Target.of(platform.monitor_dsn), "bench", 5)
    figures, there = [], 0
    for rows in WINDOWS:
        await platform.write(count=rows - there, ago_s=20)
        there = rows
        await platform.connection.execute("vacuum analyze messages")
        took = [(await session.ask(sql, CAP))[1] for _ in range(20)]
        figures.append(Figure(f"recount of {rows} rows", median(took[5:]), "ms"))
    session.drop()
    return figures

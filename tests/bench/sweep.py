"""What one sweep of everything costs a large platform, and whether a service that hangs delays anything else."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests.bench.figures import Figure
from tests.daemon import Daemon
from tests.demo_process import Demo

MESSAGES, RUNS = 400_000, 130_000
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
SWEEP_S = 5
FILL = f"""
    insert into messages (conversation_id, sender_type, body, created_at)
    select (select min(id) from conversations), (array['user', 'bot', 'counselor'])[1 + n % 3], 'text',
           now() - interval '8 weeks' * n / {MESSAGES}
    from generate_series((select count(*) from messages), {MESSAGES}) n;
    insert into cron_runs (job, status, started_at, finished_at)
    select (array['follow_up', 'retention_sweep', 'nightly_sync', 'embedding_refresh', 'daily_report'])[1 + n % 5],
           'success', now() - interval '1 day' - interval '5 years' * n / {RUNS}, now() - interval '1 day'
    from generate_series((select count(*) from cron_runs), {RUNS}) n;
"""


async def run() -> list[Figure]:
    demo = await Demo.start("--no-traffic")
    admin = await asyncpg.connect(demo.info["dsn"])
    await admin.execute("set session_replication_role = replica")
    await admin.execute(FILL)
    await admin.execute("vacuum analyze messages, cron_runs")
    await admin.execute("alter system set pg_stat_statements.track_planning = on")
    await admin.execute("select pg_reload_conf()")
    try:
        with tempfile.TemporaryDirectory() as name:
            calm = await _times(Path(name), demo, "")
            cost = await _cost(admin)
            async with hanging() as port:
                hung = await _times(Path(name), demo, f'[services.hung]\nurl = "http://127.0.0.1:{port}/"\n')
    finally:
        await admin.close()
        await demo.stop()
    moved = max(abs(hung[name] - calm[name]) for name in calm)
    return [
        Figure("one sweep of everything: time inside PostgreSQL", cost["sweep"], "ms", goal=15),
        Figure("of that, the dearest question", cost["dearest"], "ms"),
        Figure("the history of eight weeks, once a day", cost["history"], "ms"),
        Figure("a session's first questions, once", cost["opening"], "ms"),
        Figure("a service that hangs moves any other's median time by", moved, "ms", goal=50),
    ]


async def _cost(admin: asyncpg.Connection) -> dict[str, float]:
    rows = await admin.fetch(
        "select query, mean_exec_time + mean_plan_time as ms from pg_stat_statements s"
        " join pg_roles r on r.oid = s.userid where r.rolname = 'huph_monitor' and query not like '%pg_notify%'"
    )

    def daily(query: str) -> bool:
        """Tell the history, which is asked once a day, by its columns."""
        return "as start" in query and '"window"' not in query

    def opening(query: str) -> bool:
        """Tell what a session asks once, when it has been opened: asyncpg reads which types there are."""
        return "typeinfo_tree" in query or "set_config" in query

    history = [row["ms"] for row in rows if daily(row["query"])]
    once = [row["ms"] for row in rows if opening(row["query"])]
    rest = [row["ms"] for row in rows if not daily(row["query"]) and not opening(row["query"])]
    return {"sweep": sum(rest), "dearest": max(rest), "history": sum(history), "opening": sum(once)}


async def _times(folder: Path, demo: Demo, more: str) -> dict[str, float]:
    """Watch for a while; give the median of each time in ms that the document tells."""
    own = folder / "own.toml"
    own.write_text(Path(demo.config).read_text() + more)
    daemon = await Daemon.watching(folder, own, limits=f"sweep_s = {SWEEP_S}")
    follower = await daemon.settled()
    seen: dict[str, list[float]] = {}
    begun = asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < begun + SECONDS:
        document = follower.document
        told = {
            "db": document["checks"]["db"]["headline"]["value"],
            "sweep": document["monitor"].get("sweep", {}).get("ms"),
        }
        told |= {n: e.get("headline", {}).get("value") for n, e in document["services"].items() if n != "hung"}
        told["test signal"] = document["checks"]["realtime"]["detail"].get("test_signal", {}).get("ms")
        for name, ms in told.items():
            if ms is not None:
                seen.setdefault(name, []).append(ms)
        await asyncio.sleep(1)
    if more:
        assert document["services"]["hung"]["reason"] == "service.timeout", document["services"]["hung"]
    await daemon.stop()
    return {name: statistics.median(values) for name, values in seen.items()}


@asynccontextmanager
async def hanging() -> AsyncIterator[int]:
    """Listen, accept, and never say a word."""

    silent: set[asyncio.StreamWriter] = set()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        silent.add(writer)
        while await reader.read(4096):
            pass
        writer.close()
        silent.discard(writer)

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in list(silent):
        writer.close()

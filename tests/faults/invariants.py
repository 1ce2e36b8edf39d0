"""What holds after every fault: the numbers are SQL's, readers have the server's document, nobody was harmed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from datetime import datetime

import aiohttp
import asyncpg

from tests.daemon import Daemon, Document, Follower
from tests.integration.test_exactness import compare
from tests.oracle import AWAY
from tests.watched import Platform

OURS = 6
LINES_PER_S = 10
LATE_S = 1.5
"""How much older than its time to live evidence may be read: between its last second and the answer's."""
SESSIONS = """
select count(*) as held, count(*) filter (where state like 'idle in transaction%') as idle
from pg_stat_activity where datname = current_database() and application_name like 'huph-monitor %'
"""
INSERT = """
insert into messages (conversation_id, sender_type, body)
select (select min(id) from conversations where handled_by = 'bot'), sender, 'text'
from unnest(array['user', 'bot']) sender
"""


class Harmless:
    """The platform's own writer: each of its transactions must come through, and wait 50 ms for no lock.

    `excused` while the fault itself keeps the platform from writing.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._over = asyncio.Event()
        self._wrote = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.excused = False
        self.harmed: list[str] = []

    async def begin(self) -> None:
        """Begin to write; the first transaction has come through afterwards."""
        self._task = asyncio.create_task(self._write(), name="harmless writer")
        async with asyncio.timeout(5):
            await self._wrote.wait()

    async def end(self) -> None:
        """Stop; every transaction must have come through."""
        await self.leave()
        assert self.harmed == []

    async def leave(self) -> None:
        self._over.set()
        if self._task is not None:
            await self._task
        self._task = None

    async def _write(self) -> None:
        connection: asyncpg.Connection | None = None
        while not self._over.is_set():
            try:
                if connection is None or connection.is_closed():
                    # Who waits for a lock that long is told so by PostgreSQL, however busy the machine is.
                    connection = await asyncpg.connect(
                        self._dsn, timeout=5, command_timeout=10, server_settings={"lock_timeout": "50ms"}
                    )
                await connection.execute(INSERT)
                self._wrote.set()
            except AWAY as error:
                if not self.excused:
                    self.harmed.append(f"{type(error).__name__}: {error}")
                if connection is not None and not isinstance(error, asyncpg.PostgresError):
                    connection.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await self._over.wait()
        if connection is not None:
            connection.terminate()


async def closing(platform: Platform, daemon: Daemon, follower: Follower) -> None:
    """Hold what was broken to all that must be true once it is whole again."""
    # The window is what SQL counts in the very snapshot (I1).
    assert await compare(platform, daemon, 1) == 1
    await same(daemon, follower)
    connection = await asyncpg.connect(platform.dsn)
    async with asyncio.timeout(10):
        while await connection.fetchval("select pg_notification_queue_usage()") > 0:
            await asyncio.sleep(0.1)
    row = await connection.fetchrow(SESSIONS)
    connection.terminate()
    assert row["held"] <= OURS
    assert row["idle"] == 0
    assert daemon.mistakes == []
    assert "never retrieved" not in daemon.log
    assert "ResourceWarning" not in daemon.log
    calm(daemon)


async def same(daemon: Daemon, follower: Follower) -> None:
    """Within two seconds a reader's document is the server's (I2)."""
    server: Document = {}
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while meaning(server) != meaning(follower.document):
                _, server = await daemon.get("api/v1/health/full")
                await asyncio.sleep(0.05)
    assert meaning(server) == meaning(follower.document)


def meaning(document: Document) -> Document:
    """Give the document without the age of its evidence, which bookmarks tell."""
    if isinstance(document, dict):
        aged = {"observed_at", "as_of", "position"}
        return {key: meaning(value) for key, value in document.items() if key not in aged}
    return document


def calm(daemon: Daemon) -> None:
    """No event is logged more often than ten times in a second about the same thing (I12)."""
    lines = [json.loads(line) for line in daemon.log.splitlines() if line.startswith("{")]
    said = Counter((one["event"], one.get("check"), one.get("query"), one["at"][:19]) for one in lines)
    often = {key: count for key, count in said.items() if count > LINES_PER_S}
    assert not often, often


async def never_old(daemon: Daemon, over: asyncio.Event) -> None:
    """Look again and again whether anything is called ok by evidence that is older than it may be (I4)."""
    while not over.is_set():
        with contextlib.suppress(OSError, TimeoutError, aiohttp.ClientError):
            async with asyncio.timeout(2):
                _, document = await daemon.get("api/v1/health/full")
            now = datetime.fromisoformat(document["as_of"])
            for name, entry in document["checks"].items():
                if entry["verdict"] == "ok":
                    age_s = (now - datetime.fromisoformat(entry["observed_at"])).total_seconds()
                    assert age_s <= entry["ttl_s"] + LATE_S, f"{name} is ok by evidence of {age_s:.1f} s ago"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                await over.wait()

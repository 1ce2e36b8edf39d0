"""A platform that a test owns: its database, and what happens on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from monitor.demo import schema
from monitor.demo.postgres import EmbeddedPostgres


@dataclass
class Platform:
    """`connection` is the superuser's; the daemon gets `monitor_dsn`, like on any platform."""

    postgres: EmbeddedPostgres
    database: str
    connection: asyncpg.Connection

    @property
    def dsn(self) -> str:
        return self.postgres.dsn(self.database)

    @property
    def monitor_dsn(self) -> str:
        return self.postgres.dsn(self.database, schema.MONITOR)

    @property
    def editor_dsn(self) -> str:
        return self.postgres.dsn(self.database, schema.EDITOR)

    async def write(self, sender: str = "user", *, count: int = 1, ago_s: float = 0.0, quietly: bool = False) -> None:
        """Insert messages of one sender, so many seconds ago; `quietly` past every trigger, as a restore would."""
        async with self.connection.transaction():
            if quietly:
                await self.connection.execute("set local session_replication_role = replica")
            await self.connection.execute(
                "insert into messages (conversation_id, sender_type, body, created_at)"
                " select (select min(id) from conversations where handled_by = 'bot'), $1, 'text',"
                " clock_timestamp() - make_interval(secs => $2) from generate_series(1, $3)",
                sender,
                ago_s,
                count,
            )


@asynccontextmanager
async def platform_of(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Platform]:
    """Make a platform without traffic; it is gone afterwards."""
    name = f"t{uuid4().hex}"
    admin = await asyncpg.connect(postgres.dsn())
    await admin.execute(f"create database {name} template {template} strategy file_copy")
    platform = Platform(postgres, name, await asyncpg.connect(postgres.dsn(name)))
    yield platform
    platform.connection.terminate()
    await admin.execute(f"drop database {name} with (force)")
    await admin.close()

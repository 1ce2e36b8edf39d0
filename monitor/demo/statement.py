"""One statement of the superuser in a session of its own; a refusal is a sentence for whoever pressed the button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg

from monitor.demo import schema
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from monitor.demo.postgres import EmbeddedPostgres


async def execute(postgres: EmbeddedPostgres, statement: str, *arguments: Any) -> list[asyncpg.Record]:
    """Carry it out and give its rows, if it has any."""
    try:
        session = await schema.connect(postgres.dsn(schema.DATABASE), "huph-demo mischief")
        try:
            # A short wait for the lock: behind a long transaction we would queue the whole platform.
            await session.execute("set lock_timeout = '3s'")
            rows: list[asyncpg.Record] = await session.fetch(statement, *arguments)
            return rows
        finally:
            session.terminate()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise MonitorError(f"PostgreSQL did not do it: {error or type(error).__name__}") from error

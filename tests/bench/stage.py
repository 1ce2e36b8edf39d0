"""A platform of a benchmark's own: a PostgreSQL with the schema, and nobody who writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from monitor.demo import schema
from monitor.demo.postgres import EmbeddedPostgres
from tests.watched import Platform


async def furnish(server: EmbeddedPostgres) -> asyncpg.Connection:
    """Make the platform's schema with triggers, rights and one conversation; give a superuser's connection to it."""
    await schema.create_database(server, "unused")
    connection = await asyncpg.connect(server.dsn(schema.DATABASE))
    await schema.create_tables(connection)
    await schema.create_triggers(connection)
    await schema.grant_monitor(connection)
    await schema.grant_editor(connection, "unused")
    await connection.execute(
        "insert into conversations (user_id, cluster_id, handled_by)"
        " select (select min(id) from users where role = 'user'), (select min(id) from clusters), handler"
        " from unnest(array['bot', 'counselor']) with ordinality as h (handler, n) order by n"
    )
    return connection


@asynccontextmanager
async def stage(*, durable: bool = False) -> AsyncIterator[tuple[Platform, Path]]:
    """Give a platform and a folder for what its daemon needs; both are gone afterwards."""
    base = Path(tempfile.mkdtemp(prefix="huph-monitor-stage-"))
    base.chmod(0o711)
    server = EmbeddedPostgres(base / "postgres", durable=durable)
    server.init()
    server.start()
    try:
        connection = await furnish(server)
        yield Platform(server, schema.DATABASE, connection), base
        connection.terminate()
    finally:
        server.thaw()
        server.stop("immediate")
        shutil.rmtree(base, ignore_errors=True)

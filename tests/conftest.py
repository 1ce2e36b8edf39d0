"""Real things for the tests: a PostgreSQL per worker, a platform per test, a daemon as a process of its own."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from monitor.demo import schema
from monitor.demo.postgres import EmbeddedPostgres
from tests.bench.stage import furnish
from tests.daemon import Daemon
from tests.nursery import forking
from tests.watched import Platform, platform_of

SETTINGS = {"max_connections": "100"}


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """What the tests start of the program is forked from one process of it."""
    with forking():
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this worker's own; its database `huph` is the template of every test's platform."""
    base = Path(tempfile.mkdtemp(prefix="huph-monitor-test-"))
    base.chmod(0o711)
    server = EmbeddedPostgres(base, SETTINGS)
    server.init()
    server.start()
    yield server
    server.stop("immediate")
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
async def template(postgres: EmbeddedPostgres) -> str:
    """The platform's schema with its triggers and the monitor's role, as the role script makes it."""
    connection = await furnish(postgres)
    await connection.close()
    return schema.DATABASE


@pytest.fixture
async def platform(postgres: EmbeddedPostgres, template: str) -> AsyncIterator[Platform]:
    """A platform of this test's own, without traffic."""
    async with platform_of(postgres, template) as platform:
        yield platform


@pytest.fixture
async def start_daemon(tmp_path: Path) -> AsyncIterator[Callable[..., asyncio.Future[Daemon]]]:
    """Starts daemons; each must end well when the test is over."""
    async with AsyncExitStack() as stack:

        async def start(dsn: str, **options: object) -> Daemon:
            daemon = await Daemon.start(tmp_path, dsn, **options)
            stack.push_async_callback(daemon.stop)
            return daemon

        yield start

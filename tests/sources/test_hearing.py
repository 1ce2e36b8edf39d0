"""How notifications leave asyncpg: what we lean on is there, and where it is not, its public way serves."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import asynccontextmanager

import asyncpg
import pytest

from monitor.database import Target, open_session
from monitor.sources import hearing
from monitor.sources.hearing import HearingConnection, last_words, listen


@asynccontextmanager
async def connected(dsn, kind=HearingConnection):
    connection, _ = await open_session(Target.of(dsn), "listen", 5, connection_class=kind)
    yield connection
    connection.terminate()


def test_what_we_lean_on():
    """asyncpg gives each notification to this method, on a loop that it keeps; should that change, this says so."""
    assert hearing.ALL_AT_ONCE
    assert list(inspect.signature(asyncpg.Connection._process_notification).parameters) == [
        "self", "pid", "channel", "payload",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [HearingConnection, asyncpg.Connection])
async def test_heard(platform, kind):
    """By either way everything is heard in the order of the commits, and nothing of other channels."""
    heard, calls = [], []

    def hear(notifications):
        heard.extend(notifications)
        calls.append(len(notifications))

    async with connected(platform.monitor_dsn, kind) as connection:
        await listen(connection, ["a", 'B "c"'], hear)
        await platform.connection.execute(
            "select pg_notify('a', n::text) from generate_series(1, 500) n; select pg_notify('B \"c\"', 'x');"
            "select pg_notify('other', 'x'); select pg_notify('a', 'last')"
        )
        async with asyncio.timeout(5):
            while heard[-1:] != [("a", "last")]:
                await asyncio.sleep(0.005)
    assert heard == [*(("a", str(n)) for n in range(1, 501)), ('B "c"', "x"), ("a", "last")]
    # All that one read brings is handed over at once; asyncpg's own way takes a turn of the loop for each.
    assert (len(calls) < 100) == (kind is HearingConnection)


async def test_none_is_lost_while_it_begins(platform):
    """From the moment on at which LISTEN is committed nothing is lost, however much comes amid the next one."""
    heard = []
    writing, writer, number = True, await asyncpg.connect(platform.dsn), 0

    async def write():
        nonlocal number
        while writing:
            number += 1
            await writer.execute("select pg_notify('a', $1)", str(number))

    task = asyncio.get_running_loop().create_task(write())
    async with connected(platform.monitor_dsn) as connection:
        await listen(connection, ["a", *(f"c{n}" for n in range(200))], heard.extend)
        while len(heard) < 20:
            await asyncio.sleep(0.001)
        writing = False
        await task
        await writer.close()
        await listen(connection, ["end"], heard.extend)
        await platform.connection.execute("select pg_notify('end', '')")
        async with asyncio.timeout(5):
            while heard[-1:] != [("end", "")]:
                await asyncio.sleep(0.005)
    numbers = [int(text) for channel, text in heard if channel == "a"]
    assert len(numbers) > 10
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_last_words(platform):
    """The server's reason for ending an idle session is kept; a peer that vanishes gives none."""
    for question, state in (("select pg_terminate_backend($1)", "57P01"), (None, "")):
        async with connected(platform.monitor_dsn) as connection:
            words, ended = last_words(connection), asyncio.Event()
            connection.add_termination_listener(lambda _, ended=ended: ended.set())
            assert await connection.fetchval("select 1") == 1
            if question:
                await platform.connection.fetchval(question, connection.get_server_pid())
            else:
                connection._transport.abort()
            async with asyncio.timeout(5):
                await ended.wait()
            assert words.sqlstate == state


async def test_no_last_words():
    """Where asyncpg does not let us listen to them, there are none."""
    assert last_words(object()) is None

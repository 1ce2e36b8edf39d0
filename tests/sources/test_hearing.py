"""How notifications leave asyncpg: what we lean on is there, and where it is not, its public way serves."""

from __future__ import annotations

import asyncio
import inspect
import math
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest

from monitor.database import Target, open_session
from monitor.sources import hearing
from monitor.sources.hearing import HearingConnection, LastWords, last_words, listen


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


class Counting(asyncio.Protocol):
    """Counts the bytes that it is given in each turn of the loop; at `most`, it ends the connection itself."""

    def __init__(self, most=math.inf):
        self.turns, self.ended, self._most = [0], asyncio.Event(), most

    def connection_made(self, transport):
        self.transport = transport
        self.turn()

    def turn(self):
        self.turns.append(0)
        if not self.ended.is_set():
            asyncio.get_running_loop().call_soon(self.turn)

    def data_received(self, data):
        assert not self.ended.is_set()
        self.turns[-1] += len(data)
        if sum(self.turns) >= self._most:
            self.transport.abort()

    def connection_lost(self, _):
        self.ended.set()


def flooded(size, counting):
    """Send so much at once, on the loop that the daemon has."""
    uvloop = pytest.importorskip("uvloop")

    async def send(_, writer):
        writer.write(bytes(size))
        writer.close()

    async def flood():
        server = await asyncio.start_server(send, "127.0.0.1", 0)
        protocol = counting()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: protocol, *server.sockets[0].getsockname())
        transport.set_protocol(LastWords(protocol, transport))
        async with asyncio.timeout(20):
            await protocol.ended.wait()
        server.close()
        return protocol.turns

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(flood())


def test_everybody_has_a_turn():
    """However much waits to be read, the loop has a turn after each piece, and in the end all of it is read."""
    turns = flooded(16 * 2**20, Counting)
    assert sum(turns) == 16 * 2**20
    assert max(turns) <= 2 * hearing.PIECE


def test_flood_ends_amid():
    """A connection that ends amid a flood gives no more of what was read already."""
    turns = flooded(2**20, partial(Counting, most=1))
    assert 0 < sum(turns) <= hearing.PIECE

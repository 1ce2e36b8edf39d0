"""Who comes is let in, a few in each turn of the loop, also where the machine was full meanwhile."""

from __future__ import annotations

import asyncio
import resource
import socket
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from monitor.outputs import acceptor
from monitor.outputs.acceptor import Site
from monitor.outputs.connections import Bounds, Runner

CROWD, PER_TURN = 60, 3


async def here(_: web.Request) -> web.Response:
    return web.Response(text="here")


@asynccontextmanager
async def site(defer_s=0):
    application = web.Application()
    application.router.add_get("/", here)
    runner = web.AppRunner(application)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    yield runner, Site(runner, listening, Bounds(per_turn=PER_TURN, defer_s=defer_s)), listening.getsockname()
    await runner.cleanup()


@asynccontextmanager
async def crowded():
    """A crowd that has been answered, and how many of it have left again."""
    application = web.Application()
    application.router.add_get("/", here)
    bounds = Bounds(per_turn=PER_TURN, defer_s=0)
    runner = Runner(application, bounds, headers={}, stop_s=1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    await Site(runner, listening, bounds).start()
    crowd = [await asyncio.open_connection(*address) for _ in range(CROWD)]
    for reader, writer in crowd:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"here")
    yield [writer for _, writer in crowd], lambda: CROWD - len(runner.server.connections)
    await runner.cleanup()


async def turn():
    await asyncio.sleep(0)


async def test_few_in_a_turn():
    """However many wait before the door, a few come in in each turn, and all in the end."""
    async with site() as (runner, door, address):
        crowd = [socket.create_connection(address) for _ in range(CROWD)]
        before, most = 0, 0
        await door.start()
        async with asyncio.timeout(10):
            while before < CROWD:
                await turn()
                now = len(runner.server.connections)
                most, before = max(most, now - before), now
        assert most == PER_TURN
        for one in crowd:
            one.close()


async def test_full(monkeypatch):
    """Where no file can be opened any more it is said once, and who waited is served as soon as one can."""
    monkeypatch.setattr(acceptor, "PAUSE_S", 0.1)
    async with site() as (_, door, address), aiohttp.ClientSession() as http:
        await door.start()
        waiting = socket.create_connection(address)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) - 1, hard))
        try:
            with capture_logs() as said:
                async with asyncio.timeout(10):
                    while not said:
                        await asyncio.sleep(0.01)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert said[0]["event"] == "http.full"
        waiting.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(waiting, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            assert (await loop.sock_recv(waiting, 4096)).startswith(b"HTTP/1.1 200")
        waiting.close()
        async with http.get(f"http://127.0.0.1:{address[1]}/") as answer:
            assert await answer.text() == "here"


async def test_shut():
    """Once it is shut nobody comes in, and who is inside is served to the end."""
    async with site() as (_, door, address):
        await door.start()
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        await door.stop()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(5):
            while b"HTTP/1.1 200" not in await reader.readline():
                pass
        writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux waits with a connection until something is sent on it")
async def test_silent():
    """Who says nothing is left to the kernel at first, and costs us nothing; with his first word he is there."""
    async with site(defer_s=1) as (runner, door, address):
        await door.start()
        silent, speaks = await asyncio.open_connection(*address), await asyncio.open_connection(*address)
        for reader, writer in (speaks, silent):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            assert len(runner.server.connections) == (1 if reader is speaks[0] else 2)
        for _, writer in (silent, speaks):
            writer.close()


async def test_leave_together():
    """A crowd that leaves in one moment is let out a few in each turn, too."""
    async with crowded() as (crowd, left):
        for one in crowd:
            one.close()
        before, most = 0, 0
        async with asyncio.timeout(10):
            while before < CROWD:
                await turn()
                most, before = max(most, left() - before), left()
        assert most == PER_TURN

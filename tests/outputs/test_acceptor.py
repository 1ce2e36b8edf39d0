"""Who comes is let in, a few in each turn of the loop, also where the machine was full meanwhile."""

from __future__ import annotations

import asyncio
import resource
import socket
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from monitor.outputs import acceptor
from monitor.outputs.acceptor import Site
from monitor.outputs.bounds import Bounds
from monitor.outputs.connections import Runner

CROWD, PER_TURN = 60, 3


async def here(_: web.Request) -> web.Response:
    return web.Response(text="here")


@asynccontextmanager
async def site():
    application = web.Application()
    application.router.add_get("/", here)
    runner = Runner(application, Bounds(per_turn=PER_TURN), headers={}, stop_s=1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    yield runner, Site(runner, listening), listening.getsockname()
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


async def test_silent(monkeypatch):
    """While many say nothing the others wait before the door."""
    monkeypatch.setattr(acceptor, "UNHEARD", 10)
    monkeypatch.setattr(acceptor, "UNHEARD_S", 60)
    async with site() as (runner, door, address):
        crowd = [socket.create_connection(address) for _ in range(CROWD)]
        await door.start()
        for _ in range(200):
            await turn()
        # One who is just coming in may be counted twice.
        assert 5 <= len(runner.server.connections) < 10 + PER_TURN
        for one in crowd:
            one.close()


async def test_leave_together():
    """A crowd that leaves in one moment is let out a few in each turn, too."""
    async with site() as (runner, door, address):
        await door.start()
        crowd = [await asyncio.open_connection(*address) for _ in range(CROWD)]
        for reader, writer in crowd:
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await reader.readuntil(b"here")
        for _, writer in crowd:
            writer.close()
        before, most = CROWD, 0
        async with asyncio.timeout(10):
            while before:
                await turn()
                now = len(runner.server.connections)
                most, before = max(most, before - now), now
        assert most == PER_TURN

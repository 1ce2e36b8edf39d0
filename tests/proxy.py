"""A TCP proxy on loopback whose network can be made slow, deaf, torn or gone while connections live."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

HOST = "127.0.0.1"
Side = Literal["client", "server"]
CHUNK = 65_536
WAITING = 256
"""Chunks on their way at most; who sends more waits, as on a long line."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What the network does: see the ready-made ones below.

    `swallow` takes every byte and forwards none; a connection that lost some is reset when the network is back.
    `accept` False drops a client's first packet (SYN), as a firewall's DROP does.
    """

    latency_s: float = 0.0
    rate: float | None = None
    swallow: bool = False
    accept: bool = True
    stalled: frozenset[Side] = frozenset()
    reset: bool = False
    refuse: bool = False


PASS = Mode()
BLACKHOLE = Mode(swallow=True)
"""TCP opens, and nothing is ever said."""
PARTITION = Mode(swallow=True, accept=False)
"""Not even TCP opens."""
CLOSED = Mode(accept=False)
"""What is open goes on, and nobody new comes in."""
RESET = Mode(reset=True)
REFUSE = Mode(refuse=True)


def latency(round_trip_ms: float) -> Mode:
    return Mode(latency_s=round_trip_ms / 2000)


def throttle(bytes_per_s: float) -> Mode:
    return Mode(rate=bytes_per_s)


def stall(*sides: Side) -> Mode:
    """Stop reading what these sides send: their own sending blocks, nothing is lost, and it goes on afterwards."""
    return Mode(stalled=frozenset(sides))


class _Connection:
    """One client's connection and ours to the server; `torn` once bytes were lost; `unasked` is not for the client."""

    def __init__(self, client: socket.socket) -> None:
        self.sockets: dict[Side, socket.socket] = {"client": client}
        self.task: asyncio.Task[None] | None = None
        self.torn = False
        self.unasked = b""

    def abort(self) -> None:
        """End both sides with RST."""
        for sock in self.sockets.values():
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


class Proxy:
    """Listens on a port of its own and forwards to another one, in the mode that was set last."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._mode = PASS
        self._changed = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._fillers: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self.accepted = 0
        self._listen()
        assert self._listening is not None
        self.port: int = self._listening.getsockname()[1]

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def open(self) -> int:
        """How many connections live."""
        return len(self._connections)

    def dsn(self, dsn: str) -> str:
        """Give this address by way of the proxy."""
        parts = urlsplit(dsn)
        return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self.port}").geturl()

    async def set(self, mode: Mode) -> None:
        """Change the network, for what is open and for what comes."""
        before, self._mode = self._mode, mode
        self._changed.set()
        self._changed = asyncio.Event()
        if mode.reset or mode.refuse:
            await self.cut()
        elif before.swallow and not mode.swallow:
            await self.cut(only_torn=True)
        await self._reopen(before)

    async def cut(self, *, only_torn: bool = False) -> None:
        """Reset every connection that is open, and let new ones come as before."""
        for connection in [one for one in self._connections if one.torn or not only_torn]:
            await self._end(connection)

    async def flap(self, off: Mode, *, every_s: float, times: int) -> None:
        """Let the network go and come back again and again."""
        for _ in range(times):
            await self.set(off)
            await asyncio.sleep(every_s)
            await self.set(PASS)
            await asyncio.sleep(every_s)

    async def say(self, message: bytes, answer: bytes) -> None:
        """Say this to the server on every connection, and keep its answer from the client."""
        for connection in self._connections:
            connection.unasked = answer
            await asyncio.get_running_loop().sock_sendall(connection.sockets["server"], message)

    async def close(self) -> None:
        await self._stop_listening()
        await self.cut()

    async def _reopen(self, before: Mode) -> None:
        """Listen, refuse, or let first packets fall, as the mode says."""
        if self._mode.refuse:
            await self._stop_listening()
            return
        if self._listening is None:
            self._listen(self.port)
        if self._mode.accept is before.accept:
            return
        if self._mode.accept:
            ours = {filler.getsockname()[1] for filler in self._fillers}
            for filler in self._fillers:
                filler.close()
            self._fillers = []
            assert self._listening is not None
            self._listening.listen(128)
            self._accepting = asyncio.create_task(self._accept(ours), name="proxy: accept")
        else:
            await self._fill()

    async def _fill(self) -> None:
        """Accept no more and fill the line of those who wait: Linux then drops each further SYN."""
        await self._cancel_accepting()
        assert self._listening is not None
        self._listening.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((HOST, self.port))
            self._fillers.append(filler)

    def _listen(self, port: int = 0) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(128)
        listening.setblocking(False)
        self._listening = listening
        self._accepting = asyncio.create_task(self._accept(set()), name="proxy: accept")

    async def _stop_listening(self) -> None:
        await self._cancel_accepting()
        for sock in [self._listening, *self._fillers]:
            if sock is not None:
                sock.close()
        self._listening, self._fillers = None, []

    async def _cancel_accepting(self) -> None:
        if self._accepting is not None:
            await _over(self._accepting)
        self._accepting = None

    async def _accept(self, ours: set[int]) -> None:
        """Accept for ever; `ours` are the ports of fillers, which are nobody."""
        loop = asyncio.get_running_loop()
        while True:
            assert self._listening is not None
            client, peer = await loop.sock_accept(self._listening)
            if peer[1] in ours:
                client.close()
                continue
            self.accepted += 1
            connection = _Connection(client)
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._mode.reset:
                connection.abort()
                continue
            self._connections.add(connection)
            connection.task = asyncio.create_task(self._serve(connection), name="proxy: connection")

    async def _serve(self, connection: _Connection) -> None:
        """Forward both ways until either side ends."""
        try:
            server = socket.socket()
            connection.sockets["server"] = server
            server.setblocking(False)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._mode.swallow:
                # Nobody is told of this one: what it says is lost, and it ends when the network is back.
                connection.torn = True
                await self._swallow(connection, connection.sockets["client"])
            await asyncio.get_running_loop().sock_connect(server, (HOST, self._upstream))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(connection, "client", "server"))
                group.create_task(self._forward(connection, "server", "client"))
        except (OSError, ExceptionGroup):
            # While nothing comes through, the other side does not learn of an end either.
            await self._back()
        finally:
            self._connections.discard(connection)
            connection.abort()

    async def _forward(self, connection: _Connection, source: Side, target: Side) -> None:
        """Carry what one side says to the other, each chunk when it is due."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(WAITING)
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._deliver(connection, line, source, connection.sockets[target]))
            while True:
                await self._flowing(source)
                rate = self._mode.rate
                chunk = await loop.sock_recv(connection.sockets[source], CHUNK if rate is None else 256)
                await self._flowing(source)
                if self._mode.swallow:
                    connection.torn = True
                    if not chunk:
                        await self._back()
                    continue
                if not chunk:
                    await line.put((loop.time() + self._mode.latency_s, b""))
                    return
                if source == "server" and connection.unasked and connection.unasked in chunk:
                    chunk = chunk.replace(connection.unasked, b"", 1)
                    connection.unasked = b""
                if chunk:
                    await line.put((loop.time() + self._mode.latency_s, chunk))

    async def _deliver(
        self, connection: _Connection, line: asyncio.Queue[tuple[float, bytes]], source: Side, target: socket.socket
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await line.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._flowing(source)
            if self._mode.swallow:
                connection.torn = True
                continue
            if not chunk:
                target.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(target, chunk)
            if (rate := self._mode.rate) is not None:
                await asyncio.sleep(len(chunk) / rate)

    async def _swallow(self, connection: _Connection, source: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while await loop.sock_recv(source, CHUNK):
            connection.torn = True
        await self._back()

    async def _flowing(self, source: Side) -> None:
        """Wait while what this side says is not read."""
        while source in self._mode.stalled:
            await self._changed.wait()

    async def _back(self) -> None:
        """Wait until the network is back: an end that nobody could be told of."""
        while self._mode.swallow:
            await self._changed.wait()

    async def _end(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if connection.task is not None:
            await _over(connection.task)
        connection.abort()


async def _over(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@asynccontextmanager
async def proxied(upstream: int) -> AsyncIterator[Proxy]:
    """Give a proxy to this port of the machine."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        await proxy.close()

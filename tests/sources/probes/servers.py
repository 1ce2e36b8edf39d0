"""Servers that misbehave, each in one way: on loopback, for as long as a test needs them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from ssl import SSLContext

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


class Served:
    """Where a server is, the requests that came, and who is connected now."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[bytes] = []
        self.came = 0
        self.connected = 0

    async def alone(self) -> None:
        """Wait until nobody is connected any more."""
        async with asyncio.timeout(5):
            while self.connected:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def serving(behave: Behave, tls: SSLContext | None = None, port: int = 0) -> AsyncIterator[Served]:
    """Serve everyone who connects in this way."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.came += 1
        served.connected += 1
        try:
            await behave(reader, writer)
            with contextlib.suppress(OSError):
                await writer.drain()
                writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            served.connected -= 1

    server = await asyncio.start_server(meet, "127.0.0.1", port, ssl=tls)
    served = Served(server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        await served.alone()


def says(*parts: bytes, every_s: float = 0, log: list[bytes] | None = None) -> Behave:
    """Read the request's head, say these parts one after another, and end the connection."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if log is not None:
            log.append(head)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every_s)

    return behave


def answer(body: bytes = b"", status: str = "200 OK", *headers: str) -> bytes:
    """Write down a whole HTTP answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Listen to everything and never say a word."""
    while await reader.read(65_536):
        pass


def begins(*parts: bytes) -> Behave:
    """Say this much, one part after another, and never the rest."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.02)
        await silent(reader, writer)

    return behave


def drips(head: bytes, drop: bytes, every_s: float) -> Behave:
    """Say the head, then a drop now and then, for ever."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every_s)

    return behave


def endless(head: bytes, part: bytes) -> Behave:
    """Say the head, then the same part again and again as quickly as it is taken."""
    return drips(head, part, 0)


async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and reset the connection."""
    await reader.read(1)
    # Closed with a linger of 0 seconds, a socket sends RST instead of FIN.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def bomb(megabytes: int) -> bytes:
    """Give so many megabytes of nothing, compressed a thousandfold."""
    squeeze, nothing = zlib.compressobj(wbits=31), bytes(1_000_000)
    return b"".join(squeeze.compress(nothing) for _ in range(megabytes)) + squeeze.flush()


def nobody() -> int:
    """Give a port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def hung() -> Iterator[int]:
    """A port that lets nobody in any more: its queue is full, and nobody is taken out of it."""
    with socket.socket() as door, contextlib.ExitStack() as stack:
        door.bind(("127.0.0.1", 0))
        door.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(door.getsockname())
        yield door.getsockname()[1]

"""Whatever comes over a connection, it ends that connection at the most: those beside it hear every change, in time."""

from __future__ import annotations

import asyncio
import random
import socket as sockets
import struct
import time
import tracemalloc
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitor.outputs.crowd import FULL_BYTES
from monitor.outputs.seats import PER_ADDRESS
from monitor.outputs.stream import INBOUND_BYTES
from tests.outputs.conftest import Stage, heard
from tests.outputs.rough import BINARY, CLOSE, FIN, PING, RSV1, RSV2, RSV3, TEXT, Rough, deflated, frame

BEGUN = 0
"""The first bits of a frame that is not the last of its message."""
BOMB = deflated(b" " * (4_000 << 10))
"""Four megabytes in less than four kilobytes: more than a thousandfold does not go (RFC 1951)."""
SAID = b'{"type": "ping"}'
BAD: dict[str, tuple[list[bytes], int]] = {
    "reserved bit 1": ([frame(TEXT, SAID, first=FIN | RSV1)], 1002),
    "reserved bit 2": ([frame(TEXT, SAID, first=FIN | RSV2)], 1002),
    "reserved bit 3": ([frame(TEXT, SAID, first=FIN | RSV3)], 1002),
    "unknown opcode": ([frame(0x3, SAID)], 1002),
    "unknown control opcode": ([frame(0xB)], 1002),
    "control in parts": ([frame(PING, b"x", first=BEGUN)], 1002),
    "control too long": ([frame(PING, b"x" * 126)], 1002),
    "continuation of nothing": ([frame(0x0, SAID)], 1002),
    "message within a message": ([frame(TEXT, b"{", first=BEGUN), frame(TEXT, SAID)], 1002),
    "close of one byte": ([frame(CLOSE, b"x")], 1002),
    "close with a code of nobody": ([frame(CLOSE, (999).to_bytes(2, "big"))], 1002),
    "close with no text": ([frame(CLOSE, (1000).to_bytes(2, "big") + b"\xff")], 1007),
    "no text": ([frame(TEXT, b'"\xff"')], 1007),
    "no text in parts": ([frame(TEXT, b'"\xce', first=BEGUN), frame(0x0, b'"')], 1007),
    "too long": ([frame(TEXT, b" " * (INBOUND_BYTES + 1))], 1009),
    "too long in parts": ([frame(TEXT, b" " * INBOUND_BYTES, first=BEGUN), frame(0x0, b"  ")], 1009),
    "binary": ([frame(BINARY, SAID)], 4400),
    "claims to be without end": ([frame(TEXT, SAID, length=1 << 62)], 1009),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_frames(stage: Stage, name: str):
    """A frame that breaks the rules ends its connection with the code that RFC 6455 has for it."""
    frames, code = BAD[name]
    async with stage.connect() as other:
        rough = await Rough.connect(stage.url)
        rough.send(*frames)
        assert await rough.closed() == code
        rough.leave()
        await alone(stage, other)


async def test_unmasked(stage: Stage):
    """A frame without a mask is understood: aiohttp does not insist on one, as RFC 6455 (5.1) would have it.

    The mask protects proxies from what a browser's page could make it send; it protects nothing of ours.
    """
    rough = await Rough.connect(stage.url)
    rough.send(frame(TEXT, SAID, masked=False))
    async with asyncio.timeout(5):
        while b"pong" not in (await rough.next())[1]:
            pass
    rough.leave()


@pytest.mark.parametrize("parts", [1, 7])
async def test_bomb(stage: Stage, parts: int):
    """What is small on the wire and huge unpacked is unpacked no further than a message may be long."""
    assert len(BOMB) < INBOUND_BYTES
    async with stage.connect() as other:
        rough = await Rough.connect(stage.url, deflate=True)
        assert b"permessage-deflate" in rough.head
        step = len(BOMB) // parts + 1
        pieces = [BOMB[at : at + step] for at in range(0, len(BOMB), step)]
        tracemalloc.start()
        try:
            for number, piece in enumerate(pieces):
                bits = (FIN if number == len(pieces) - 1 else BEGUN) | (0 if number else RSV1)
                rough.send(frame(0x0 if number else TEXT, piece, first=bits))
            assert await rough.closed() == 1009
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()
        rough.leave()
        await alone(stage, other)


async def test_badly_packed(stage: Stage):
    """What cannot be unpacked ends its connection with 1007, and counts as a mistake of the other side."""
    async with stage.connect() as other:
        rough = await Rough.connect(stage.url, deflate=True)
        rough.send(frame(TEXT, b"\xff" * 40, first=FIN | RSV1))
        assert await rough.closed() == 1007
        rough.leave()
        await alone(stage, other)
        assert stage.hub.refused() == {"protocol": 1}


@pytest.mark.parametrize("seed", range(20))
async def test_noise(stage: Stage, seed: int):
    """Bytes without any sense end their connection, or wait for more; nobody else is touched."""
    chance = random.Random(seed)
    async with stage.connect() as other:
        rough = await Rough.connect(stage.url, deflate=seed % 2 == 0)
        rough.send(chance.randbytes(chance.choice([1, 10, 100, 100_000])))
        rough.shut()
        await rough.closed()
        rough.leave()
        await alone(stage, other)


async def test_ping_flood(stage: Stage):
    """Pings without end, their pongs unread, cost a bounded buffer; the others hear each change all the same."""
    async with stage.connect() as other:
        while (await heard(other))["type"] != "snapshot":
            pass
        rough = await Rough.connect(stage.url)
        [flooded] = [one for one in stage.hub._crowd if one.transport.get_extra_info("peername")[1] == rough.port]
        most = 0
        for _ in range(100):
            rough.send(frame(PING, b"x" * 125) * 200)
            stage.fire()
            async with asyncio.timeout(10):
                assert (await heard(other))["seq"] == stage.board.seq
            most = max(most, flooded.transport.get_write_buffer_size())
        assert most < 1 << 18
        rough.leave()
        await alone(stage, other)


async def test_reader_that_stops(stage: Stage):
    """One who reads nothing while 50 MB are told holds no more than a few messages; the others hear them all."""
    size, count = 100_000, 500
    async with stage.connect(max_size=None) as other:
        while (await heard(other))["type"] != "snapshot":
            pass
        rough = await Rough.connect(stage.url)
        [stopped] = [one for one in stage.hub._crowd if one.transport.get_extra_info("peername")[1] == rough.port]
        rough.writer.transport.pause_reading()
        most = 0
        for seq in range(1, count + 1):
            stage.stuff(size)
            async with asyncio.timeout(10):
                assert (await heard(other))["seq"] == seq
            most = max(most, stopped.transport.get_write_buffer_size())
        assert 0 < most < FULL_BYTES + 2 * size
        rough.leave()
        await alone(stage, other)


async def test_half_open(stage: Stage):
    """Who never finishes its request has no seat; who shuts its side, or is gone without a word, has left."""
    async with stage.connect() as other:
        address = urlsplit(stage.url)
        unfinished = [await asyncio.open_connection(address.hostname, address.port) for _ in range(100)]
        for number, (_, writer) in enumerate(unfinished):
            writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"[: number * 40 // 100])
        shut = [await Rough.connect(stage.url) for _ in range(20)]
        gone = [await Rough.connect(stage.url, path=path) for path in ("api/v1/stream", "api/v1/events") * 10]
        assert stage.hub.following == 41
        for one in shut:
            one.shut()
        for one in gone:
            # Zero seconds of lingering: the kernel says nothing but a reset (socket(7)).
            one.writer.get_extra_info("socket").setsockopt(
                sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0)
            )
            one.leave()
        await alone(stage, other)
        started = time.perf_counter()
        await stage.server.stop()
        assert time.perf_counter() - started < 3
        for one in shut:
            one.leave()
        for _, writer in unfinished:
            writer.transport.abort()


async def test_too_many(stage: Stage):
    """Who is one too many is told so and let go: it keeps no connection, to come back on whenever it likes."""
    async with stage.connect() as other:
        seated = [await Rough.connect(stage.url) for _ in range(PER_ADDRESS - 1)]
        rough = await Rough.connect(stage.url)
        assert rough.head.startswith(b"HTTP/1.1 429 ")
        assert b"Connection: close\r\n" in rough.head
        async with asyncio.timeout(5):
            assert b"too_many_requests" in await rough.reader.read()
        for one in seated:
            one.leave()
        await alone(stage, other)


async def alone(stage: Stage, other: Any) -> None:
    """Wait until the other one is the only one who is left; it hears the next change."""
    async with asyncio.timeout(5):
        while stage.hub.following != 1:
            # Who only reads is found to be gone at a bookmark.
            stage.hub.bookmark()
            await asyncio.sleep(0.002)
    stage.fire()
    async with asyncio.timeout(5):
        while (await heard(other)).get("seq") != stage.hub.position[1]:
            pass

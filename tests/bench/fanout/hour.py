"""How many bytes an hour of one subscriber takes: our stream, and the whole document every 30 s.

`python -m tests.bench.fanout.hour SECONDS` lives through the hour in a loop whose time leaps, with a real board,
engine, hub and sockets, and writes one object of JSON. What happens is made up: one thing a second, most of them
signals of the platform's tables, and every ten minutes a storm of 30 s with 40 signals a second.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from monitor import config, plan
from monitor.domain.board import Board
from monitor.domain.signal import Event, Signal
from monitor.engine import Engine
from monitor.outputs import wire
from monitor.outputs.hub import Hub
from tests.bench.fanout.ours import open_to_all
from tests.doors import anybody
from tests.fakes import LoopClock, leaping
from tests.outputs.weather import weather

POLL_S = 30
STORM_EVERY_S, STORM_S, STORM_HZ = 600, 30, 40
WEATHER = 0.25
"""Share of what happens outside of storms that is not a signal of a table."""
WATCHED = {
    "HUPH_MONITOR_DATABASE_DSN": "postgresql://u@127.0.0.1/huph",
    "HUPH_MONITOR_BROKER_URL": "http://127.0.0.1:3001",
    "HUPH_MONITOR_BROKER_SECRET": "shared",
    "HUPH_MONITOR_ACCESS_OPEN": "true",
}
REQUEST = (
    "GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
)
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
PING, PONG = 9, b"\x8a\x80\0\0\0\0"


class Subscriber:
    """Counts the bytes and messages that it is sent, the first snapshot included."""

    def __init__(self) -> None:
        self.bytes = self.messages = 0
        self.compresses = False

    async def follow(self, port: int, offer: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{REQUEST}{offer}\r\n".encode())
        self.compresses = b"permessage-deflate" in await reader.readuntil(b"\r\n\r\n")
        while True:
            head = await reader.readexactly(2)
            more = {126: 2, 127: 8}.get(head[1], 0)
            size = int.from_bytes(await reader.readexactly(more)) if more else head[1]
            await reader.readexactly(size)
            self.bytes += 2 + more + size
            if head[0] & 15 == PING:
                writer.write(PONG)
            else:
                self.messages += 1


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@asynccontextmanager
async def followed(hub: Hub, clock: LoopClock) -> AsyncIterator[tuple[Subscriber, Subscriber]]:
    """Let two follow the hub, the second of whom understands compressed messages."""
    application = web.Application(middlewares=[anybody])
    application.router.add_get("/api/v1/stream", open_to_all(hub, clock).open)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    plain, packed = Subscriber(), Subscriber()
    tasks = [
        asyncio.create_task(one.follow(runner.addresses[0][1], offer))
        for one, offer in ((plain, ""), (packed, DEFLATE))
    ]
    yield plain, packed
    await ended(tasks)
    await runner.cleanup()
    # What serves a connection ends a few turns after the connection.
    await asyncio.sleep(1)


async def happen(engine: Engine, clock: LoopClock, seconds: float) -> None:
    """Let the platform live for so long."""
    chance = random.Random(5)
    while (now := clock.now()).mono < seconds:
        storm = now.mono % STORM_EVERY_S > STORM_EVERY_S - STORM_S
        calm = not storm and chance.random() < WEATHER
        table = chance.choice(["messages", "messages", "conversations"])
        signal: Signal = weather(now, chance) if calm else Event(now, table, {"table": table, "id": 7})
        engine.emit(signal)
        await asyncio.sleep(chance.expovariate(STORM_HZ if storm else 1))


async def poll(hub: Hub, told: dict[str, int]) -> None:
    """Ask for the whole document as a page does that knows no stream; headers are not counted."""
    while True:
        await asyncio.sleep(POLL_S)
        text = wire.encode(hub.document)
        told["poll"] += len(text)
        told["poll_gzip"] += len(gzip.compress(text, 6))


async def hour(seconds: float) -> dict[str, int]:
    settings, clock = config.load(None, WATCHED, {}), LoopClock()
    profile = settings.profile
    board = Board(
        platform=profile.platform,
        zone=profile.zone.key,
        version="0",
        senders=profile.senders,
        checks=plan.checks(settings),
        at=clock.now(),
        explains=profile.explains,
    )
    hub = Hub(board.document, board.evidence, clock)
    engine = Engine(board, clock, [hub.publish], lambda _: None)
    told = {"poll": 0, "poll_gzip": 0}
    tasks = [asyncio.create_task(one) for one in (hub.run(), engine.run(), poll(hub, told))]
    async with followed(hub, clock) as (plain, packed):
        await happen(engine, clock, seconds)
        told |= {"messages": plain.messages, "plain": plain.bytes, "changes": board.seq}
        if packed.compresses:
            told["deflate"] = packed.bytes
    await ended(tasks)
    return told


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    print(json.dumps(leaping(hour(float(sys.argv[1])))))

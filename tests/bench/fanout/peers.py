"""What others broadcast with in Python, each on uvloop as we are: `python -m tests.bench.fanout.peers WAY PATCHES`."""

from __future__ import annotations

import json
import sys
import time

import socketio
import uvloop
from aiohttp import web
from websockets.asyncio.server import ServerConnection, broadcast, serve

from monitor.domain.verdict import instant
from tests.bench.fanout.orders import Json, obey, patches


def diff(seq: int, told: list[Json]) -> Json:
    return {"type": "diff", "seq": seq, "ts": instant(time.time()), "patch": told[seq % len(told)]}


async def by_websockets(told: list[Json]) -> None:
    """`broadcast` of the websockets package, without compression and without pings."""
    connections: set[ServerConnection] = set()

    async def keep(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()
        connections.discard(connection)

    async def publish(seq: int) -> None:
        broadcast(connections, json.dumps(diff(seq, told), separators=(",", ":")))

    async with serve(keep, "127.0.0.1", 0, compression=None, ping_interval=None, backlog=1024) as server:
        await obey(server.sockets[0].getsockname()[1], publish)


async def by_socketio(told: list[Json]) -> None:
    """python-socketio on aiohttp: an event to a room."""
    hub = socketio.AsyncServer(async_mode="aiohttp", transports=["websocket"])
    application = web.Application()
    hub.attach(application)

    @hub.event
    async def connect(sid: str, _: object) -> None:
        await hub.enter_room(sid, "health")

    async def publish(seq: int) -> None:
        await hub.emit("diff", diff(seq, told), room="health")

    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    await obey(runner.addresses[0][1], publish)


if __name__ == "__main__":
    uvloop.run({"websockets": by_websockets, "socketio": by_socketio}[sys.argv[1]](patches(sys.argv[2])))

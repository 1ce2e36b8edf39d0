"""The same histories over real sockets: the real server, and clients that are not our own code."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from contextlib import AsyncExitStack, suppress
from typing import Any, Self

import aiohttp
import websockets

from monitor.client import Fold
from monitor.client.document import canonical
from monitor.outputs.crowd import Crowd
from monitor.outputs.hub import Hub
from monitor.outputs.ring import Ring
from monitor.outputs.server import Server
from tests.doors import open_gate
from tests.fakes import FakeClock
from tests.promises.platform import Platform
from tests.promises.record import Follower, unlike
from tests.promises.validators import RING, complaints
from tests.promises.world import FRESH
from tests.promises.world import Client as InMemory

FULL_BYTES, COALESCE_S, LAG_S = 2000, 0.004, 3.0
RECEIVE_BYTES = 4096
"""What the kernel holds for one who does not read: little, so that a short history fills it."""
FAT_BYTES = 4000
REST_S, ROUNDS = 10.0, 100
WAITS = (0.0, 0.0, 0.001, 0.002, 0.004, 0.008, 0.02, 0.06)
UNREADABLE = {1002, 1007, 1009}


class Client:
    """A follower and its connection, which is read as it comes, unless it sleeps."""

    def __init__(self, world: SocketWorld, name: str) -> None:
        self._world = world
        self.follower = Follower(name, Fold())
        self._awake = asyncio.Event()
        self._awake.set()
        self._task: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        return self._task is not None and not self._task.done()

    async def does(self, what: str) -> None:
        """Do what this says, if it is for a client."""
        match what:
            case "read" | "sip":
                if not self.up:
                    await self.connect()
                await asyncio.sleep(0)
            case "sleep" | "wake":
                self.sleep(asleep=what == "sleep")
            case "drop" | "vanish":
                await self.drop(heard=what == "drop")
            case "ask" | "anew":
                await self.ask(anew=what == "anew")
            case "lose" | "repeat" | "late":
                self.follower.mischief.append(what)

    async def connect(self) -> None:
        raise NotImplementedError

    async def drop(self, *, heard: bool) -> None:
        raise NotImplementedError

    async def say(self, words: dict[str, Any]) -> None:
        raise NotImplementedError

    def sleep(self, *, asleep: bool) -> None:
        if asleep:
            self._awake.clear()
        else:
            self._awake.set()

    async def ask(self, *, anew: bool) -> None:
        place = self.follower.fold.position
        if self.up and not self.follower.waits:
            await self._subscribe(None if anew or place is None else tuple(place))

    async def _subscribe(self, place: tuple[int, int] | None) -> None:
        self.follower.asks(place)
        words = {"epoch": place[0], "seq": place[1]} if place is not None else {}
        await self.say({"type": "subscribe", **words})

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            if not self._task.cancelled():
                self._task.result()


class WebSocket(Client):
    def __init__(self, world: SocketWorld, name: str, compression: str | None) -> None:
        super().__init__(world, name)
        self._compression = compression

    async def connect(self) -> None:
        place = self.follower.connects()
        query = f"?epoch={place[0]}&seq={place[1]}" if place is not None else ""
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, RECEIVE_BYTES)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self._world.port))
        self._socket = await websockets.connect(
            f"ws://127.0.0.1:{self._world.port}/api/v1/stream{query}",
            sock=raw,
            subprotocols=["health.v1.json"],
            compression=self._compression,
            proxy=None,
            ping_interval=None,
            max_queue=1,
            close_timeout=0.2,
        )
        self._task = asyncio.create_task(self._pump(), name=f"pump of {self.follower.name}")

    async def _pump(self) -> None:
        try:
            while True:
                await self._awake.wait()
                if self.follower.came(json.loads(await self._socket.recv())):
                    await self._subscribe(self.follower.wanted())
        except websockets.ConnectionClosed as end:
            if end.sent is not None and end.sent.code in UNREADABLE:
                self.follower.unread(str(end))

    async def say(self, words: dict[str, Any]) -> None:
        with suppress(websockets.ConnectionClosed):
            await self._socket.send(json.dumps(words))

    async def drop(self, *, heard: bool) -> None:
        await self._end()
        if self._task is not None:
            if not heard:
                self._socket.transport.abort()
            await self._socket.close()


class Events(Client):
    """Server-sent events, over aiohttp."""

    async def connect(self) -> None:
        place = self.follower.connects()
        told = {"Last-Event-ID": f"{place[0]}:{place[1]}"} if place is not None else {}
        self._answer = await self._world.http.get(f"http://127.0.0.1:{self._world.port}/api/v1/events", headers=told)
        assert self._answer.status == 200
        self._task = asyncio.create_task(self._pump(self._answer), name=f"pump of {self.follower.name}")

    async def _pump(self, answer: aiohttp.ClientResponse) -> None:
        event: dict[str, str] = {}
        with suppress(aiohttp.ClientError):
            async for line in answer.content:
                await self._awake.wait()
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    event[name] = value
                    continue
                if "data" in event and self.follower.came(json.loads(event["data"]), event.get("id")):
                    # It cannot ask on this line; it comes back, and says where it stood.
                    answer.close()
                    return
                event = {}

    async def ask(self, *, anew: bool) -> None:
        """It has no way to."""

    async def drop(self, *, heard: bool) -> None:
        await self._end()
        if self._task is not None:
            self._answer.close()


class SocketWorld:
    """A server on a port of its own, four followers, and a witness in memory, who is never behind."""

    uvloop = False

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.platform = Platform(self.clock, FAT_BYTES)
        self.witness = InMemory(self, Follower("witness", Fold()), "frame")
        self.clients: list[Client] = [
            WebSocket(self, "plain", None),
            WebSocket(self, "packed", "deflate"),
            WebSocket(self, "packed too", "deflate"),
            Events(self, "events"),
        ]
        self.port = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.http = await self._stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        await self._start()
        for client in self.clients:
            await client.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self.clients:
            client.sleep(asleep=False)
            await client.drop(heard=True)
        await self.server.stop()
        await self._stack.aclose()

    async def _start(self) -> None:
        self.hub = Hub(
            self.platform.begin(),
            lambda: self.platform.evidence,
            self.clock,
            coalesce_s=COALESCE_S,
            few=1,
            lag_s=LAG_S,
            ring=Ring(most=RING),
            crowd=Crowd(full_bytes=FULL_BYTES, fresh=FRESH),
        )
        self.server = Server(
            hub=self.hub,
            read_series={}.get,
            clock=self.clock,
            gate=open_gate(),
            host="127.0.0.1",
            port=self.port,
            base_path="/",
        )
        self.port = int((await self.server.start()).rsplit(":", 1)[1].strip("/"))
        self.witness.connect()

    async def until(self, promise: Any, within: float = REST_S) -> bool:
        """Wait, turn by turn of the loop, until this is so; say whether it came about."""
        end = asyncio.get_running_loop().time() + within
        while not promise():
            if asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.001)
        return True

    async def act(self, what: str, who: int, much: int) -> None:
        """Let one thing happen; reading is done by itself."""
        for change in self.platform.happens(what, who, much):
            self.hub.publish(change)
        await self.clients[who].does(what)
        match what:
            case "age":
                self.platform.ages(who)
            case "time":
                self.clock.advance(WAITS[much])
                await asyncio.sleep(WAITS[much])
            case "bookmark":
                self.bookmark()
            case "restart":
                for one in self.clients:
                    # Who sleeps would hold up the end, as tests of their own show.
                    one.sleep(asleep=False)
                await self.server.stop()
                self.witness.read()
                self.witness.drop(heard=True)
                await self._start()

    def bookmark(self) -> None:
        """Say one, of a moment that no other has."""
        self.clock.advance(0.002)
        self.platform.means_a_bookmark()
        self.hub.bookmark()

    async def rest(self) -> str | None:
        """Let nothing more happen, and everybody read; say who then does not hold what the server holds."""
        for client in self.clients:
            client.sleep(asleep=False)
            client.follower.honest()

        def held(client: Client) -> bytes:
            document = client.follower.fold.document
            return canonical(document) if client.up and document is not None else b""

        expected = b""
        for _ in range(ROUNDS):
            for client in self.clients:
                if not client.up:
                    await client.connect()
            # Whoever is behind at one bookmark hears the next.
            self.bookmark()
            expected = self.platform.now()
            if await self.until(lambda: all(held(client) == expected for client in self.clients), 0.1):  # noqa: B023
                break
        documents = {one.follower.name: one.follower.fold.document or {} for one in self.clients if one.up}
        return unlike(documents | {"the hub": self.hub.document}, expected)


async def broken_over_sockets(acts: list[tuple[str, int, int]]) -> dict[str, str]:
    """Live through a history; give each promise that was broken, and how."""
    async with SocketWorld() as world:
        for act in acts:
            await world.act(*act)
        found = {"at rest": complaint} if (complaint := await world.rest()) else {}
        world.witness.read()
        everybody = [world.witness, *world.clients]
        return complaints({one.follower.name: one.follower.log for one in everybody}, world.platform.truth) | found

"""A server that does what the test has written down, one act for each connection, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import websockets
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

Act = Callable[["Visit"], Awaitable[None]]
Refusal = tuple[int, dict[str, str]]


class Visit:
    """One connection, from the server's side."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket

    async def say(self, *messages: dict[str, Any]) -> None:
        for message in messages:
            await self.socket.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self.socket.recv())
        return message

    async def stay(self) -> None:
        """Say nothing more, until the other side leaves."""
        await self.socket.wait_closed()


class Scripted:
    """Plays its acts in their order, and the last one again and again; keeps what it was asked."""

    def __init__(self, acts: tuple[Act | Refusal, ...]) -> None:
        self._acts = acts
        self.url = ""
        self.requests: list[Request] = []
        self.times: list[float] = []

    def _act(self) -> Act | Refusal:
        return self._acts[min(len(self.requests), len(self._acts)) - 1]

    def ask(self, socket: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        act = self._act()
        if not isinstance(act, tuple):
            return None
        response = socket.respond(act[0], "no\n")
        for name, value in act[1].items():
            response.headers[name] = value
        return response

    async def play(self, socket: ServerConnection) -> None:
        act = self._act()
        assert not isinstance(act, tuple)
        with suppress(websockets.ConnectionClosed):
            await act(Visit(socket))

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@asynccontextmanager
async def scripted(*acts: Act | Refusal, subprotocol: str | None = "health.v1.json") -> AsyncIterator[Scripted]:
    """Open a server that plays these acts."""
    server = Scripted(acts)
    offered = [websockets.Subprotocol(subprotocol)] if subprotocol else None
    async with serve(
        server.play,
        "127.0.0.1",
        0,
        subprotocols=offered,
        process_request=server.ask,
        select_subprotocol=None if offered else lambda *_: None,
        ping_interval=None,
        close_timeout=0.2,
    ) as opened:
        server.url = f"http://127.0.0.1:{opened.sockets[0].getsockname()[1]}/"
        yield server

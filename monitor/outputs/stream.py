"""The live stream over WebSocket (RFC 6455): the document, then its changes, to anybody who can keep up."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

import structlog
from aiohttp import WSMsgType, web

from monitor.clock import Clock
from monitor.outputs import wire
from monitor.outputs.hub import Hub, Subscriber

log = structlog.get_logger()
INBOUND_BYTES = 4096
INBOUND_MESSAGES, INBOUND_PER_S = 20, 10.0
MOST_SUBSCRIBERS = 500
LAG_S = 30.0
"""A subscriber that does not take a single frame for so long is dropped."""


class Stream:
    """The route of the stream, and the life of one subscriber's connection."""

    def __init__(self, hub: Hub, clock: Clock, lag_s: float = LAG_S) -> None:
        self._hub = hub
        self._clock = clock
        self._lag_s = lag_s

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one subscriber until it leaves, lags too far behind, or the daemon stops."""
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        if offered and wire.PROTOCOL not in offered:
            raise web.HTTPBadRequest(text=f"This server speaks the subprotocol {wire.PROTOCOL}.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="This page may not read the stream: its origin is another host.")
        if len(self._hub.subscribers) >= MOST_SUBSCRIBERS:
            raise web.HTTPServiceUnavailable(text="Too many subscribers.", headers={"Retry-After": "10"})
        socket = web.WebSocketResponse(
            protocols=(wire.PROTOCOL,),
            max_msg_size=INBOUND_BYTES + 1,  # aiohttp refuses what is as long as this
            heartbeat=20,
            compress=False,
            timeout=2,
        )
        await socket.prepare(request)
        subscriber = self._hub.join()
        log.info("subscriber.joined", subscribers=len(self._hub.subscribers))
        sender = asyncio.create_task(self._send(socket, subscriber), name="stream: sender")
        try:
            # Reading goes on for ever: without it the other side's close would never be seen.
            await self._receive(socket, subscriber)
        finally:
            sender.cancel()
            self._hub.leave(subscriber)
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            log.info("subscriber.left", subscribers=len(self._hub.subscribers), code=socket.close_code)
        return socket

    async def _send(self, socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
        try:
            while True:
                await subscriber.filled()
                for frame in self._hub.next_frames(subscriber):
                    async with asyncio.timeout(self._lag_s):
                        await socket.send_str(frame.decode())
                if subscriber.closing is not None:
                    code, reason = subscriber.closing
                    await socket.close(code=code, message=reason.encode())
                    return
        except TimeoutError:
            log.warning("subscriber.dropped", why="slow", lag_s=self._lag_s)
            # A close frame could not be delivered either.
            if socket._req is not None and socket._req.transport is not None:  # noqa: SLF001 - aiohttp names no way to abort
                socket._req.transport.abort()  # noqa: SLF001
        except (ConnectionError, RuntimeError):
            return

    async def _receive(self, socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
        since, count = self._clock.now().mono, 0
        async for message in socket:
            now = self._clock.now().mono
            if now - since > INBOUND_PER_S:
                since, count = now, 0
            count += 1
            if count > INBOUND_MESSAGES:
                subscriber.close(4429, "too many messages")
            elif message.type is not WSMsgType.TEXT or not self._understood(subscriber, message.data):
                subscriber.answer(wire.error("bad_message", "Send subscribe or ping, as JSON text.", fatal=True))
                subscriber.close(4400, "bad message")

    @staticmethod
    def _understood(subscriber: Subscriber, text: str) -> bool:
        try:
            message = wire.decode(text)
        except ValueError:
            return False
        match message:
            case {"type": "subscribe"}:
                subscriber.restart("gap")
            case {"type": "ping", "id": str() | int() | float() as name}:
                subscriber.answer(wire.pong(name))
            case {"type": "ping"} if message.get("id") is None:
                subscriber.answer(wire.pong())
            case _:
                return False
        return True

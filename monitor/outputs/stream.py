"""The live stream over WebSocket (RFC 6455): the document, then its changes, to anybody who can keep up."""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

import structlog
from aiohttp import WebSocketError, WSMsgType, web

from monitor.clock import Clock
from monitor.outputs import wire
from monitor.outputs.hub import Hub, Subscriber

log = structlog.get_logger()
INBOUND_BYTES = 4096
INBOUND_MESSAGES, INBOUND_PER_S = 20, 10.0
MOST_SUBSCRIBERS = 500
PING_S = 20.0
"""So often a subscriber is pinged; one that lets half of that pass without an answer is gone."""
LAG_S = 30.0
"""A subscriber that does not take a single frame for so long is dropped."""


class Stream:
    """The route of the stream, and the life of one subscriber's connection."""

    def __init__(self, hub: Hub, clock: Clock, lag_s: float = LAG_S, ping_s: float = PING_S) -> None:
        self._hub = hub
        self._clock = clock
        self._lag_s, self._ping_s = lag_s, ping_s

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one subscriber until it leaves, lags too far behind, or the daemon stops."""
        counts = self._hub.counts
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        if offered and wire.PROTOCOL not in offered:
            counts.turn_away("protocol")
            raise web.HTTPBadRequest(text=f"This server speaks the subprotocol {wire.PROTOCOL}.")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden(text="This page may not read the stream: its origin is another host.")
        if len(self._hub.subscribers) >= MOST_SUBSCRIBERS:
            counts.turn_away("limit")
            raise web.HTTPServiceUnavailable(text="Too many subscribers.", headers={"Retry-After": "10"})
        socket = web.WebSocketResponse(
            protocols=(wire.PROTOCOL,),
            max_msg_size=INBOUND_BYTES + 1,  # aiohttp refuses what is as long as this
            heartbeat=self._ping_s,
            compress=False,
            timeout=2,
        )
        # Its place is taken before anything is awaited: no two can be given the last one.
        subscriber = self._hub.join()
        try:
            await socket.prepare(request)
            log.info("subscriber.joined", subscribers=len(self._hub.subscribers))
            await self._serve(socket, subscriber)
        except web.HTTPBadRequest:
            counts.turn_away("protocol")
            raise
        finally:
            self._hub.leave(subscriber)
            if socket.prepared:
                log.info("subscriber.left", subscribers=len(self._hub.subscribers), code=socket.close_code)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
        sender = asyncio.create_task(self._send(socket, subscriber), name="stream: sender")
        try:
            # Reading goes on for ever: without it the other side's close would never be seen.
            await self._receive(socket, subscriber)
        finally:
            sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender

    async def _send(self, socket: web.WebSocketResponse, subscriber: Subscriber) -> None:
        try:
            while True:
                await subscriber.filled()
                for frame in self._hub.next_frames(subscriber):
                    async with asyncio.timeout(self._lag_s):
                        await socket.send_str(frame.decode())
                    self._hub.counts.frames += 1
                if subscriber.closing is not None:
                    code, reason = subscriber.closing
                    await socket.close(code=code, message=reason.encode())
                    return
        except TimeoutError:
            self._hub.counts.turn_away("slow_reader")
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
            if message.type is WSMsgType.ERROR:
                # aiohttp has closed it already: for what it said (RFC 6455, 7.4.1), or because it is gone.
                if isinstance(message.data, WebSocketError):
                    self._hub.counts.turn_away("protocol")
            elif subscriber.closing is not None:
                continue
            elif count > INBOUND_MESSAGES:
                self._end(subscriber, 4429, "too many messages")
            elif message.type is not WSMsgType.TEXT or not self._understood(subscriber, message.data):
                subscriber.answer(wire.error("bad_message", "Send subscribe or ping, as JSON text.", fatal=True))
                self._end(subscriber, 4400, "bad message")

    def _end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        self._hub.counts.turn_away("protocol")
        subscriber.close(code, reason)

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

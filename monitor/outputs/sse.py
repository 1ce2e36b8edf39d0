"""The live stream as server-sent events (HTML, 9.2): the same messages, for a browser's EventSource and for curl."""

from __future__ import annotations

import asyncio
import random

import structlog
from aiohttp import web

from monitor.outputs import joining
from monitor.outputs.frames import chunk
from monitor.outputs.gate import own_origin
from monitor.outputs.hub import Hub
from monitor.outputs.joining import Company
from monitor.outputs.subscriber import Subscriber

log = structlog.get_logger()
COME_BACK_MS = 500, 5000
"""A reader that lost the stream comes back after a time between these, each its own: not all knock at once."""
HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Events:
    """The route of the events."""

    def __init__(self, hub: Hub, company: Company) -> None:
        self._hub = hub
        self._company = company

    async def open(self, request: web.Request) -> web.StreamResponse:
        """Serve one reader until it leaves, lags too far behind, may stay no longer, or the daemon stops."""
        own_origin(request, self._company.rules, needed=False)
        position = joining.asked_position(request, request.headers.get("Last-Event-ID"))
        if request.version < (1, 1):
            raise web.HTTPVersionNotSupported(text="The stream has no end, which HTTP/1.0 cannot tell; use 1.1.")
        response = web.StreamResponse(headers=HEADERS)
        response.enable_chunked_encoding()
        over = asyncio.Event()
        with joining.seated(self._company, request, self._hub.counts, lambda *_: over.set()):
            await response.prepare(request)
            response.headers.clear()  # sent, and of no use any more
            await self._follow(request, position, over)
        return response

    async def _follow(self, request: web.Request, position: tuple[int, int] | None, over: asyncio.Event) -> None:
        transport = joining.tuned(request)
        one = Subscriber(transport, "event", lambda *_: over.set())
        retry_ms = random.randint(*COME_BACK_MS)  # noqa: S311 - it spreads, it protects nothing
        one.write(chunk(b"retry: %d\n\n" % retry_ms))
        self._hub.join(one, position)
        log.info("subscriber.joined", subscribers=self._hub.following)
        try:
            await over.wait()
        finally:
            self._hub.leave(one)
            log.info("subscriber.left", subscribers=self._hub.following, code=None)

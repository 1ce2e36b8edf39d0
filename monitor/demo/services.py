"""The services of the platform that answer over HTTP: each a small listener that says it is well, until it is not."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any

from aiohttp import web

from monitor.demo.port import HOST
from monitor.domain.verdict import instant
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.clock import Clock

API = "huph-api"
ADMIN = "admin"
NAMES = ("dify", "langfuse", "milvus", API, ADMIN)


class Service:
    """One of them: `GET /health` is answered with 200, after `delay` seconds; huph-api also says since when it runs.

    `routes` is what it answers besides; a person's browser may ask for that by any name of this machine.
    """

    def __init__(self, name: str, port: int, clock: Clock, routes: Sequence[web.RouteDef] = ()) -> None:
        self.name = name
        self.port = port
        self.delay = 0.0
        self.started_at = 0.0
        self._clock = clock
        self._routes = routes
        self._runner: web.AppRunner | None = None

    @property
    def running(self) -> bool:
        return self._runner is not None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/health"

    async def start(self) -> None:
        """Listen; does nothing where it listens already."""
        if self._runner is not None:
            return
        app = web.Application(client_max_size=1024)
        app.add_routes([web.get("/health", self._health), *self._routes])
        # What is still being answered when it stops breaks off, as in a container that stops (0 would be no limit).
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port).start()
        except OSError as error:
            await runner.cleanup()
            raise MonitorError(f"{self.name} cannot listen on port {self.port} again: {error.strerror}.") from error
        if self._routes:
            with contextlib.suppress(OSError):  # not every machine has IPv6
                await web.TCPSite(runner, "::1", self.port).start()
        # Up to the next millisecond: what was written before a start must not look newer than it.
        self.started_at = math.ceil(self._clock.now().wall * 1000) / 1000
        self._runner = runner

    async def stop(self) -> None:
        """Close the listener and every connection: from now on they are refused."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    async def _health(self, _: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.delay)
        answer: dict[str, Any] = {"status": "ok"}
        if self.name == API:
            answer["started_at"] = instant(self.started_at)
        return web.json_response(answer)

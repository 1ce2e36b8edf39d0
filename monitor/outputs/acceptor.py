"""Accepts connections, few in each turn of the event loop: a crowd before the door keeps nobody waiting inside."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

import structlog
from aiohttp import web

from monitor.outputs.connections import GuardedServer, Runner

log = structlog.get_logger()
BACKLOG = 4096
"""So many wait in the kernel until their turn comes; it may have a lower limit of its own (net.core.somaxconn)."""
UNHEARD, UNHEARD_S = 32, 0.01
"""While so many have sent nothing yet the next ones wait for so long."""
PAUSE_S = 1.0
"""So long nobody is accepted where the machine has no room for one more."""


class Site(web.BaseSite):
    """Serves a listening socket.

    A server of asyncio's accepts in one turn all that wait, and reads in a later one what all of them ask. Here few are
    accepted, and then the loop has its turn; and while many of them have not sent anything yet, few in a while, so that
    not too much can come at once.
    """

    def __init__(self, runner: Runner, listening: socket.socket) -> None:
        super().__init__(runner)
        self._factory = cast("GuardedServer", runner.server)
        self._reception = self._factory.reception
        self._listening = listening
        self._loop = asyncio.get_running_loop()
        self._entering: set[asyncio.Task[object]] = set()
        self._pausing: asyncio.TimerHandle | None = None

    @property
    def name(self) -> str:
        host, port = self._listening.getsockname()[:2]
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Accept, from now on."""
        await super().start()
        self._listening.setblocking(False)
        self._listening.listen(BACKLOG)
        self._go_on()

    async def stop(self) -> None:
        """Accept nobody any more; whoever is inside stays."""
        if self._pausing is not None:
            self._pausing.cancel()
        self._loop.remove_reader(self._listening)
        self._listening.close()
        await super().stop()

    def _go_on(self) -> None:
        self._pausing = None
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        """Let a few in; whoever waits still makes the loop call again."""
        for _ in range(self._reception.bounds.per_turn):
            try:
                connection, _address = self._listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("http.full", error=error.strerror)
                self._pause(PAUSE_S)
                return
            entering: asyncio.Task[object] = self._loop.create_task(self._enter(connection))
            self._entering.add(entering)
            entering.add_done_callback(self._entering.discard)
        if self._reception.unheard + len(self._entering) >= UNHEARD:
            self._pause(UNHEARD_S)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listening)
        self._pausing = self._loop.call_later(seconds, self._go_on)

    async def _enter(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        try:
            await self._loop.connect_accepted_socket(self._factory, connection)
        except OSError:
            # Gone again before it was served.
            connection.close()

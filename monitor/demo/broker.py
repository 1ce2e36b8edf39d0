"""The platform's realtime broker: a Socket.IO server that hears the database's signals and relays them to its room."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

import asyncpg
import socketio
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from monitor.backoff import Backoff
from monitor.demo import schema
from monitor.demo.port import HOST, free_port
from monitor.errors import MonitorError

SESSION = "huph-api broker"  # the application_name of its LISTEN session
EVENTS = {"messages": "message", "conversations": "conversation", "notifications": "notification"}
ROOM = "inbox"
_FULL = 10_000  # signals that wait to be relayed; a flood beyond them is lost, as it would be on any broker
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_FRESH = jwt.JWTClaimsRegistry(exp={"essential": True})
# Left to themselves both libraries hang a handler of their own onto standard error.
_SILENT = logging.getLogger(f"{__name__}.socketio")
_SILENT.setLevel(logging.CRITICAL + 1)


class DemoBroker:
    """Lets in whoever brings a token signed with `secret`; it may be stopped and started again on the same port.

    `deaf` relays nothing, and everyone stays connected. `dsn` names the database and may be down at any time.
    """

    def __init__(self, dsn: str, secret: str, port: int | None = None) -> None:
        self.deaf = False
        self.port = port if port is not None else free_port()
        self._dsn = dsn
        self._key = OctKey.import_key(secret.encode())
        self._refuses = False
        self._listens = False
        self._inbox: set[str] = set()
        self._signals: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_FULL)
        self._server: socketio.AsyncServer | None = None
        self._runner: web.AppRunner | None = None
        self._work: asyncio.Task[None] | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        return self._runner is not None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def start(self) -> None:
        """Open the port; does nothing where it is open."""
        if self._runner is not None:
            return
        server = socketio.AsyncServer(async_mode="aiohttp", logger=_SILENT, engineio_logger=_SILENT)
        server.on("connect", self._connect)
        server.on("disconnect", self._disconnect)
        server.on("join", self._join)
        server.on("stats", self._stats)
        app = web.Application()
        server.attach(app)
        # Who is connected is cut off, as by a container that is stopped (0 would be no limit).
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, self.port).start()
        except OSError as error:
            await runner.cleanup()
            raise MonitorError(f"The broker cannot listen on port {self.port}: {error.strerror}.") from error
        self._server, self._runner = server, runner
        self._work = asyncio.get_running_loop().create_task(self._live(server), name="demo broker")

    async def stop(self) -> None:
        """Close the port and every connection: from now on it refuses them."""
        runner, self._runner = self._runner, None
        server, self._server = self._server, None
        work, self._work = self._work, None
        if runner is None or server is None or work is None:
            return
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        await server.shutdown()
        await runner.cleanup()
        self._inbox.clear()

    def refuse(self, wanted: bool, /) -> None:
        """Refuse every token from now on and let go of whom it has let in; or accept them again."""
        self._refuses = wanted
        if wanted and self._server is not None:
            for sid, _ in list(self._server.manager.get_participants("/", None)):
                task = asyncio.get_running_loop().create_task(self._server.disconnect(sid), name="demo farewell")
                self._farewells.add(task)
                task.add_done_callback(self._farewells.discard)

    async def _connect(self, _: str, __: dict[str, Any], auth: object = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        try:
            _FRESH.validate(jwt.decode(str(token), self._key, algorithms=["HS256"]).claims)
        except (JoseError, ValueError):
            raise socketio.exceptions.ConnectionRefusedError("unauthorized") from None
        if self._refuses:
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")

    async def _disconnect(self, sid: str, _: str) -> None:
        self._inbox.discard(sid)

    async def _join(self, sid: str, room: object = None) -> None:
        if room == ROOM and self._server is not None:
            await self._server.enter_room(sid, ROOM)
            self._inbox.add(sid)

    async def _stats(self, _: str, *__: object) -> dict[str, int | bool]:
        return {"subscribers": len(self._inbox), "listens": self._listens}

    async def _live(self, server: socketio.AsyncServer) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hear(), name="demo broker: listens")
            tasks.create_task(self._relay(server), name="demo broker: relays")

    async def _hear(self) -> None:
        """Listen for ever; a PostgreSQL that is down is tried again."""
        backoff = Backoff(0.1, 2.0)
        while True:
            with contextlib.suppress(*_FAILURES):
                session = await schema.connect(self._dsn, SESSION)
                lost = asyncio.Event()

                def end(_: object, lost: asyncio.Event = lost) -> None:
                    lost.set()

                session.add_termination_listener(end)
                try:
                    for channel in EVENTS:
                        await session.add_listener(channel, self._heard)
                    self._listens = True
                    backoff.reset()
                    await lost.wait()
                finally:
                    self._listens = False
                    session.terminate()  # close() would wait for a server that may be gone
            await asyncio.sleep(backoff.next())

    def _heard(self, _: object, __: int, channel: str, text: str) -> None:
        if not self.deaf:
            with contextlib.suppress(asyncio.QueueFull):
                self._signals.put_nowait((channel, text))

    async def _relay(self, server: socketio.AsyncServer) -> None:
        while True:
            channel, text = await self._signals.get()
            with contextlib.suppress(ValueError):
                await server.emit(EVENTS[channel], json.loads(text), room=ROOM)

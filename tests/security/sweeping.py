"""What a sweep for secrets needs: all that the system says, kept under where it was said, and hostile neighbours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import websockets
from aiohttp import web

from tests.canaries import Canaries
from tests.cli.terminals import ENVIRONMENT
from tests.daemon import Daemon
from tests.watched import Platform

ROLES = "usename like 'huph_monitor%'"
LOOK_S = 0.03
Headers = dict[str, str]


class Heard:
    """Everything that was said, by where; and what each kind of asking was answered."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.statuses: dict[str, set[int]] = {}

    def note(self, where: str, text: str | bytes) -> None:
        self.said.append((where, text if isinstance(text, str) else text.decode("utf-8", "backslashreplace")))

    def count(self) -> Counter[str]:
        """Say how often each place has spoken, by the first word of its name."""
        return Counter(where.split()[0] for where, text in self.said if text)

    def leaks(self, canaries: Canaries) -> list[tuple[str, str, str]]:
        """Give where which secret came out, and how it was written."""
        return sorted({(where, *hit) for where, text in self.said for hit in canaries.hits(text)})


class Asker:
    """Asks a daemon and keeps every answer, its headers too."""

    def __init__(self, daemon: Daemon, heard: Heard, http: aiohttp.ClientSession) -> None:
        self.daemon = daemon
        self.heard = heard
        self.http = http

    async def ask(self, method: str, path: str, headers: Headers, *, kept: bool = True, **options: Any) -> Any:
        """Ask, and give what was answered in JSON, if it was; `kept` False for the one answer that is a secret."""
        url = self.daemon.address + path
        async with self.http.request(method, url, headers=headers, allow_redirects=False, **options) as response:
            text = await response.text()
            self.heard.statuses.setdefault(method, set()).add(response.status)
            if kept:
                head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
                self.heard.note(f"http {method} {path}", f"{response.status} {response.reason}\n{head}\n\n{text}")
            return json.loads(text) if text and response.content_type == "application/json" else text

    async def edit(self, shown: Headers, key: str, body: Any, seen: int | None = None, **more: str) -> int:
        """Edit, or try to; give the status."""
        own = {"X-Huph-Monitor": "1", "Origin": self.daemon.address.rstrip("/"), **shown, **more}
        if seen is not None:
            own["If-Match"] = f'"{seen}"'
        sent = {"json": body} if "Content-Type" not in more else {"data": body}
        said = await self.ask("PATCH", f"api/v1/settings/{key}", own, **sent)
        assert isinstance(said, dict)
        self.heard.note("edit", json.dumps(said))
        return 200 if "changed_at" in said else {"conflict": 409}.get(said["error"]["code"], 400)

    async def listen(self, path: str, headers: Headers, *says: str | bytes, many: int = 2) -> None:
        """Follow the stream over WebSocket for some messages, and say something; keep every frame, and the end."""
        address = self.daemon.address.replace("http://", "ws://") + path
        own = {"Origin": self.daemon.address.rstrip("/"), **headers} if "Cookie" in headers else headers
        try:
            async with websockets.connect(address, additional_headers=own, proxy=None) as socket:
                for text in says:
                    await socket.send(text)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(3):
                        for _ in range(many):
                            self.heard.note("websocket", await socket.recv())
        except websockets.InvalidStatus as refused:
            body = (refused.response.body or b"").decode()
            self.heard.note("websocket", f"{refused.response.headers}{body}")
        except websockets.ConnectionClosed as closed:
            self.heard.note("websocket", str(closed))

    async def events(self, path: str, headers: Headers) -> str:
        """Follow the stream as server-sent events for a moment; give the id of the last one."""
        told = b""
        async with self.http.get(self.daemon.address + path, headers=headers) as response:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    while told.count(b"\n\n") < 2 and (part := await response.content.readany()):
                        told += part
            self.heard.note(f"sse {response.status}", f"{response.headers}{told.decode()}")
        ids = [line.partition(b":")[2].strip() for line in told.splitlines() if line.startswith(b"id:")]
        return ids[-1].decode() if ids else ""

    async def raw(self, text: bytes) -> None:
        """Send bytes as they are, and keep what comes."""
        host, _, port = self.daemon.address.removeprefix("http://").partition("/")[0].rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(text)
            async with asyncio.timeout(3):
                self.heard.note("raw", await reader.read(65536))
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    def process(self) -> None:
        """Keep what the machine tells of the process."""
        folder = Path("/proc") / str(self.daemon.process.pid)
        self.heard.note("cmdline", (folder / "cmdline").read_bytes())
        for thread in (folder / "task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                self.heard.note("cmdline", (thread / "comm").read_bytes())


@asynccontextmanager
async def watched_database(platform: Platform, heard: Heard) -> AsyncIterator[None]:
    """Keep the statements of the monitor's roles as others see them, and whatever is notified, meanwhile."""

    async def look() -> None:
        while True:
            # The database is killed meanwhile, amid a question too.
            with contextlib.suppress(
                OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError
            ):
                await asyncio.sleep(LOOK_S)
                connection = await asyncpg.connect(platform.dsn)
                try:
                    for channel in ("messages", "conversations", "huph_monitor_changes"):
                        await connection.add_listener(channel, lambda *told: heard.note("notify", str(told[2:])))
                    while True:
                        for row in await connection.fetch(f"select * from pg_stat_activity where {ROLES}"):
                            heard.note("activity", str(dict(row)))
                        await asyncio.sleep(LOOK_S)
                finally:
                    connection.terminate()

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


class Echo:
    """A service that says back all that it was sent: in its status line, headers and body, or on a plain socket."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[str] = []
        self.http = self.line = ""

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked += [request.path_qs, *request.query.values()]
        told = f"{request.path_qs} {dict(request.headers)}"
        words = told.translate({13: None, 10: None})
        return web.Response(status=self.status, reason=words, text=told, headers={"Location": request.path_qs})

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while said := await reader.read(4096):
                self.asked.append(said.decode("utf-8", "replace"))
                writer.write(b"-ERR not understood: " + said.replace(b"\r\n", b" ") + b"\r\n")
        writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Echo]:
        """Answer until the test is over."""
        application = web.Application()
        application.router.add_route("*", "/{any:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.http = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server = await asyncio.start_server(self._line, "127.0.0.1", 0)
        self.line = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            await runner.cleanup()


async def command(heard: Heard, *words: object, **variables: str) -> int:
    """Run the command line, and keep what it says, both ways."""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "monitor", *map(str, words)],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        env={**ENVIRONMENT, **variables},
    )
    heard.note(f"command {words[0]}", ran.stdout + b"\n" + ran.stderr)
    return ran.returncode


def kept(path: Path, text: str) -> Path:
    """Write a file that is its owner's alone."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path

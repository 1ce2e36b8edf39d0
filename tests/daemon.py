"""A daemon as a process of its own, and a follower of its stream: our own fold over a socket that is not ours."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import aiohttp
import websockets

from monitor.client import Fold, Step
from tests import nursery

Document = dict[str, Any]
FLAGS = """\
BILINGUAL_ENABLED=false
INTENT_LLM_ENABLED=true
FOLLOW_UP_ENABLED=true
HANDOVER_ENABLED=true
RAG_ENABLED=true
SOCKET_REDIS_ADAPTER=false
MAX_BOT_TURNS=12
DEFAULT_LANGUAGE=id
"""
ALONE = """
services = { dify.url = "", langfuse.url = "", milvus.url = "", huph-api.url = "", admin.url = "", valkey.address = "" }
"""
"""No service beside the database: what a test does not start it does not watch."""
START_S = 20.0
STOP_S = 5.0


class Follower:
    """Follows the stream over WebSocket; keeps the document, every message, and when each came (monotonic)."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket
        self.document: Document = {}
        self.messages: list[tuple[float, Document]] = []
        self.close_code: int | None = None
        self._changed = asyncio.Condition()
        self._reader = asyncio.create_task(self._read(), name="follower")

    async def _read(self) -> None:
        fold = Fold()
        try:
            async for text in self._socket:
                message = json.loads(text)
                self.messages.append((asyncio.get_running_loop().time(), message))
                # Nothing may be missed on a connection that stands: who follows it never has to ask.
                assert fold.receive(message) is not Step.ASK, message
                self.document = dict(fold.document or {})
                async with self._changed:
                    self._changed.notify_all()
        except websockets.ConnectionClosed:
            pass
        self.close_code = self._socket.close_code
        async with self._changed:
            self._changed.notify_all()

    async def until(self, promise: Callable[[Document], Any], within: float) -> float:
        """Wait until the document keeps the promise; give the seconds it took."""
        started = asyncio.get_running_loop().time()

        def kept() -> bool:
            try:
                return bool(self.document) and bool(promise(self.document))
            except KeyError:
                return False

        try:
            async with asyncio.timeout(within), self._changed:
                await self._changed.wait_for(kept)
        except TimeoutError:
            shown = {name: (e["verdict"], e.get("reason")) for name, e in self.document.get("checks", {}).items()}
            raise AssertionError(f"not within {within} s: {shown}") from None
        return asyncio.get_running_loop().time() - started

    async def reason(self, check: str, code: str | None, within: float) -> float:
        """Wait until a check's primary reason is this one (None: a plain ok); give the seconds it took."""
        return await self.until(
            lambda d: (
                d["checks"][check].get("reason") == code and (code is not None or d["checks"][check]["verdict"] == "ok")
            ),
            within,
        )

    async def closed(self, within: float) -> int | None:
        async with asyncio.timeout(within):
            await self._reader
        return self.close_code

    async def leave(self) -> None:
        await self._socket.close()
        await self._reader


class Daemon:
    """`huph-monitor serve` on a free port, with its log in a file."""

    def __init__(self, process: asyncio.subprocess.Process | nursery.Child, log: Path) -> None:
        self.process = process
        self._log = log
        self.address = ""
        self.shown: Mapping[str, str] = {}
        self._followers: list[Follower] = []
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    async def start(
        cls,
        folder: Path,
        dsn: str,
        *,
        config: str = 'quiet_hours = ""',
        services: str = ALONE,
        more: str = "",
        flags_path: bool = True,
        base_path: str = "/",
        limits: str = "",
        access: str = "open = true",
        http: str = "",
        port: int = 0,
        listen_dsn: str = "",
        edit_dsn: str = "",
        module: str = "monitor",
        environment: Mapping[str, str] = MappingProxyType({}),
        token: str = "",
        forked: bool = True,
    ) -> Daemon:
        """Start one; `module` is what Python runs, with the words that come before the daemon's own.

        Not `forked` is one that has a command line and an environment of its own for others to see.

        `token` is what is shown to it by who asks through us.
        """
        name = uuid4().hex[:8]
        path, log = folder / f"{name}.toml", folder / f"{name}.log"
        flags = ""
        if flags_path:
            file = folder / "flags.env"
            if not file.exists():
                file.write_text(FLAGS)
            flags = f'[flags]\npath = "{file}"\n'
        others = {"listen_dsn": listen_dsn, "edit_dsn": edit_dsn}
        other = "".join(f'{key} = "{value}"\n' for key, value in others.items() if value)
        path.write_text(
            f'{config}\n{services}\n[limits]\n{limits}\n[database]\ndsn = "{dsn}"\n{other}'
            f'[http]\nport = {port}\nbase_path = "{base_path}"\n{http}\n[access]\n{access}\n{flags}{more}\n'
        )
        daemon = await cls._run(path, log, module, environment, forked=forked)
        daemon.shown = {"Authorization": f"Bearer {token}"} if token else {}
        return daemon

    @classmethod
    async def watching(cls, folder: Path, config: Path, *, limits: str = "") -> Daemon:
        """Start one on a configuration that somebody else wrote, with other limits, and open to this machine."""
        name = uuid4().hex[:8]
        path = folder / f"{name}.toml"
        path.write_text(f"{config.read_text()}\n[http]\nport = 0\n[limits]\n{limits}\n")
        return await cls._run(path, folder / f"{name}.log", more={"HUPH_MONITOR_ACCESS_OPEN": "true"})

    @classmethod
    async def _run(
        cls,
        path: Path,
        log: Path,
        module: str = "monitor",
        more: Mapping[str, str] = MappingProxyType({}),
        *,
        forked: bool = True,
    ) -> Daemon:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("HUPH_MONITOR_")}
        environment = {**inherited, **more}
        with log.open("wb") as output:
            out = output.fileno()
            process = await nursery.start(
                *module.split(), "--config", path, stdout=out, stderr=out, env=environment, forked=forked
            )
        daemon = cls(process, log)
        async with asyncio.timeout(START_S):
            while not (started := daemon.events("daemon.started")):
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.02)
        daemon.address = started[0]["address"]
        return daemon

    def events(self, name: str) -> list[Document]:
        """Give the events of this name that it has logged."""
        lines = self._log.read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    @property
    def mistakes(self) -> list[Document]:
        """Everything in its log that no daemon should have to say: what fell, in us or in a library."""
        told = [event for name in ("request.failed", "program.failed", "library.warned") for event in self.events(name)]
        raw = [{"line": line} for line in self.log.splitlines() if "Traceback" in line]
        return raw + [event for event in told if "exception" in event]

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def get(self, path: str) -> tuple[int, Any]:
        """Ask one REST address, relative to the page; give the status and the JSON."""
        self._session = self._session or aiohttp.ClientSession()
        async with self._session.get(self.address + path, headers=self.shown) as answer:
            return answer.status, await answer.json()

    async def follow(self) -> Follower:
        address = self.address.replace("http://", "ws://") + "api/v1/stream"
        # A daemon that stands still must not lose its reader to the reader's own impatience.
        follower = Follower(
            await websockets.connect(
                address,
                additional_headers=self.shown,
                subprotocols=["health.v1.json"],
                proxy=None,
                ping_interval=None,
            )
        )
        self._followers.append(follower)
        await follower.until(lambda _: True, 5)
        return follower

    async def settled(self) -> Follower:
        """Follow it, and wait until every check has been observed."""
        follower = await self.follow()
        await follower.until(
            lambda d: all(e.get("reason") != "unknown.starting" for e in d["checks"].values()), START_S
        )
        return follower

    async def kill(self) -> None:
        """End it by SIGKILL, as the kernel does when memory runs out."""
        await self._leave()
        self.process.kill()
        await self.process.wait()

    async def _leave(self) -> None:
        for follower in self._followers:
            await follower.leave()
        self._followers = []
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def stop(self) -> int:
        """End it as an operator would, and give the exit code; it has five seconds."""
        await self._leave()
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                code = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(f"did not stop within {STOP_S} s:\n{self.log}") from None
        assert code == 0, self.log
        assert self.mistakes == [], self.log
        return code

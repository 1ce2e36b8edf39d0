"""A stage for the ways out: a real board, engine, hub and server; the test says what happens on the platform."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from monitor import config, plan
from monitor.access.gate import Gate
from monitor.domain.board import Board
from monitor.domain.change import Change
from monitor.domain.connection import Answer, Pulse
from monitor.domain.signal import Event, Sample, Signal
from monitor.engine import Engine
from monitor.outputs.hub import Hub
from monitor.outputs.server import Server
from monitor.settings.edit import Change as Past
from monitor.settings.edit import Conflict, Done, Edit, Refusal
from tests.doors import open_gate
from tests.fakes import FakeClock, Recorder
from tests.outputs import whole

Json = dict[str, Any]
EVERYTHING = {
    "HUPH_MONITOR_DATABASE_DSN": "postgresql://u@127.0.0.1/huph",
    "HUPH_MONITOR_BROKER_URL": "http://127.0.0.1:3001",
    "HUPH_MONITOR_BROKER_SECRET": "shared",
    "HUPH_MONITOR_ACCESS_OPEN": "true",
}
"""A configuration with which everything of the HUPH profile is watched."""
WEB = Path(__file__).parents[2] / "web"
INDEX = (
    '<!doctype html><title>x</title>\n<script type="application/json" id="document">{}</script>\n'
    '<script type="application/json" id="advice">{}</script>\n<p>{}</p>\n'
)


class Port:
    """A server, and somebody who asks it."""

    server: Server
    http: aiohttp.ClientSession
    url = ""

    async def open(self, stack: AsyncExitStack) -> None:
        """Listen until the test is over."""
        self.url = await self.server.start()
        stack.push_async_callback(self.server.stop)
        self.http = await stack.enter_async_context(aiohttp.ClientSession())

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """Ask for an address; give the status and the JSON of the answer."""
        async with self.http.get(self.url + path, **options) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()


def build(folder: Path) -> None:
    """Write the least that a built page is; the one for who may not see it is our own."""
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    shutil.copy(WEB / "sign-in.html", folder)


class Desk:
    """An editor without a database: an edit ends as `ends` says for its value, and is kept in `edits_seen`."""

    edits = True

    def __init__(self) -> None:
        self.ends: dict[str, Done | Conflict | Refusal] = {}
        self.edits_seen: list[Edit] = []

    async def edit(self, edit: Edit) -> Done | Conflict | Refusal:
        self.edits_seen.append(edit)
        if edit.key not in whole.SETTINGS:
            return Refusal("no_such_setting")
        return self.ends.get(edit.value.reveal(), Done(4, 1_780_000_000.0))

    async def history(self, key: str) -> tuple[Past, ...] | Refusal:
        return whole.PAST if key in whole.SETTINGS else Refusal("no_such_setting")


class Window(Port):
    """A server that shows one document, which nobody changes but the test; `series` are those that can be read."""

    def __init__(
        self,
        web_folder: Path | None,
        base_path: str,
        document: Json,
        *,
        gate: Gate | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.desk = Desk()
        self.clock = clock if clock is not None else FakeClock()
        self.series = dict(whole.SERIES)
        self.hub = Hub(document, lambda: whole.EVIDENCE, self.clock, coalesce_s=0)
        self.server = Server(
            hub=self.hub,
            read_series=self.series.get,
            clock=self.clock,
            gate=gate if gate is not None else open_gate(),
            editor=self.desk,
            runbooks=whole.RUNBOOKS,
            links=whole.LINKS,
            host="127.0.0.1",
            port=0,
            base_path=base_path,
            web_folder=web_folder,
        )


class Stage(Port):
    """Everything but the sources."""

    def __init__(self, web_folder: Path, base_path: str, coalesce_s: float) -> None:
        told = config.load(None, EVERYTHING, {})
        self.clock = FakeClock()
        profile = told.profile
        self.board = Board(
            platform=profile.platform,
            zone=profile.zone.key,
            version="0",
            senders=profile.senders,
            checks=plan.checks(told),
            at=self.clock.now(),
            explains=profile.explains,
        )
        self.hub = Hub(self.board.document, self.board.evidence, self.clock, coalesce_s=coalesce_s)
        self.changes = Recorder()
        self.engine = Engine(self.board, self.clock, [self.hub.publish, self.changes], Recorder())
        self.server = Server(
            hub=self.hub,
            read_series=self.engine.series,
            clock=self.clock,
            gate=open_gate(),
            host="127.0.0.1",
            port=0,
            base_path=base_path,
            web_folder=web_folder,
        )

    @property
    def checks(self) -> list[str]:
        """The names of the checks, in their order."""
        checks = self.board.document["checks"]
        assert isinstance(checks, dict)
        return list(checks)

    def tell(self, *signals: Signal) -> None:
        """Let the engine apply these."""
        for signal in signals:
            self.engine.emit(signal)
        self.engine.step()

    def fire(self, count: int = 1) -> None:
        """Let so many changes happen that every reader notices."""
        for _ in range(count):
            self.tell(Event(self.clock.now(), "conversations", {"table": "conversations"}))

    def observe(self, latency_ms: float | None = 1.0) -> None:
        """Let the database answer, or not."""
        answer = Answer(latency_ms, 0.1, 1e9) if latency_ms is not None else None
        self.tell(Sample(self.clock.now(), Pulse("127.0.0.1:5432/huph", "u", answer)))

    def stuff(self, size: int) -> None:
        """Publish a change of so many bytes, past the board."""
        seq = self.hub._seq + 1
        document = {**self.hub.document, "position": {"epoch": self.board.epoch, "seq": seq}, "filler": str(seq)}
        self.hub.publish(
            Change(self.board.epoch, seq, self.clock.wall, {"filler": str(seq), "fat": "x" * size}, document)
        )

    def connect(self, **options: Any) -> websockets.connect:
        """Join the stream as a client that is not our own code."""
        address = self.url.replace("http:", "ws:") + "api/v1/stream"
        settings = {"subprotocols": ["health.v1.json"], "proxy": None, "ping_interval": None, "compression": None}
        return websockets.connect(address, **{**settings, **options})


async def heard(socket: websockets.ClientConnection) -> Json:
    """Give the next message but bookmarks, which come when they come."""
    while True:
        text = await socket.recv()
        assert isinstance(text, str)
        message: Json = json.loads(text)
        if message["type"] != "bookmark":
            return message


@pytest.fixture
def web_folder(tmp_path: Path) -> Path:
    """A built page, as small as can be."""
    folder = tmp_path / "web"
    (folder / "assets").mkdir(parents=True)
    build(folder)
    (folder / "assets" / "app-1.js").write_text("const x = 1;\n" * 100, encoding="utf-8")
    (folder / "icon.svg").write_text("<svg/>", encoding="utf-8")
    (folder / ".secret").write_text("no", encoding="utf-8")
    return folder


@pytest.fixture
async def raise_stage(web_folder: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """Raises stages; each is taken down when the test is over."""
    async with AsyncExitStack() as stack:

        async def start(base_path: str = "/", coalesce_s: float = 0) -> Stage:
            stage = Stage(web_folder, base_path, coalesce_s)
            await stage.open(stack)
            return stage

        yield start


@pytest.fixture
async def show(web_folder: Path) -> AsyncIterator[Callable[..., Awaitable[Window]]]:
    """Shows documents, each behind a port of its own: the whole one, but for what the test wants otherwise."""
    async with AsyncExitStack() as stack:

        async def start(base_path: str = "/", **otherwise: Any) -> Window:
            document = {key: value for key, value in {**whole.DOCUMENT, **otherwise}.items() if value is not None}
            window = Window(web_folder, base_path, document)
            await window.open(stack)
            return window

        yield start


@pytest.fixture
async def stage(raise_stage: Callable[..., Awaitable[Stage]]) -> Stage:
    return await raise_stage()

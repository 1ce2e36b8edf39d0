"""A stage for the ways out: a real board, engine, hub and server; the test says what happens on the platform."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets

from monitor import app, config
from monitor.domain.board import Board
from monitor.domain.change import Change
from monitor.domain.checks.db import Answer, Pulse
from monitor.domain.signal import Event, Sample, Signal
from monitor.engine import Engine
from monitor.outputs.hub import Hub
from monitor.outputs.server import Server
from tests.fakes import FakeClock, Recorder

Json = dict[str, Any]
INDEX = '<!doctype html><title>x</title>\n<script type="application/json" id="document">{}</script>\n<p>{}</p>\n'


class Stage:
    """Everything but the sources."""

    def __init__(self, web_folder: Path, base_path: str) -> None:
        told = config.load(None, {"HUPH_MONITOR_DATABASE_DSN": "postgresql://u@127.0.0.1/huph"}, {})
        self.clock = FakeClock()
        profile = told.profile
        self.board = Board(
            platform=profile.platform,
            zone=profile.zone.key,
            version="0",
            senders=profile.senders,
            checks=app.checks(told),
            at=self.clock.now(),
        )
        self.hub = Hub(self.board.document, self.board.evidence, self.clock)
        self.changes = Recorder()
        self.engine = Engine(self.board, self.clock, [self.hub.publish, self.changes], Recorder())
        self.server = Server(
            hub=self.hub,
            read_series=self.engine.series,
            clock=self.clock,
            host="127.0.0.1",
            port=0,
            base_path=base_path,
            web_folder=web_folder,
        )
        self.url = ""
        self.http: aiohttp.ClientSession

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

    async def get(self, path: str, **options: Any) -> tuple[int, Any]:
        """Ask for an address; give the status and the JSON of the answer."""
        async with self.http.get(self.url + path, **options) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()


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
    (folder / "index.html").write_text(INDEX, encoding="utf-8")
    (folder / "assets" / "app-1.js").write_text("const x = 1;\n" * 100, encoding="utf-8")
    (folder / "icon.svg").write_text("<svg/>", encoding="utf-8")
    (folder / ".secret").write_text("no", encoding="utf-8")
    return folder


@pytest.fixture
async def raise_stage(web_folder: Path) -> AsyncIterator[Callable[..., Awaitable[Stage]]]:
    """Raises stages; each is taken down when the test is over."""
    async with AsyncExitStack() as stack:

        async def start(base_path: str = "/") -> Stage:
            stage = Stage(web_folder, base_path)
            stage.url = await stage.server.start()
            stack.push_async_callback(stage.server.stop)
            stage.http = await stack.enter_async_context(aiohttp.ClientSession())
            return stage

        yield start


@pytest.fixture
async def stage(raise_stage: Callable[..., Awaitable[Stage]]) -> Stage:
    return await raise_stage()

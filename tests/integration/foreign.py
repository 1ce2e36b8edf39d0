"""Clients of the stream that are not ours, each with the client's law in its own few lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import websockets
from playwright.async_api import Page

from tests import npm

NODE = Path(__file__).parents[1] / "node"
LAW = (NODE / "law.js").read_text(encoding="utf-8")
Json = dict[str, Any]
Say = Callable[[Json], Any]


def merged(target: Any, patch: Any) -> Any:
    """Apply a merge patch (RFC 7396, 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


class Heard:
    """What one client has made of the stream: each document, by its place in line, and how its connection began."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.documents: dict[tuple[int, int], Json] = {}
        self.document: Json = {}
        self.extensions: str | None = None
        self._awaits: str | None = "hello"

    def has(self, document: Json) -> None:
        self.document = document
        self.documents[document["position"]["epoch"], document["position"]["seq"]] = document

    def take(self, message: Json, say: Say | None = None) -> Any:
        """The client's law, for those clients who bring only the messages; give what is to be sent."""
        kind, position = message["type"], self.document.get("position", {})
        if kind == "hello":
            self._awaits = None if message["resumed"] else "snapshot"
        elif kind == "snapshot":
            self._awaits = None
            self.has(message["data"])
        elif kind == "diff" and not self._awaits and message["seq"] > position["seq"]:
            if message.get("prev", message["seq"] - 1) != position["seq"]:
                self._awaits = "hello"
                assert say is not None, "one who only reads has missed something"
                return say({"type": "subscribe", **position})
            patch = {**message["patch"], "position": {"seq": message["seq"]}}
            self.has(merged(self.document, patch))
        return None


async def with_websockets(stack: AsyncExitStack, page: str, heard: Heard, compression: str | None) -> None:
    socket = await stack.enter_async_context(
        websockets.connect(
            f"{page.replace('http', 'ws', 1)}api/v1/stream",
            subprotocols=["health.v1.json"],
            compression=compression,
            proxy=None,
        )
    )
    heard.extensions = ",".join(extension.name for extension in socket.protocol.extensions)

    async def read() -> None:
        async for text in socket:
            if (answer := heard.take(json.loads(text), lambda words: socket.send(json.dumps(words)))) is not None:
                await answer

    _run(stack, read(), heard.name)


async def with_aiohttp(stack: AsyncExitStack, page: str, heard: Heard, compress: int) -> None:
    session = await stack.enter_async_context(aiohttp.ClientSession())
    socket = await stack.enter_async_context(
        session.ws_connect(f"{page}api/v1/stream", protocols=["health.v1.json"], compress=compress)
    )
    heard.extensions = "permessage-deflate" if socket.compress else ""

    async def read() -> None:
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT and (answer := heard.take(message.json(), socket.send_json)):
                await answer

    _run(stack, read(), heard.name)


async def with_curl(stack: AsyncExitStack, page: str, heard: Heard) -> None:
    curl = await _program(stack, "curl", "--silent", "--no-buffer", f"{page}api/v1/events")

    async def read() -> None:
        assert curl.stdout is not None
        async for line in curl.stdout:
            if line.startswith(b"data: "):
                heard.take(json.loads(line.removeprefix(b"data: ")))

    _run(stack, read(), heard.name)


async def with_node(stack: AsyncExitStack, page: str, heard: Heard, form: str) -> None:
    address = f"{page.replace('http', 'ws', 1)}api/v1/stream"
    node = await _program(stack, npm.NODE, str(NODE / "follow.js"), address, form)

    async def read() -> None:
        assert node.stdout is not None
        async for line in node.stdout:
            value = json.loads(line)
            if "extensions" in value:
                heard.extensions = value["extensions"]
            else:
                heard.has(value)

    _run(stack, read(), heard.name)


BROWSER = {
    "WebSocket": """
        const socket = new WebSocket("api/v1/stream", "health.v1.json");
        socket.onopen = () => told({ extensions: socket.extensions });
        const take = follow((message) => socket.send(JSON.stringify(message)), told);
        socket.onmessage = (event) => take(JSON.parse(event.data));
    """,
    "EventSource": """
        const source = new EventSource("api/v1/events");
        const missed = () => { throw new Error("missed something"); };
        const take = follow(missed, told);
        for (const type of ["hello", "snapshot", "diff", "bookmark"])
            source.addEventListener(type, (event) => take(JSON.parse(event.data)));
    """,
}


async def with_browser(stack: AsyncExitStack, page: str, heard: Heard, tab: Page, kind: str) -> None:
    def told(value: Json) -> None:
        if "extensions" in value:
            heard.extensions = value["extensions"]
        else:
            heard.has(value)

    await tab.expose_function("told", told)
    # An address of the same origin with nothing on it that would follow by itself.
    await tab.goto(f"{page}livez")
    address = "location.origin.replace('http', 'ws') + '" + urlsplit(page).path + "api/v1/stream'"
    script = BROWSER[kind].replace('"api/v1/stream"', address).replace('"api/v1/', f'"{urlsplit(page).path}api/v1/')
    await tab.evaluate(f"() => {{ {LAW.replace('export function', 'function')}; {script} }}")


def _run(stack: AsyncExitStack, reading: Any, name: str) -> None:
    task = asyncio.create_task(reading, name=f"reader of {name}")

    async def end() -> None:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    stack.push_async_callback(end)


async def _program(stack: AsyncExitStack, *words: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, limit=1 << 22)

    async def end() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()

    stack.push_async_callback(end)
    return process


ALL: dict[str, Any] = {
    "websockets, plain": partial(with_websockets, compression=None),
    "websockets, packed": partial(with_websockets, compression="deflate"),
    "aiohttp, plain": partial(with_aiohttp, compress=0),
    "aiohttp, packed": partial(with_aiohttp, compress=15),
    "ws of Node, plain": partial(with_node, form="plain"),
    "ws of Node, packed": partial(with_node, form="packed"),
    "curl": with_curl,
}

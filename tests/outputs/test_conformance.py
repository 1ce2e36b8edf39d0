"""The running server against its AsyncAPI document: who knows nothing else can follow, and hears nothing else."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from monitor.client import Fold
from monitor.outputs.seats import Limits
from tests.outputs.conftest import Stage
from tests.outputs.reader import Reader

Json = dict[str, Any]


async def follow_all(stage: Stage, reader: Reader) -> None:
    """Hear what comes by itself, and whatever answers what may be said."""
    fold = Fold()
    async with reader.connect() as socket:
        assert [(await reader.hear(socket, fold))["type"] for _ in range(2)] == ["hello", "snapshot"]
        stage.fire()
        assert "prev" not in await reader.hear(socket, fold)
        stage.fire(3)
        assert (await reader.hear(socket, fold))["prev"] == 1
        stage.hub.bookmark()
        assert (await reader.hear(socket, fold))["type"] == "bookmark"
        for name, examples in reader.sayable().items():
            for example in examples:
                await socket.send(json.dumps(example))
                if name == "subscribe":
                    # The examples' epoch is nobody's: it was another life of the daemon.
                    assert [(await reader.hear(socket, fold))["type"] for _ in range(2)] == ["hello", "snapshot"]
                if name == "ping":
                    assert await reader.hear(socket) == {**example, "type": "pong"}
    position = fold.position
    assert position is not None
    stage.fire(2)
    async with reader.connect(position._asdict()) as socket:
        fold.begin()
        assert (await reader.hear(socket, fold))["resumed"]
        assert (await reader.hear(socket, fold))["type"] == "diff"
    assert fold.position == stage.hub.position


async def fall_behind(stage: Stage, reader: Reader) -> None:
    """Read nothing until it has been too much, then all."""
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    where = urlsplit(stage.url)
    await asyncio.get_running_loop().sock_connect(narrow, (where.hostname, where.port))
    fold = Fold()
    async with reader.connect(sock=narrow, max_queue=1, compression=None) as socket:
        await reader.hear(socket, fold)
        while not stage.hub._waiting:
            stage.fire(50)
            await asyncio.sleep(0)
            assert stage.board.seq < 20_000, "it should have been too much for it by now"
        while (await reader.hear(socket, fold)).get("reason") != "slow":
            pass
    assert fold.position == stage.hub.position


async def misbehave(stage: Stage, reader: Reader) -> None:
    """Say what is not described, too much of what is, and too long a thing."""
    for word, expected in (("{}", "never"), ('{"type": "subscribe", "epoch": 7}', "never"), ("x" * 4097, "again")):
        async with reader.connect(compression=None) as socket:
            await socket.send(word)
            said, then = await reader.last(socket)
            assert then == expected
            assert said[-1].get("fatal", False) == (expected == "never")
    async with reader.connect() as socket:
        for _ in range(21):
            await socket.send(json.dumps(reader.sayable()["ping"][0]))
        said, then = await reader.last(socket)
        assert (said[-1]["code"], then) == ("too_many", "again")
        assert said[-1]["retry_after"] > 0


async def test_everything(raise_stage):
    """Whatever is described is said at least once, in each of its ways, and nothing else ever is."""
    stage = await raise_stage("/hm/", 0.01)
    reader = await Reader.of(stage)
    await follow_all(stage, reader)
    await misbehave(stage, reader)
    quick = await raise_stage()
    other = await Reader.of(quick)
    await fall_behind(quick, other)
    async with other.connect() as socket:
        await quick.server.stop()
        assert (await other.last(socket))[1] == "again"
    heard = {name: reader.heard[name] + other.heard[name] for name in reader.audible("stream")}
    for name, described in reader.audible("stream").items():
        fields = reader.follow(described["payload"])["properties"]
        assert set().union(*heard[name]) == fields.keys(), name
    reasons = reader.document["components"]["schemas"]["Snapshot"]["properties"]["reason"]["enum"]
    assert {one["reason"] for one in heard["snapshot"]} == set(reasons)
    assert {one["resumed"] for one in heard["hello"]} == {True, False}
    assert {"prev" in one for one in heard["diff"]} == {True, False}
    assert {"id" in one for one in heard["pong"]} == {True, False}


async def test_events(stage):
    """As server-sent events the same comes, each event named and numbered as described; its id is a place to resume."""
    reader = await Reader.of(stage)
    stage.fire(2)

    async def events(response: aiohttp.ClientResponse, count: int) -> list[tuple[Json, Json]]:
        told = []
        async with asyncio.timeout(5):
            while len(told) < count:
                block = await response.content.readuntil(b"\n\n")
                fields = dict(line.split(": ", 1) for line in block.decode().strip().split("\n"))
                if "data" in fields:
                    data = fields.pop("data")
                    told.append((reader.judge("events", data, fields), fields))
        return told

    async with stage.http.get(reader.address("events")) as response:
        told = await events(response, 2)
        stage.fire()
        stage.hub.bookmark()
        told += await events(response, 2)
    assert [one["type"] for one, _ in told] == ["hello", "snapshot", "diff", "bookmark"]
    last = told[-1][1]["id"]
    assert "Last-Event-ID" in reader.document["channels"]["events"]["x-headers"]["properties"]
    stage.fire()
    place = dict(zip(("epoch", "seq"), map(int, last.split(":")), strict=True))
    for address, headers in (
        (reader.address("events"), {"Last-Event-ID": last}),
        (reader.address("events", place), {}),
    ):
        async with stage.http.get(address, headers=headers) as response:
            (hello, _), (diff, _) = await events(response, 2)
            assert hello["resumed"]
            assert diff["seq"] == stage.board.seq


@pytest.mark.parametrize("channel", ["stream", "events"])
async def test_refusals(stage, channel):
    """Who is not let in is told so by a status that is described, with the time after which to come back."""
    reader = await Reader.of(stage)
    described = reader.document["channels"][channel]["x-refusals"]
    address = reader.address(channel).replace("ws:", "http:")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    met = set()
    for query, headers, limits in (
        ("?epoch=7", {}, Limits()),
        ("", {"Origin": "http://evil.example"}, Limits()),
        ("", {"Host": "evil.example"}, Limits()),
        ("", {}, Limits(0, 9)),
        ("", {}, Limits(9, 0)),
        ("", {"Authorization": "Bearer wrong", "X-Forwarded-For": "192.0.2.1"}, Limits()),
    ):
        stage.server._seats.limits = limits
        async with stage.http.get(address + query, headers={**upgrade, **headers}) as response:
            assert (await response.json())["error"]["message"]
            assert ("Retry-After" in response.headers) == (described[str(response.status)]["then"] == "again")
            met.add(str(response.status))
    if channel == "events":
        async with aiohttp.ClientSession(version=aiohttp.HttpVersion10) as old, old.get(address) as response:
            met.add(str(response.status))
    assert met == described.keys()

"""The live stream, over a real port and a client that is not our own code."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import websockets
from aiohttp import web
from structlog.testing import capture_logs

from monitor.domain import patch
from monitor.outputs.connections import Connection
from monitor.outputs.hub import LAG_S
from monitor.outputs.seats import Limits
from monitor.outputs.stream import INBOUND_BYTES, INBOUND_MESSAGES, INBOUND_PER_S, Goodbye, Stream
from tests.doors import anybody, company
from tests.outputs.conftest import Stage, heard
from tests.outputs.weather import weather

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


async def joined(stage: Stage, socket: websockets.ClientConnection) -> dict[str, Any]:
    """Take hello and the first snapshot; give the snapshot."""
    hello, snapshot = await heard(socket), await heard(socket)
    assert (hello["type"], snapshot["type"], snapshot["reason"]) == ("hello", "snapshot", "initial")
    assert (hello["epoch"], hello["seq"]) == (snapshot["epoch"], snapshot["seq"])
    return snapshot


async def until(promise: Any) -> None:
    """Wait, turn by turn of the loop, until this is so."""
    async with asyncio.timeout(5):
        while not promise():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(
    stage: Stage, *, limits: Limits | None = None, ping_s: float = 20, prepared: Any = None
) -> AsyncIterator[str]:
    """Serve the stream alone, past the server; `prepared` is called before an answer's head is sent."""
    application = web.Application(middlewares=[anybody])
    stream = Stream(stage.hub, stage.clock, company(stage.clock, limits or Limits()), ping_s=ping_s)
    application.router.add_get("/", stream.open)
    if prepared is not None:
        application.on_response_prepare.append(prepared)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/"
    await runner.cleanup()


# The document and its changes.


async def test_first(stage):
    """A subscriber first hears hello and the whole document, in the protocol that it asked for."""
    stage.fire(3)
    async with stage.connect() as socket:
        assert socket.subprotocol == "health.v1.json"
        snapshot = await joined(stage, socket)
        assert snapshot["seq"] == 3
        assert snapshot["data"] == json.loads(json.dumps(stage.hub.document))


async def test_diffs(stage):
    """Then it hears every change, each one position further."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        stage.fire(50)
        diffs = [await heard(socket) for _ in range(50)]
        assert [diff["type"] for diff in diffs] == ["diff"] * 50
        assert [diff["seq"] for diff in diffs] == list(range(1, 51))


async def test_join_in_a_storm(stage):
    """Whenever it joins, the snapshot is followed by the very next change: none is lost, none comes twice."""
    flowing = True

    async def storm() -> None:
        while flowing:
            stage.fire()
            await asyncio.sleep(0)

    pouring = asyncio.create_task(storm())
    for _ in range(10):
        async with stage.connect() as socket:
            place = (await joined(stage, socket))["seq"]
            for step in range(1, 20):
                assert (await heard(socket))["seq"] == place + step
    flowing = False
    await pouring


@pytest.mark.parametrize("seed", range(3))
async def test_follower(stage, seed):
    """Who applies every change has at each moment the document that the daemon serves, but for its ages."""
    chance = random.Random(seed)
    async with stage.connect() as socket:
        document = (await joined(stage, socket))["data"]
        seq = 0
        for _ in range(20):
            for _ in range(20):
                stage.clock.advance(chance.choice([0, 0.2, 5, 40]))
                stage.tell(weather(stage.clock.now(), chance))
            while seq < stage.board.seq:
                diff = await heard(socket)
                assert diff["seq"] == seq + 1
                seq = diff["seq"]
                document = {
                    **patch.apply(document, diff["patch"]),
                    "position": {"epoch": stage.board.epoch, "seq": seq},
                }
            _, served = await stage.get("api/v1/health/full")
            assert ageless(document) == ageless(served)
        assert seq > 100
        assert set(document["counts"]) == {"ok", "warn", "fail", "unknown"}


def ageless(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what bookmarks tell, and what alone makes no patch."""

    def entry(value: dict[str, Any]) -> dict[str, Any]:
        kept = {key: one for key, one in value.items() if key not in {"observed_at", "source"}}
        if "detail" in kept:
            kept["detail"] = {key: one for key, one in kept["detail"].items() if key != "as_of"}
        return kept

    named = {
        name: {k: entry(v) for k, v in document[name].items()} for name in ("checks", "services") if name in document
    }
    whole = {name: entry(document[name]) for name in ("cron", "monitor") if name in document}
    return {**document, "as_of": "", **named, **whole}


# What a subscriber may say.


async def test_subscribe(stage):
    """Who has lost the thread asks anew, gets the whole document, and follows on from there."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        stage.fire(2)
        await socket.send('{"type": "subscribe"}')
        while (message := await heard(socket))["type"] == "diff":
            pass
        assert (message["type"], message["seq"], message["resumed"]) == ("hello", 2, False)
        message = await heard(socket)
        assert (message["type"], message["reason"], message["seq"]) == ("snapshot", "gap", 2)
        stage.fire()
        assert (await heard(socket))["seq"] == 3
        await socket.send(json.dumps({"type": "subscribe", "epoch": stage.board.epoch, "seq": 2}))
        message = await heard(socket)
        assert (message["type"], message["seq"], message["resumed"]) == ("hello", 3, True)
        assert (await heard(socket))["seq"] == 3


@pytest.mark.parametrize("name", ["a", 7, 0, "", None, 1.5, True])
async def test_ping(stage, name):
    """A ping is answered by a pong with its own name."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        await socket.send(json.dumps({"type": "ping", **({"id": name} if name is not None else {}), "more": [1]}))
        pong = await heard(socket)
        assert pong == {"type": "pong", **({"id": name} if name is not None else {})}


async def test_ping_behind_subscribe(stage):
    """Nothing that is asked is forgotten because a snapshot is on its way."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        await asyncio.gather(socket.send('{"type": "subscribe"}'), socket.send('{"type": "ping", "id": 1}'))
        assert [(await heard(socket))["type"] for _ in range(3)] == ["hello", "snapshot", "pong"]


@pytest.mark.parametrize(
    "message",
    [
        "hello",
        "",
        "{}",
        "[]",
        "null",
        '{"type": "auth"}',
        '{"type": "auth", "token": 7}',
        '{"type": "subscribe", "seq": 7}',
        '{"type": "subscribe", "epoch": "1", "seq": 7}',
        '{"type": ["ping"]}',
        b'{"type": "ping"}',
        '{"type": "ping", "id": {"a": 1}}',
        '{"type": "ping", "id": ' + "[" * 1000 + "]" * 1000 + "}",
        '{"type": "ping", "id": [1]}',
    ],
)
async def test_unknown_message(stage, message):
    """Anything else is answered by an error that says what may be said, and the end with 4400."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        await socket.send(message)
        error = await heard(socket)
        assert (error["type"], error["code"], error["fatal"]) == ("error", "bad_message", True)
        assert "subscribe" in error["message"]
        await socket.wait_closed()
        assert socket.close_code == 4400
    await until(lambda: not stage.hub.following)
    assert stage.hub.refused() == {"protocol": 1}


async def test_too_many(stage):
    """Twenty messages in ten seconds are heard; the next one ends the connection with 4429."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        for round_ in range(2):
            for number in range(INBOUND_MESSAGES):
                await socket.send(json.dumps({"type": "ping", "id": number}))
            for number in range(INBOUND_MESSAGES):
                assert (await heard(socket))["id"] == number
            if round_ == 0:
                stage.clock.advance(INBOUND_PER_S + 0.1)
        await socket.send('{"type": "ping"}')
        await socket.wait_closed()
        assert socket.close_code == 4429
    assert stage.hub.refused() == {"protocol": 1}


async def test_counted_once(stage):
    """However much a subscriber says after it was told to go, it is one that was dropped."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        await asyncio.gather(*(socket.send("nonsense") for _ in range(2 * INBOUND_MESSAGES)))
        error = await heard(socket)
        assert error["code"] == "bad_message"
        await socket.wait_closed()
    await until(lambda: not stage.hub.following)
    assert stage.hub.refused() == {"protocol": 1}


async def test_too_long(stage):
    """A message of 4096 bytes is read; a longer one ends the connection with 1009."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        await socket.send('{"type": "ping"}'.ljust(INBOUND_BYTES))
        assert (await heard(socket))["type"] == "pong"
        await socket.send('{"type": "ping"}'.ljust(INBOUND_BYTES + 1))
        await socket.wait_closed()
        assert socket.close_code == 1009
    await until(lambda: not stage.hub.following)
    assert stage.hub.refused() == {"protocol": 1}


# Who may join.


@pytest.mark.parametrize("offered", [["graphql-ws"], ["health.v2.json", "health"]])
async def test_subprotocol(stage, offered):
    """Who asks only for protocols that we do not speak is refused before the upgrade, with the name of ours."""
    with pytest.raises(websockets.InvalidStatus) as caught:
        await stage.connect(subprotocols=offered)
    response = caught.value.response
    assert response.status_code == 400
    assert "health.v1.json" in json.loads(response.body)["error"]["message"]
    assert stage.hub.refused() == {"protocol": 1}


@pytest.mark.parametrize(("offered", "spoken"), [(None, None), (["x", "health.v1.json"], "health.v1.json")])
async def test_subprotocol_free(stage, offered, spoken):
    """Who asks for none, or for ours among others, is served."""
    async with stage.connect(subprotocols=offered) as socket:
        assert socket.subprotocol == spoken
        await joined(stage, socket)


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1", "http://localhost:{port}", "{port}"],
)
async def test_foreign_origin(stage, origin):
    """A page of another origin may not read along in its visitor's browser."""
    port = stage.url.split(":")[2].strip("/")
    with pytest.raises(websockets.InvalidStatus) as caught:
        await stage.connect(origin=origin.format(port=port))
    assert caught.value.response.status_code == 403
    assert not stage.hub.following
    assert stage.hub.refused() == {}, "a stranger's page is no subscriber"


async def test_own_origin(stage):
    """The page itself may."""
    async with stage.connect(origin=stage.url.rstrip("/")) as socket:
        await joined(stage, socket)


@pytest.mark.parametrize(("limits", "status"), [(Limits(2, 9), 503), (Limits(9, 2), 429)])
async def test_full_house(stage, limits, status):
    """Beyond the most subscribers, of all or of one address, the next one is told when to come back."""
    async with serving(stage, limits=limits) as address:
        seated = [await stage.http.ws_connect(address) for _ in range(2)]
        async with stage.http.get(address, headers=UPGRADE) as response:
            assert response.status == status
            assert response.headers["Retry-After"] == "10"
        assert stage.hub.refused() == {"limit": 1}
        assert stage.hub.following == 2
        await seated[0].close()
        async with stage.http.ws_connect(address) as socket:
            assert (await socket.receive_json())["type"] == "hello"


async def test_last_place(stage):
    """The last place is given once, though two ask for it before either has been answered."""
    waiting = asyncio.Event()

    async def slow(_: web.Request, response: web.StreamResponse) -> None:
        if isinstance(response, web.WebSocketResponse):
            await waiting.wait()

    async with serving(stage, limits=Limits(1, 1), prepared=slow) as address:
        asked = [asyncio.create_task(stage.http.get(address, headers=UPGRADE)) for _ in range(3)]
        await until(lambda: sum(one.done() for one in asked) == 2)
        waiting.set()
        answers = [await one for one in asked]
        assert sorted(answer.status for answer in answers) == [101, 503, 503]
        assert stage.hub.refused() == {"limit": 2}
        for answer in answers:
            answer.close()
        await until(lambda: not stage.hub.following)


async def test_no_upgrade(stage):
    """Who asks for the stream by plain HTTP is told what is missing, in JSON."""
    status, said = await stage.get("api/v1/stream")
    assert (status, said["error"]["code"]) == (400, "bad_request")
    assert stage.hub.refused() == {"protocol": 1}
    assert not stage.hub.following, "its place is free again"


# Leaving, lagging, stopping.


async def test_leave(stage):
    """Who leaves, in order or by vanishing, is forgotten."""
    async with stage.connect() as socket:
        await joined(stage, socket)
        assert stage.hub.following == 1
    await until(lambda: not stage.hub.following)
    socket = await stage.connect()
    await joined(stage, socket)
    socket.transport.abort()
    await until(lambda: not stage.hub.following)
    assert stage.hub.refused() == {}, "who goes was not turned away"


async def test_vanished(stage):
    """One who answers no ping any more is forgotten: it was not turned away, it is gone."""
    async with (
        serving(stage, ping_s=0.1) as address,
        stage.http.ws_connect(address, autoping=False, autoclose=False) as socket,
    ):
        await until(lambda: stage.hub.following)
        await until(lambda: not stage.hub.following)
        assert socket.close_code is None, "nobody could be told"
    assert stage.hub.refused() == {}


async def test_not_reading(stage):
    """One who stops reading delays nobody, and when it reads again it is brought up to date."""
    async with stage.connect() as reader, stage.connect(max_queue=1) as sleeper:
        await joined(stage, reader)
        await joined(stage, sleeper)
        seq, slowest = 0, 0.0
        while not stage.hub._waiting:
            started = time.perf_counter()
            for _ in range(20):
                stage.stuff(20_000)
                seq += 1
                assert (await heard(reader))["seq"] == seq
            slowest = max(slowest, time.perf_counter() - started)
            assert seq < 5000, "it should have been too much for it by now"
        assert slowest < 1
        place = 0
        while (message := await heard(sleeper))["type"] == "diff":
            assert message["seq"] == place + 1
            place = message["seq"]
        assert (message["type"], message["reason"]) == ("snapshot", "slow")
        assert message["data"]["filler"] == str(message["seq"])
        assert place < message["seq"] <= seq
        place = message["seq"]
        stage.stuff(1)
        while place < seq + 1:
            message = await heard(sleeper)
            assert (message["type"], message["seq"]) == ("diff", place + 1)
            place = message["seq"]
        assert stage.hub.following == 2


async def test_lagging(stage):
    """One who takes nothing at all for too long is dropped, and the log says so."""
    with capture_logs() as said:
        socket = await stage.connect(max_queue=1)
        await until(lambda: stage.hub.following)
        while stage.hub.following:
            stage.stuff(200_000)
            stage.clock.advance(1)
            await asyncio.sleep(0.01)
        await until(lambda: said[-1]["event"] == "subscriber.left")
    socket.transport.abort()
    assert stage.hub.refused() == {"slow_reader": 1}
    assert {"event": "subscriber.dropped", "why": "slow", "lag_s": LAG_S, "log_level": "warning"} in said


async def test_stop(stage):
    """At the end every subscriber is told to come back soon, and nobody is waited for long."""
    readers = [await stage.connect() for _ in range(20)]
    for reader in readers:
        await joined(stage, reader)
    started = time.perf_counter()
    await stage.server.stop()
    assert time.perf_counter() - started < 2
    for reader in readers:
        await reader.wait_closed()
        assert (reader.close_code, reader.close_reason) == (1012, "restarting")
    with pytest.raises(aiohttp.ClientConnectorError):
        await stage.http.get(stage.url)


async def test_stop_with_a_sleeper(stage):
    """One who does not read cannot hold the daemon's end up."""
    sleeper = await stage.connect(max_queue=1)
    await joined(stage, sleeper)
    while not stage.hub._waiting:
        stage.stuff(60_000)
        await asyncio.sleep(0)
    started = time.perf_counter()
    await stage.server.stop()
    assert time.perf_counter() - started < 3
    sleeper.transport.abort()


async def test_log(stage):
    """Joining and leaving are said, with the number of those who are there."""
    with capture_logs() as said:
        async with stage.connect() as socket:
            await joined(stage, socket)
        await until(lambda: not stage.hub.following and len(said) == 2)
    assert said == [
        {"event": "subscriber.joined", "subscribers": 1, "log_level": "info"},
        {"event": "subscriber.left", "subscribers": 0, "code": 1000, "log_level": "info"},
    ]


async def test_resume(stage):
    """Who comes back with its position is sent what it has missed, and no document."""
    stage.fire(5)
    address = f"{stage.url.replace('http:', 'ws:')}api/v1/stream?epoch={stage.board.epoch}&seq=3"
    async with websockets.connect(address, proxy=None) as socket:
        hello = await heard(socket)
        assert (hello["type"], hello["resumed"], hello["seq"]) == ("hello", True, 5)
        assert [(await heard(socket))["seq"] for _ in range(2)] == [4, 5]
        stage.fire()
        assert (await heard(socket))["seq"] == 6


@pytest.mark.parametrize("query", ["epoch=1", "seq=1", "epoch=x&seq=1", "epoch=1&seq=-1", "epoch=1&seq=" + "9" * 19])
async def test_bad_position(stage, query):
    """A position that is none is refused before the upgrade, by its name and value."""
    for path in ("stream", "events"):
        status, said = await stage.get(f"api/v1/{path}?{query}")
        assert (status, said["error"]["code"]) == (400, "bad_request")
        assert "epoch and seq" in said["error"]["message"]
    assert not stage.hub.following


async def test_compressed(stage):
    """Who offers compression gets compressed frames, whatever else is sent on the same connection."""
    async with stage.connect(compression="deflate", ping_interval=0.01) as packed, stage.connect() as plain:
        await joined(stage, packed)
        await joined(stage, plain)
        for seq in range(1, 200):
            stage.fire()
            await packed.send(json.dumps({"type": "ping", "id": seq})) if seq % 20 == 0 else None
            one, other = await heard(packed), await heard(plain)
            assert one == other
            assert one["seq"] == seq
            if seq % 20 == 0:
                assert (await heard(packed))["id"] == seq
        assert len(stage.hub._crowd._shared) == len(stage.hub._crowd._plain) == 1


@pytest.mark.parametrize(
    "offer", ["permessage-deflate; server_no_context_takeover", "permessage-deflate; server_max_window_bits=10", "x"]
)
async def test_uncompressed(stage, offer):
    """Who could not look back as far as our frames do gets plain ones."""
    async with stage.http.ws_connect(
        stage.url.replace("http:", "ws:") + "api/v1/stream", headers={"Sec-WebSocket-Extensions": offer}
    ) as socket:
        await socket.receive_json()
        await until(lambda: len(stage.hub._crowd._plain) == 1)
        assert not stage.hub._crowd._joining


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
async def test_foreign_host(stage, host):
    """A foreign name that resolves to us opens nothing, though its page's origin is the same name."""
    for path in ("api/v1/stream", "api/v1/health/full", ""):
        headers = {**UPGRADE, "Host": host, "Origin": f"http://{host}"} if "stream" in path else {"Host": host}
        async with stage.http.get(f"{stage.url}{path}", headers=headers) as answer:
            assert answer.status == 421
            assert "http.hosts" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:9999", "[::1]:80"])
async def test_own_hosts(stage, host):
    """The names of this machine's own loopback are ours, whatever the port that a proxy shows."""
    async with stage.http.get(f"{stage.url}api/v1/health/full", headers={"Host": host}) as answer:
        assert answer.status == 200


async def test_nothing_is_left(stage):
    """A connection that has ended is gone at once: no circle of references keeps it for the garbage collector."""

    def ours() -> int:
        return sum(type(one) is Connection for one in gc.get_objects())

    gc.collect()
    before = ours()
    gc.disable()
    try:
        async with stage.connect() as socket:
            await joined(stage, socket)
            assert ours() == before + 1
            socket.transport.abort()
        await until(lambda: ours() == before)
    finally:
        gc.enable()


async def test_a_word_before_the_beginning():
    """Who may stay no longer before he has even begun is let go of as soon as he begins."""
    goodbye = Goodbye()
    goodbye.say(4403, "wrong_role")

    async def follow() -> None:
        async with goodbye.ending:
            goodbye.begin()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await follow()
    assert (goodbye.code, goodbye.reason) == (4403, b"wrong_role")

"""A subscription over real sockets: it heals what can heal, says what cannot, and holds the server's document."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import pytest

from monitor.client import (
    BadAddress,
    BadMessage,
    Document,
    Refused,
    Subscription,
    SubscriptionError,
    Unauthorized,
    Unreachable,
    WrongProtocol,
    canonical,
    fetch,
    subscribe,
)
from monitor.client.link import linked
from tests.client.scripted import Visit, scripted
from tests.client.test_fold import EPOCH, bookmark, diff, document, hello, snapshot
from tests.outputs.conftest import Stage, raise_stage, stage, web_folder  # noqa: F401 - fixtures

TOKEN = "s3cret-canary"


def greeting(seq: int, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return hello(seq, resumed=False), snapshot(seq, **more)


async def greet(visit: Visit) -> None:
    """Say where the line is, and no more."""
    await visit.say(*greeting(4))
    await visit.stay()


async def next_of(documents: Any) -> Document:
    async with asyncio.timeout(5):
        return await anext(documents)


async def until(subscription: Subscription, promise: Any) -> None:
    async with asyncio.timeout(5):
        while not promise():
            await subscription.wait()


# Against the real server.


async def test_live(stage):  # noqa: F811
    """It gives the document, then each change, and ends up with the very bytes that the server has."""
    async with subscribe(stage.url) as subscription:
        documents = aiter(subscription)
        first = await next_of(documents)
        assert first["checks"]["db"]["verdict"] == "unknown"
        assert subscription.live
        stage.observe()
        second = await next_of(documents)
        assert (first["checks"]["db"]["verdict"], second["checks"]["db"]["verdict"]) == ("unknown", "ok")
        assert second.position == first.position._replace(seq=first.position.seq + 1)
        assert 0 <= second.age < 1
        stage.fire(50)
        await until(subscription, lambda: subscription.document.position.seq == stage.board.document["position"]["seq"])
        assert canonical(subscription.document) == canonical(stage.hub.document)


async def test_iterated(stage):  # noqa: F811
    """It is iterated without a block as well, and leaving the loop closes the connection."""
    async for held in subscribe(stage.url):
        assert held["platform"] == "huph"
        break
    async with asyncio.timeout(2):
        while stage.hub.following:
            await asyncio.sleep(0.01)


async def test_slow(stage):  # noqa: F811
    """Whoever is slow gets the newest at the next turn, not each one in between."""
    async with subscribe(stage.url) as subscription:
        documents = aiter(subscription)
        await next_of(documents)
        stage.fire(40)
        last = stage.board.document["position"]["seq"]
        await until(subscription, lambda: subscription.document.position.seq == last)
        assert (await next_of(documents)).position.seq == last


async def test_several(stage):  # noqa: F811
    """Several may read one subscription, each at its own pace."""
    async with subscribe(stage.url) as subscription:
        one, other = aiter(subscription), aiter(subscription)
        assert await next_of(one) is await next_of(other)
        stage.observe()
        assert await next_of(one) is await next_of(other)


async def test_behind_a_path(raise_stage):  # noqa: F811
    """The page's address may have a path, with or without its last slash; the stream's own address serves too."""
    stage = await raise_stage("/monitor/")  # noqa: F811
    for url in (stage.url, stage.url.removesuffix("/"), stage.url.replace("http", "ws") + "api/v1/stream"):
        assert (await fetch(url))["platform"] == "huph"
    with pytest.raises(Refused, match="HTTP 404"):
        await fetch(stage.url.replace("monitor/", ""))


async def test_fetch(stage):  # noqa: F811
    """A document is fetched by one connection, which is closed again."""
    held = await fetch(stage.url)
    assert canonical(held) == canonical({**stage.hub.document, "as_of": held["as_of"]})
    async with asyncio.timeout(2):
        while stage.hub.following:
            await asyncio.sleep(0.01)


async def test_stop(stage):  # noqa: F811
    """When the server stops the document stays, called what it is: not live, and growing old."""
    async with subscribe(stage.url) as subscription:
        await next_of(aiter(subscription))
        await stage.server.stop()
        await until(subscription, lambda: not subscription.live)
        assert subscription.trouble is not None
        held = subscription.document
        age = held.age
        await asyncio.sleep(0.05)
        assert held.age > age


# Against what a server may do.


async def test_resume():
    """After a cut it comes back to its place: only what was missed is sent, and nothing is given twice."""

    async def cut(visit: Visit) -> None:
        await visit.say(*greeting(4), diff(5, x=1))
        visit.socket.transport.abort()

    async def resume(visit: Visit) -> None:
        await visit.say(hello(7, resumed=True), diff(6, x=2), diff(7, x=3))
        await visit.stay()

    async with scripted(cut, resume) as server, subscribe(server.url) as subscription:
        seen = []
        async for held in subscription:
            seen.append(held.position.seq)
            if held.position.seq == 7:
                break
        assert seen == sorted(set(seen))
        assert subscription.document.plain == document(7, x=3)
        assert server.paths == ["/api/v1/stream", f"/api/v1/stream?epoch={EPOCH}&seq=5"]


async def test_gap():
    """Something missing is asked for once on the same connection, and the answer heals it."""
    asked = []

    async def lose(visit: Visit) -> None:
        await visit.say(*greeting(4), diff(6, x=2), diff(7, x=3), bookmark(7))
        asked.append(await visit.hear())
        await visit.say(hello(7, resumed=True), diff(7, prev=4, x=3), bookmark(7))
        asked.append(await visit.hear())

    async with scripted(lose) as server, subscribe(server.url) as subscription:
        documents = aiter(subscription)
        assert (await next_of(documents)).position.seq == 4
        assert (await next_of(documents)).plain == document(7, x=3)
        await until(subscription, lambda: subscription.live)
    assert asked == [{"type": "subscribe", "epoch": EPOCH, "seq": 4}]
    assert len(server.requests) == 1


async def test_merged_and_slow():
    """A merged diff and a snapshot in the middle are taken as they come."""

    async def flow(visit: Visit) -> None:
        await visit.say(*greeting(4), diff(9, 4, x=1), snapshot(20, reason="slow"), diff(21, x=9))
        await visit.stay()

    async with scripted(flow) as server, subscribe(server.url) as subscription:
        await until(subscription, lambda: subscription.document and subscription.document.position.seq == 21)
        assert subscription.document.plain == document(21, x=9)


async def test_silence():
    """A server that goes silent is left, and asked anew from my place."""
    async with scripted(greet) as server, subscribe(server.url, silence_s=0.2) as subscription:
        await next_of(aiter(subscription))
        await until(subscription, lambda: not subscription.live)
        assert subscription.trouble == "The server has said nothing for 0.2 s."
        await until(subscription, lambda: len(server.requests) == 2)
        assert server.paths[1].endswith("&seq=4")


async def test_refused_connection():
    """Nobody at the port: the subscription keeps trying, and is live once somebody is there; `fetch` gives up."""
    with socket.create_server(("127.0.0.1", 0)) as port:
        url = f"http://127.0.0.1:{port.getsockname()[1]}/"
    with pytest.raises(Unreachable, match="No connection: "):
        await fetch(url)
    async with subscribe(url) as subscription:
        await until(subscription, lambda: subscription.trouble)
        assert "No connection" in subscription.trouble
        assert subscription.document is None
        assert not subscription.live


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after(status):
    """A server that is full says when to come back, and is not asked earlier."""
    async with scripted((status, {"Retry-After": "1"}), greet) as server, subscribe(server.url) as subscription:
        await next_of(aiter(subscription))
        assert server.times[1] - server.times[0] >= 1
        assert subscription.trouble is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, WrongProtocol),
        (401, Unauthorized),
        (403, Refused),
        (404, Refused),
        (421, Refused),
        (410, Refused),
        (200, WrongProtocol),
    ],
)
async def test_refused(status, kind):
    """What cannot heal ends the iteration with an exception of its own, at once."""
    async with scripted((status, {})) as server, subscribe(server.url) as subscription:
        with pytest.raises(kind, match=f"HTTP {status}"):
            await next_of(aiter(subscription))
        assert len(server.requests) == 1
        with pytest.raises(kind):
            await fetch(server.url)


@pytest.mark.parametrize(
    ("code", "kind"), [(4400, BadMessage), (4401, Unauthorized), (4403, Refused), (4406, WrongProtocol)]
)
async def test_closed(code, kind):
    """The same by a close code, with the server's words."""

    async def close(visit: Visit) -> None:
        await visit.say(*greeting(4), {"type": "error", "code": "x", "message": "so it is", "fatal": True})
        await visit.socket.close(code, "so")

    async with scripted(close) as server, subscribe(server.url) as subscription:
        with pytest.raises(kind, match="so it is"):
            await until(subscription, lambda: False)
        assert subscription.document.position.seq == 4
        assert not subscription.live
        with pytest.raises(kind):
            await subscription.wait()


@pytest.mark.parametrize(("code", "restarting"), [(1012, True), (1001, False), (1013, False)])
async def test_closed_for_now(code, restarting):
    """Other closes heal; that of a restart says so, and what the server asked for is kept."""

    async def close(visit: Visit) -> None:
        await visit.say({"type": "error", "code": "overload", "message": "full", "fatal": True, "retry_after": 7})
        await visit.socket.close(code)

    async with (
        scripted(close) as server,
        linked(server.url.replace("http", "ws") + "api/v1/stream", None, None, None, 5) as link,
    ):
        await link.receive()
        with pytest.raises(Unreachable) as caught:
            await link.receive()
    assert (caught.value.restarting, caught.value.retry_after) == (restarting, 7)


@pytest.mark.parametrize("frame", ["{", "[]", '"x"', "{}", '{"type":"diff"}', b"\x00"])
async def test_unreadable(frame):
    """A message that cannot be read ends the subscription: what it would have said is not guessed."""

    async def babble(visit: Visit) -> None:
        await visit.say(*greeting(4))
        await visit.socket.send(frame)
        await visit.stay()

    async with scripted(babble) as server, subscribe(server.url) as subscription:
        with pytest.raises(BadMessage):
            await until(subscription, lambda: False)


async def test_other_servers():
    """A WebSocket server that is none of ours is told apart, and so is one that does not speak HTTP."""
    async with scripted(greet, subprotocol=None) as server:
        with pytest.raises(WrongProtocol):
            await fetch(server.url)

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"220 mail.example ESMTP\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as other:
        with pytest.raises(Unreachable, match="does not speak HTTP"):
            await fetch(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/")


async def test_no_answer():
    """Whoever does not answer in time is given up by `fetch`."""

    async def dumb(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(dumb, "127.0.0.1", 0) as other:
        with pytest.raises(Unreachable, match=r"within 0\.2 s"):
            await fetch(f"http://127.0.0.1:{other.sockets[0].getsockname()[1]}/", timeout_s=0.2)


# The token.


async def test_token(caplog):
    """The token goes as a bearer's, and stands in no address, repr, error or log, even where everything is logged."""
    caplog.set_level(logging.DEBUG)
    async with scripted(greet, (403, {})) as server:
        subscription = subscribe(server.url, TOKEN)
        async with subscription:
            await next_of(aiter(subscription))
        assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in server.paths[0]
        with pytest.raises(Refused) as caught:
            await fetch(server.url, TOKEN)
    assert any(
        "uthorization" in record.getMessage() for record in caplog.records if record.name == "monitor.client.link"
    )
    for text in (repr(subscription), repr(caught.value)):
        assert TOKEN not in text
    own = [record.getMessage() for record in caplog.records if record.name == "monitor.client.link"]
    assert not [line for line in own if TOKEN in line]


async def test_token_renewed():
    """Who gives tokens is asked for each connection: one that has expired is followed by the next one."""
    tokens = iter(["old", "new"])

    async def expire(visit: Visit) -> None:
        await visit.say(*greeting(4))
        await visit.socket.close(4401)

    async def go_on(visit: Visit) -> None:
        await visit.say(hello(5, resumed=True), diff(5))
        await visit.stay()

    async with scripted(expire, go_on) as server, subscribe(server.url, lambda: next(tokens)) as subscription:
        await until(subscription, lambda: subscription.document and subscription.document.position.seq == 5)
        assert [request.headers["Authorization"] for request in server.requests] == ["Bearer old", "Bearer new"]


async def test_token_refused_twice():
    """Who gives the same token again has no better one."""
    async with scripted((401, {})) as server, subscribe(server.url, lambda: "same") as subscription:
        with pytest.raises(Unauthorized):
            await next_of(aiter(subscription))
        assert len(server.requests) == 2


@pytest.mark.parametrize("token", ["s3\r\nX: y", "ä", "s3cret\n"])
async def test_token_unfit(token):
    """A token that no header can carry is refused before anybody is asked, and is not shown."""
    with pytest.raises(Unauthorized) as caught:
        await fetch("http://127.0.0.1:9/", token)
    assert token.strip() not in str(caught.value)


async def test_token_function_fails():
    """Where the token's function fails, its own exception reaches the reader."""

    def fail() -> str:
        raise LookupError("no vault")

    async with subscribe("http://127.0.0.1:9/", fail) as subscription:
        with pytest.raises(LookupError, match="no vault"):
            await next_of(aiter(subscription))


# Addresses and the rest.


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8787",
        "ftp://host/",
        "http:///",
        f"http://u:{TOKEN}@host/",
        f"http://host/?token={TOKEN}",
        "http://host/#x",
        "http://host:port/",
        "http://[::1/",
        "http://a..b/",
    ],
)
def test_bad_address(url):
    """An address that cannot be one is refused at once, in a sentence that shows no secret."""
    with pytest.raises(BadAddress) as caught:
        subscribe(url)
    assert isinstance(caught.value, SubscriptionError)
    assert TOKEN not in str(caught.value)


async def test_once():
    """A subscription is entered once: its second life would be another one."""
    async with scripted(greet) as server:
        subscription = subscribe(server.url)
        async with subscription:
            pass
        with pytest.raises(RuntimeError):
            async with subscription:
                pass
        with pytest.raises(RuntimeError):
            await subscription.wait()

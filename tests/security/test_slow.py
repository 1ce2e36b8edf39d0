"""Whoever is slow, silent or too many loses a connection, and nobody else notices; on both event loops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import structlog
import uvloop
from aiohttp import web

from monitor.outputs import reception
from monitor.outputs.bounds import Bounds, bounds_of
from monitor.outputs.connections import FIELD_BYTES, HEAD_BYTES, Runner
from monitor.outputs.hub import Hub
from monitor.outputs.seats import Limits
from monitor.outputs.server import Server
from monitor.outputs.turnstile import PER_TURN, Turnstile
from monitor.outputs.visitors import Visitors, network
from tests.doors import open_gate
from tests.fakes import FakeClock
from tests.outputs import whole

GET = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
QUICK = Bounds(head_s=0.4, body_s=0.6, idle_s=1.0, unread_s=1.0)
SLACK_S = 1.5
"""A busy machine may be so late."""
EARLY_S = 0.1
"""We begin to count after the server did."""
SECRET = b"c4n4ry"
Scenario = Callable[[], Awaitable[None]]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request) -> Callable[[Scenario], None]:
    """Runs a scenario on a loop of its own."""

    def run(scenario: Scenario) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await scenario()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(bounded())

    return run


@contextlib.asynccontextmanager
async def serving(bounds: Bounds) -> AsyncIterator[int]:
    """Serve as the daemon does; give the port."""
    clock = FakeClock()
    server = Server(
        hub=Hub(whole.DOCUMENT, lambda: whole.EVIDENCE, clock),
        read_series={}.get,
        clock=clock,
        gate=open_gate(),
        host="127.0.0.1",
        port=0,
        base_path="/",
        bounds=bounds,
    )
    address = await server.start()
    try:
        yield int(address.rstrip("/").rpartition(":")[2])
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def answering(
    bounds: Bounds, handler: Callable[[web.Request], Awaitable[web.StreamResponse]], **options: object
) -> AsyncIterator[int]:
    """Serve one address, which answers like this; give the port."""
    application = web.Application()
    application.router.add_route("*", "/", handler)
    runner = Runner(application, bounds, headers={"Server": "x"}, stop_s=0.1, **options)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    try:
        yield listening.getsockname()[1]
    finally:
        await runner.cleanup()


class Peer:
    """The other end, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.since = time.monotonic()

    @classmethod
    async def connect(cls, port: int, address: str = "127.0.0.1") -> Peer:
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0)))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers.get("Content-Length", 0)))

    async def ended(self) -> tuple[bytes, float]:
        """Read on until it is closed; give what came, and after how many seconds."""
        came = b""
        with contextlib.suppress(ConnectionError):
            while part := await self.reader.read(65536):
                came += part
        self.leave()
        return came, time.monotonic() - self.since

    async def open(self, seconds: float) -> bool:
        """Say whether it stays open for so long, in which nothing comes."""
        try:
            async with asyncio.timeout(seconds):
                return bool(await self.reader.read(1))
        except TimeoutError:
            return True
        except ConnectionError:
            return False

    async def drip(self, data: bytes, every_s: float) -> None:
        with contextlib.suppress(ConnectionError):
            for byte in data:
                self.say(bytes([byte]))
                await asyncio.sleep(every_s)

    def leave(self) -> None:
        self.writer.transport.abort()


def refusal(came: bytes, status: int, code: str) -> str:
    """Check that this is a refusal in our form, and the last word; give its sentence."""
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    assert int(lines[0].split()[1]) == status
    assert headers["Content-Type"].startswith("application/json")
    # HTTP/1.0, in which aiohttp answers what it has not understood, closes by itself (RFC 9112, 9.3).
    assert head.startswith(b"HTTP/1.0 ") or headers["Connection"] == "close"
    assert headers["Server"] == "huph-monitor"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Length"] == str(len(body))
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert SECRET not in came
    return error["message"]


def test_silent(run):
    """Who says nothing is let go after the time for a head, without a word."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            came, after_s = await peer.ended()
            assert came == b""
            assert QUICK.head_s - EARLY_S <= after_s < QUICK.head_s + SLACK_S

    run(scenario)


@pytest.mark.parametrize("part", [b"G", GET[:-2], GET[:-2] + b"Cookie: " + SECRET], ids=["byte", "head", "header"])
def test_part_of_a_head(run, part):
    """Who begins and does not go on is told so, after the same time."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            peer.say(part)
            came, after_s = await peer.ended()
            assert "within 0.4 s" in refusal(came, 408, "request_timeout")
            assert QUICK.head_s - EARLY_S <= after_s < QUICK.head_s + SLACK_S

    run(scenario)


def test_dripping_head(run):
    """Byte by byte is no way around it."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            async with asyncio.TaskGroup() as group:
                dripping = group.create_task(peer.drip(GET[:-2] + b"X: " + b"x" * 1000, 0.02))
                came, after_s = await peer.ended()
                dripping.cancel()
            refusal(came, 408, "request_timeout")
            assert QUICK.head_s - EARLY_S <= after_s < QUICK.head_s + SLACK_S

    run(scenario)


def test_slow_head_in_time(run):
    """Who is slow and in time is served."""

    async def scenario() -> None:
        async with serving(Bounds(head_s=5)) as port:
            peer = await Peer.connect(port)
            await peer.drip(GET, 0.002)
            assert (await peer.answer())[0] == 200
            peer.leave()

    run(scenario)


def test_further_request(run):
    """Between requests one may rest longer; from the first byte of the next the same time counts again."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            for _ in range(2):
                peer.say(GET)
                assert (await peer.answer())[0] == 200
                await asyncio.sleep(QUICK.head_s * 1.5)
            peer.say(GET[:10])
            peer.since = time.monotonic()
            came, after_s = await peer.ended()
            refusal(came, 408, "request_timeout")
            assert QUICK.head_s - EARLY_S <= after_s < QUICK.head_s + SLACK_S

    run(scenario)


def test_idle(run):
    """Who has been served and asks no more is let go after the time for resting."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            peer.say(GET)
            await peer.answer()
            peer.since = time.monotonic()
            came, after_s = await peer.ended()
            assert came == b""
            assert QUICK.idle_s - EARLY_S <= after_s < QUICK.idle_s + SLACK_S

    run(scenario)


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("dripping", [False, True])
def test_part_of_a_body(run, dripping, chunked):
    """A body that does not come to its end in time ends its connection, and whoever waits for it is told."""

    async def scenario() -> None:
        bounds = Bounds(head_s=0.1, body_s=1.0)
        async with answering(bounds, echo) as port:
            peer = await Peer.connect(port)
            head = POST.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked") if chunked else POST
            peer.say(head + (b"50\r\n12345" if chunked else b"12345"))
            async with asyncio.TaskGroup() as group:
                task = group.create_task(peer.drip(b"x" * (60 if dripping else 0), 0.05))
                came, after_s = await peer.ended()
                task.cancel()
            assert came.startswith(b"HTTP/1.1 408 ")
            assert bounds.body_s - EARLY_S <= after_s < bounds.body_s + SLACK_S

    run(scenario)


def test_body_that_nobody_reads(run):
    """Where nobody waits for a body the answer comes at once, and the connection ends all the same."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            peer = await Peer.connect(port)
            peer.say(GET[:-2] + b"Content-Length: 100\r\n\r\nhalf")
            assert (await peer.answer())[0] == 200
            _, after_s = await peer.ended()
            assert after_s < QUICK.body_s + SLACK_S

    run(scenario)


def test_whole_bodies(run):
    """A body that comes slowly and in time is taken whole, and the next request with it."""

    async def scenario() -> None:
        async with answering(Bounds(body_s=5), echo) as port:
            peer = await Peer.connect(port)
            for _ in range(2):
                peer.say(POST)
                await peer.drip(b"y" * 100, 0.001)
                status, _, body = await peer.answer()
                assert (status, body) == (200, b"y" * 100)
            peer.say((POST + b"z" * 100) * 3)
            for _ in range(3):
                assert (await peer.answer())[2] == b"z" * 100
            peer.leave()

    run(scenario)


def test_slow_answer(run):
    """The time that we take ourselves is not held against anybody."""

    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(QUICK.body_s * 2)
        return web.Response(text="done")

    async def scenario() -> None:
        async with answering(QUICK, slow) as port:
            peer = await Peer.connect(port)
            peer.say(GET.replace(b"/livez", b"/"))
            await asyncio.sleep(QUICK.head_s / 2)
            peer.say(GET[:5])  # the next one begins, while the first is not answered yet
            assert (await peer.answer())[2] == b"done"
            peer.leave()

    run(scenario)


def test_unread(run):
    """Who does not read what he has asked for is let go, and is not waited for."""
    whole_answer = b"x" * (8 << 20)

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=whole_answer)

    async def scenario() -> None:
        async with answering(QUICK, large) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(GET.replace(b"/livez", b"/"))
            assert (await reader.read(5)) == b"HTTP/"
            writer.transport.pause_reading()
            began = time.monotonic()
            while len(socket_states(port)) > 0:
                assert time.monotonic() - began < QUICK.unread_s + 10
                await asyncio.sleep(0.05)
            writer.transport.abort()

    run(scenario)


def socket_states(port: int) -> list[str]:
    """Give the states of the server's own ends of its connections: 01 is ESTABLISHED (Linux, proc_net_tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [row[3] for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] == "01"]


@pytest.mark.parametrize("path", ["stream", "events"])
def test_followers(run, path):
    """Who follows the stream is not touched by any of these times."""
    upgrade = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    )

    async def scenario() -> None:
        async with serving(Bounds(head_s=0.1, body_s=0.1, idle_s=0.2, unread_s=0.3)) as port:
            peer = await Peer.connect(port)
            more = upgrade if path == "stream" else ""
            peer.say(f"GET /api/v1/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{more}\r\n".encode())
            await peer.reader.readuntil(b"snapshot")
            while True:
                try:
                    async with asyncio.timeout(1.2):
                        assert await peer.reader.read(65536)
                except TimeoutError:
                    break
            assert not peer.reader.at_eof()
            peer.leave()

    run(scenario)


def test_loop_that_stood_still(run):
    """What was there in time is read, however late we come to it ourselves."""

    async def scenario() -> None:
        async with serving(QUICK) as port:
            sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(5)]
            await asyncio.sleep(QUICK.head_s / 4)  # they are let in
            for one in sockets:
                one.sendall(GET)
            time.sleep(QUICK.head_s * 2)  # the loop stands still
            peers = [Peer(*await asyncio.open_connection(sock=one)) for one in sockets]
            assert [(await peer.answer())[0] for peer in peers] == [200] * 5
            for peer in peers:
                peer.leave()

    run(scenario)


# How many.


def test_per_address(run):
    """One address has so many connections; one more is told to come back, until a place comes free."""

    async def scenario() -> None:
        async with serving(Bounds(per_address=3)) as port:
            peers = [await Peer.connect(port) for _ in range(3)]
            for peer in peers:
                peer.say(GET)
                assert (await peer.answer())[0] == 200
            over = await Peer.connect(port)
            over.say(GET)
            came, _ = await over.ended()
            refusal(came, 429, "too_many_requests")
            assert b"Retry-After: 10\r\n" in came
            other = await Peer.connect(port, "127.0.0.2")
            other.say(GET)
            assert (await other.answer())[0] == 200
            peers[0].leave()
            assert await served(port)
            for peer in (*peers, other):
                peer.leave()

    run(scenario)


async def served(port: int, address: str = "127.0.0.1") -> bool:
    """Ask until it is answered; the server may not have seen yet that somebody has left."""
    while True:
        peer = await Peer.connect(port, address)
        peer.say(GET)
        status, _, _ = await peer.answer()
        peer.leave()
        if status == 200:
            return True


def test_total(run):
    """In total there are so many, whoever they are."""

    async def scenario() -> None:
        async with serving(Bounds(total=3)) as port:
            peers = [await Peer.connect(port, f"127.0.0.{2 + number}") for number in range(3)]
            for peer in peers:
                peer.say(GET)
                assert (await peer.answer())[0] == 200
            over = await Peer.connect(port, "127.0.0.9")
            over.say(GET)
            came, _ = await over.ended()
            refusal(came, 503, "service_unavailable")
            peers[0].leave()
            assert await served(port)
            for peer in peers:
                peer.leave()

    run(scenario)


def test_turned_away_silent(run):
    """Who is too many and says nothing is not waited for long."""

    async def scenario() -> None:
        async with serving(Bounds(total=1)) as port:
            peer, over = await Peer.connect(port), await Peer.connect(port)
            came, after_s = await over.ended()
            assert came == b""
            assert after_s < 1 + SLACK_S
            peer.leave()

    run(scenario)


def test_turned_away_in_crowds(run, monkeypatch):
    """Of a crowd that is too many only some are told so: each of them holds a descriptor meanwhile."""
    monkeypatch.setattr(reception, "LINGERING", 2)

    async def scenario() -> None:
        async with serving(Bounds(total=1)) as port:
            peer = await Peer.connect(port)
            peer.say(GET)
            assert (await peer.answer())[0] == 200
            over = [await Peer.connect(port) for _ in range(4)]
            for one in over[2:]:
                came, _ = await one.ended()
                assert came == b""
            for one in over[:2]:
                one.say(GET)
                refusal((await one.ended())[0], 503, "service_unavailable")
            again = await Peer.connect(port)
            again.say(GET)
            refusal((await again.ended())[0], 503, "service_unavailable")
            peer.leave()

    run(scenario)


EXPECTING = b"POST /api/v1/stream-ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: "


@pytest.mark.parametrize("path", [b"/api/v1/stream-ticket", b"/nowhere/at/all"])
@pytest.mark.parametrize("expect", [b"<script>x", b"\xff"])
def test_odd_expectations(run, path, expect):
    """What nobody knows is refused where aiohttp judges it, in our own words, and passed over where we do."""

    async def scenario() -> None:
        async with serving(Bounds()) as port:
            peer = await Peer.connect(port)
            peer.say(EXPECTING.replace(b"/api/v1/stream-ticket", path) + expect + b"\r\n\r\n{}")
            status, headers, body = await peer.answer()
            assert status in {403, 404, 405, 415, 417}
            assert headers["Content-Type"] == "application/json"
            assert b"script" not in body
            peer.leave()

    run(scenario)


def test_continue(run):
    """Who waits to be told to go on is told so once it is let in, and not before."""

    async def scenario() -> None:
        async with serving(Bounds()) as port:
            for more, begins in ((b"", b"HTTP/1.1 415 "), (JSON, b"HTTP/1.1 100 ")):
                peer = await Peer.connect(port)
                peer.say(EXPECTING + b"100-continue\r\n" + more + b"\r\n")
                assert (await peer.reader.readuntil(b"\r\n")).startswith(begins)
                peer.leave()

    run(scenario)


JSON = b"Content-Type: application/json\r\nX-Huph-Monitor: 1\r\n"


def test_silent_ones(run):
    """Of those of one address that have asked nothing the oldest go when they are too many; who has asked stays."""

    async def scenario() -> None:
        async with serving(Bounds(silent=3, head_s=20)) as port:
            asked = await Peer.connect(port)
            asked.say(GET)
            await asked.answer()
            peers = [await Peer.connect(port) for _ in range(3)]
            assert await peers[0].open(0.5)
            over = [await Peer.connect(port) for _ in range(2)]
            for peer in peers[:2]:
                assert (await peer.ended())[0] == b""
            for peer in (peers[2], *over):
                peer.say(GET)
                assert (await peer.answer())[0] == 200
                peer.leave()
            asked.say(GET)
            assert (await asked.answer())[0] == 200
            asked.leave()

    run(scenario)


def test_many_at_once(run):
    """Many who come in the same moment and ask are no silent ones, even while the loop is busy with something else."""

    async def scenario() -> None:
        async with serving(Bounds(silent=3)) as port:
            sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
            for one in sockets:
                one.sendall(GET)
            time.sleep(0.5)  # the loop stands still: nothing has been accepted when it goes on
            peers = [Peer(*await asyncio.open_connection(sock=one)) for one in sockets]
            assert [(await peer.answer())[0] for peer in peers] == [200] * 60
            for peer in peers:
                peer.leave()

    run(scenario)


def test_proxy(run):
    """A trusted proxy's connections are many people's: only the total bounds them."""

    async def scenario() -> None:
        async with answering(
            Bounds(per_address=1, silent=1, total=4), echo, trusted=lambda address: address == "127.0.0.1"
        ) as port:
            peers = [await Peer.connect(port) for _ in range(3)]
            assert await peers[0].open(0.5)
            for peer in peers:
                peer.say(GET.replace(b"/livez", b"/"))
                assert (await peer.answer())[0] == 200
            stranger, second = await Peer.connect(port, "127.0.0.2"), await Peer.connect(port, "127.0.0.2")
            second.say(GET)
            assert (await second.answer())[0] == 503
            for peer in (*peers, stranger, second):
                peer.leave()

    run(scenario)


def test_usual_bounds():
    """There is room for all who may follow, however many these are."""
    assert bounds_of(Limits()) == Bounds() == Bounds(5.0, 10.0, 75.0, 30.0, 2000, 300, 50, PER_TURN)
    assert bounds_of(Limits(10_000, 5000)).per_address > 5000
    assert bounds_of(Limits(10_000, 5000)).total > 10_000


def test_networks():
    """IPv6 is counted by network, IPv4 within it as IPv4."""
    assert network("2001:db8::1") == network("2001:db8::ffff:1%eth0") != network("2001:db8:0:1::1")
    assert network("::ffff:192.0.2.1") == network("192.0.2.1") != network("192.0.2.2")
    assert network("") == ""


def test_counted():
    """Whoever leaves is not counted any more; who was not let in never was."""
    visitors = Visitors(3, 2, lambda address: address == "10.0.0.1")
    assert [visitors.enter(one, "192.0.2.1") for one in "ab"] == [None, None]
    assert visitors.enter("c", "192.0.2.1") == "address"
    visitors.leave("c")
    assert visitors.enter("d", "10.0.0.1") is None
    assert visitors.enter("e", "10.0.0.1") == "total"
    assert visitors.silent("192.0.2.1") == ["a", "b"]
    visitors.ask("a")
    assert visitors.silent("192.0.2.1") == ["b"]
    for one in "abde":
        visitors.leave(one)
    assert len(visitors) == 0
    assert (visitors._from, visitors._count, visitors._silent) == ({}, {}, {})


# What is said.


def request(cookie_bytes: int) -> bytes:
    """Make a request with a cookie header of so many bytes, without its name."""
    cookie = (b"next-auth.session-token=" + SECRET * cookie_bytes)[:cookie_bytes]
    return GET[:-2] + b"Cookie: " + cookie + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("size", "status"),
    [(32 << 10, 200), (FIELD_BYTES, 200), (FIELD_BYTES + 1, 400), (33 << 10, 400), (60 << 10, 400)],
)
def test_cookies(run, caplog, size, status):
    """A cookie header of 32 kB is read; a longer one is refused, and nothing of it is said or logged."""

    async def scenario() -> None:
        async with serving(Bounds()) as port:
            peer = await Peer.connect(port)
            peer.say(request(size))
            if status == 200:
                assert (await peer.answer())[0] == 200
                peer.leave()
            else:
                refusal((await peer.ended())[0], 400, "bad_request")

    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        run(scenario)
    said = f"{logs} {caplog.text}"
    assert SECRET.decode() not in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "sent",
    [
        b"c4n4ry\r\n\r\n",
        b"\x16\x03\x01\x02\x00c4n4ry",
        b"GET /c4n4ry\x00 HTTP/1.1\r\n\r\n",
        GET[:-2] + b"Cookie\x00: c4n4ry\r\n\r\n",
        GET[:-2] + b"Content-Length: c4n4ry\r\n\r\n",
        GET[:-2] + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        GET[:-2] + b"c4n4ry" * 6000 + b": x\r\n\r\n",
        b"GET /" + b"c4n4ry" * 2000 + b" HTTP/1.1\r\n\r\n",
        GET[:-2] + b"X: c4n4ry\r\n" * 200 + b"\r\n",
    ],
    ids=["line", "tls", "nul", "name", "length", "smuggling", "long name", "long line", "many"],
)
def test_garbage(run, caplog, sent):
    """What is no request is answered in our form, and neither the answer nor the log repeats it."""

    async def scenario() -> None:
        async with serving(Bounds()) as port:
            peer = await Peer.connect(port)
            peer.say(sent)
            refusal((await peer.ended())[0], 400, "bad_request")
            assert await served(port)

    with structlog.testing.capture_logs() as logs, caplog.at_level(logging.DEBUG):
        run(scenario)
    assert SECRET.decode() not in f"{logs} {caplog.text}"


def test_large_head(run):
    """Many headers, each short enough, are not gathered without end."""

    async def scenario() -> None:
        async with serving(Bounds()) as port:
            peer = await Peer.connect(port)
            peer.say(GET[:-2])
            for number in range(3):
                peer.say(b"X-%d: " % number + SECRET * 5000 + b"\r\n")
                await asyncio.sleep(0.01)
            message = refusal((await peer.ended())[0], 431, "request_header_fields_too_large")
            assert str(HEAD_BYTES) in message

    run(scenario)


# A crowd at the door.


def test_turnstile(run):
    """So many go through in each turn of the loop, in the order of their coming, and those who left are left out."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        turnstile, turns, through = Turnstile(loop, 3), [0], []

        def turn() -> None:
            turns[0] += 1
            loop.call_soon(turn)

        async def go(number: int) -> None:
            await turnstile.passed()
            through.append((turns[0], number))

        loop.call_soon(turn)
        tasks = [loop.create_task(go(number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[10].cancel()
        await asyncio.wait(tasks)
        assert [number for _, number in through] == [number for number in range(20) if number != 10]
        per_turn = [[one for one, _ in through].count(one) for one in {one for one, _ in through}]
        assert max(per_turn) == 3
        assert len(per_turn) in {6, 7}
        before = turns[0]
        await asyncio.sleep(0)
        await turnstile.passed()
        assert turns[0] - before <= 1

    run(scenario)

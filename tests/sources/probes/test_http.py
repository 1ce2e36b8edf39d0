"""One GET: what every way of not answering well is called, and that no server can hold or fill us."""

from __future__ import annotations

import asyncio
import random
import tracemalloc

import pytest

from monitor.domain.probing import ServiceTarget
from monitor.sources.probes import http
from monitor.sources.probes.names import Names
from tests.sources.probes.servers import (
    OK,
    answer,
    begins,
    bomb,
    drips,
    endless,
    hung,
    nobody,
    resets,
    says,
    serving,
    silent,
)

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def target(port, **more):
    return ServiceTarget("dify", "http", f"http://127.0.0.1:{port}/health?key=hunter2", **more)


async def asked(port, *addresses, timeout_s=1.0, **more):
    return await http.ask(target(port, **more), addresses or ("127.0.0.1",), timeout_s)


async def met(behave, timeout_s=0.4, **more):
    """Ask a server that behaves like this; see that it is let go of within the time."""
    started = asyncio.get_running_loop().time()
    async with serving(behave) as served:
        probe = await asked(served.port, timeout_s=timeout_s, **more)
        assert asyncio.get_running_loop().time() - started < timeout_s + 1
        await served.alone()
        assert served.came == 1
    return probe


async def test_answers():
    """A healthy answer is one with its latency; the address is shown without its query."""
    probe = await met(says(answer(b'{"status":"ok"}')))
    assert (probe.outcome, probe.service, probe.answer, probe.host) == ("answered", "dify", "", "127.0.0.1")
    assert 0 < probe.latency_ms < 400
    assert probe.target.startswith("http://127.0.0.1:")
    assert probe.target.endswith("/health")
    assert probe.started_at is None


async def test_latency_is_of_the_whole_answer():
    """An answer counts when its last byte is there."""
    probe = await met(says(CHUNKED, b"1\r\nx\r\n", b"0\r\n\r\n", every_s=0.05))
    assert probe.outcome == "answered"
    assert probe.latency_ms >= 90


async def test_what_is_asked():
    """It is one GET with a name to it, which asks for nothing compressed and brings no login along."""
    heads = []
    async with serving(says(answer(), log=heads)) as served:
        assert (await asked(served.port)).outcome == "answered"
    (head,) = heads
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "get /health?key=hunter2 http/1.1"
    assert {"accept-encoding: identity", "user-agent: huph-monitor"} < set(lines)
    assert not [line for line in lines if line.startswith(("cookie", "authorization", "referer"))]


async def test_no_cookies():
    """What one answer sets is not sent with the next question."""
    heads = []
    said = answer(b"", "200 OK", "Set-Cookie: session=hunter2; Path=/")
    async with serving(says(said, log=heads)) as served:
        for _ in range(2):
            await asked(served.port)
    assert len(heads) == 2
    assert b"hunter2" not in heads[1].replace(b"key=hunter2", b"")


async def test_no_proxy(monkeypatch):
    """A proxy of the environment is not asked: it would answer in the service's place."""
    async with serving(says(answer(b"", "502 Bad Gateway"))) as proxy, serving(says(answer())) as served:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await asked(served.port)).outcome == "answered"
        assert proxy.came == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("500 Internal Server Error", "500"),
        ("503 Service Unavailable", "503"),
        ("404 Not Found", "404"),
        ("401 Unauthorized", "asks for a login"),
        ("403 Forbidden", "asks for a login"),
        ("302 Found", "302 (redirect)"),
        ("308 Permanent Redirect", "308 (redirect)"),
        ("204 No Content", "204"),
        ("299 hunter2", "299"),
    ],
)
async def test_status(status, words):
    """Another status than the expected ones is a bad answer, told by its number alone."""
    probe = await met(says(answer(b"", status)))
    assert (probe.outcome, probe.answer, probe.latency_ms) == ("bad_answer", words, None)


@pytest.mark.parametrize("status", [204, 302, 401])
async def test_expected_status(status):
    """Whatever status is expected is a healthy answer."""
    assert (await met(says(answer(b"", f"{status} X")), expect=(200, status))).outcome == "answered"


async def test_redirects_are_not_followed():
    """A redirect is an answer of this service; where it leads nobody goes."""
    async with serving(says(answer())) as elsewhere:
        probe = await met(says(answer(b"", "302 Found", f"Location: http://127.0.0.1:{elsewhere.port}/")))
        assert (probe.answer, elsewhere.came) == ("302 (redirect)", 0)


async def test_status_does_not_wait_for_its_body():
    """A bad status is told at once, whatever becomes of its body."""
    probe = await met(begins(b"HTTP/1.1 500 X\r\nContent-Length: 9\r\n\r\n"))
    assert (probe.outcome, probe.answer) == ("bad_answer", "500")


SLOW = [
    pytest.param(silent, id="silent"),
    pytest.param(drips(b"HTTP/1.1 200 ", b"x", 0.05), id="drips its first line"),
    pytest.param(drips(OK, b"X-A: b\r\n", 0.05), id="drips headers"),
    pytest.param(drips(OK + b"Content-Length: 4096\r\n\r\n", b"x", 0.05), id="drips its body"),
    pytest.param(drips(CHUNKED, b"1\r\nx\r\n", 0.05), id="drips chunks"),
    pytest.param(drips(OK + b"\r\n", b"x", 0.05), id="drips without an end"),
    pytest.param(begins(b"HTTP/1.1 100 Continue\r\n\r\n"), id="only continues"),
    pytest.param(begins(OK + b"Content-Length: 9\r\n\r\n"), id="holds its body back"),
]


@pytest.mark.parametrize("behave", SLOW)
async def test_timeout(behave):
    """No complete answer within the time is none at all, however busily it drips."""
    assert (await met(behave)).outcome == "timeout"


TOO_MUCH = f"body > {http.MOST // 1024} KiB"
BROKEN = [
    pytest.param(endless(OK + b"\r\n", b"x" * 50_000), TOO_MUCH, id="endless body"),
    pytest.param(endless(CHUNKED, b"c350\r\n" + b"x" * 50_000 + b"\r\n"), TOO_MUCH, id="endless chunks"),
    pytest.param(says(answer(b"x" * (http.MOST + 1))), TOO_MUCH, id="one byte too many"),
    pytest.param(says(answer(bomb(80), "200 OK", "Content-Encoding: gzip")), TOO_MUCH, id="bomb"),
    pytest.param(says(OK + b"Content-Length: 9\r\n\r\nabc"), "broken body", id="cut off"),
    pytest.param(says(CHUNKED + b"5\r\nab"), "broken body", id="cut off amid a chunk"),
    pytest.param(says(CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n"), "no valid HTTP", id="chunk without a size"),
    pytest.param(says(CHUNKED, b"3\r\nabc\r\n", b"zz\r\n", every_s=0.02), "broken body", id="bad later chunk"),
    pytest.param(begins(CHUNKED, b"zz\r\n"), "broken body", id="bad chunk, then silence"),
    pytest.param(resets, "reset", id="reset"),
    pytest.param(says(), "closed without an answer", id="closed"),
    pytest.param(begins(b"SSH-2.0-OpenSSH_9.2\r\n"), "no valid HTTP", id="another protocol"),
    pytest.param(begins(b"HTTP/1.1 abc OK\r\n\r\n"), "no valid HTTP", id="a status of letters"),
    pytest.param(begins(OK + b"Content-Length: -5\r\n\r\n"), "no valid HTTP", id="a negative length"),
    pytest.param(endless(OK + b"X: ", b"x" * 50_000), "no valid HTTP", id="endless header"),
    pytest.param(endless(OK, b"X-A: b\r\n" * 1000), "no valid HTTP", id="headers without end"),
    pytest.param(endless(b"", b"\x16\x03\x01\x02\x00"), "no valid HTTP", id="TLS where none is"),
]


@pytest.mark.parametrize(("behave", "words"), BROKEN)
async def test_bad_answer(behave, words):
    """What is broken, endless or no HTTP at all is a bad answer, told by its kind and not by its text."""
    probe = await met(behave, timeout_s=1.5)
    assert (probe.outcome, probe.answer, probe.latency_ms) == ("bad_answer", words, None)


async def test_full_measure():
    """A body of exactly 64 KiB is none too big."""
    assert (await met(says(answer(b"x" * http.MOST)))).outcome == "answered"


async def test_small_bomb():
    """A body that would be sixty times as big unpacked is read as it comes, and stays as small as it is."""
    packed = bomb(50)
    assert len(packed) < http.MOST
    tracemalloc.start()
    try:
        probe = await met(says(answer(packed, "200 OK", "Content-Encoding: gzip")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert probe.outcome == "answered"
    assert peak < 3_000_000


async def test_endless_is_not_kept():
    """Of an endless answer no more is kept than it takes to see that it is one."""
    tracemalloc.start()
    try:
        probe = await met(endless(OK + b"\r\n", b"x" * 50_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert probe.outcome == "bad_answer"
    assert peak < 3_000_000


async def test_nobody():
    """A port without anybody is refused, also where the host has two addresses; one that hangs is a timeout."""
    port = nobody()
    assert (await asked(port)).outcome == "refused"
    assert (await asked(port, "127.0.0.1", "::1")).outcome == "refused"
    with hung() as port:
        assert (await asked(port, timeout_s=0.3)).outcome == "timeout"


async def test_addresses_are_those_given():
    """The name in the address is not looked up again: the addresses are those that were given, the name is sent."""
    heads = []
    async with serving(says(answer(), log=heads)) as served:
        there = ServiceTarget("dify", "http", f"http://no-such-name.invalid:{served.port}/")
        assert (await http.ask(there, ["127.0.0.1"], 1)).outcome == "answered"
    assert f"Host: no-such-name.invalid:{served.port}".encode() in heads[0]


NOW = 1_795_323_600.0
SINCE = [
    ('"2026-11-22T05:00:00Z"', NOW),
    ('"2026-11-22T12:00:00.5+07:00"', NOW + 0.5),
    ("1795323600", NOW),
    ("1795323600.25", NOW + 0.25),
    ('"2026-11-22T05:00:00"', None),
    ('"yesterday"', None),
    ("true", None),
    ("-5", None),
    ("1e300", None),
    ("[1]", None),
    ("null", None),
]


@pytest.mark.parametrize(("said", "since"), SINCE)
async def test_started_at(said, since):
    """Since when it runs is read from the key that is configured; what is no instant is not told."""
    body = f'{{"started_at": {said}, "other": 1}}'.encode()
    probe = await met(says(answer(body)), started_at="started_at")
    assert (probe.outcome, probe.started_at) == ("answered", since)


@pytest.mark.parametrize("body", [b"", b"hello", b"[1]", b"\xff\xfe", b'{"other": 5}', b"[" * 5000])
async def test_no_started_at(body):
    """A body that does not tell it, or is no JSON at all, is a healthy answer all the same."""
    probe = await met(says(answer(body)), started_at="started_at")
    assert (probe.outcome, probe.started_at) == ("answered", None)


async def test_fetch():
    """A page is fetched as a service is probed: its body when the answer is healthy, nothing otherwise."""
    names = Names(lambda _: None)
    async with serving(says(answer(b'{"a": 1}'))) as served:
        assert await http.fetch(f"http://localhost:{served.port}/", names, 1) == b'{"a": 1}'
    for behave in (says(answer(b"x", "500 X")), says(answer(b"x" * (http.MOST + 1))), resets):
        async with serving(behave) as served:
            assert await http.fetch(f"http://localhost:{served.port}/", names, 1) is None
    assert await http.fetch(f"http://localhost:{nobody()}/", names, 1) is None
    lost = Names(lambda _: None, look_up=lambda _: [])
    assert await http.fetch("http://no-such-name.invalid/", lost, 1) is None


async def test_any_bytes():
    """Whatever bytes come, it is an answer of some kind and never an error of ours."""
    chance = random.Random(5)  # the same each time
    whole = [answer(b'{"a":1}'), CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", OK + b"Set-Cookie: a=b; c\r\n\r\nrest"]

    async def behave(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        said = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(said))
            said[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        writer.write(said)

    seen = set()
    async with serving(behave) as served:
        for _ in range(300):
            probe = await asked(served.port, timeout_s=0.2, started_at="a")
            seen.add((probe.outcome, probe.answer))
    assert {outcome for outcome, _ in seen} <= {"answered", "bad_answer", "timeout"}
    assert len(seen) > 3


# Over TLS


def secure(port, host="localhost"):
    return ServiceTarget("admin", "http", f"https://{host}:{port}/")


@pytest.mark.parametrize("body", [b"ok", b""])
async def test_certificate(authority, body):
    """A certificate that is accepted makes no difference to the answer, also one without a body."""
    tls = authority.server()
    async with serving(says(answer(body)), tls) as served:
        probe = await http.ask(secure(served.port), ["127.0.0.1"], 2, trust=authority.trust)
        await served.alone()
    assert (probe.outcome, probe.answer) == ("answered", "")


@pytest.mark.parametrize(
    ("more", "host", "words"),
    [
        ({"ends": -1}, "localhost", "certificate expired"),
        ({"begins": 5}, "localhost", "certificate not valid yet"),
        ({"host": "other.example"}, "localhost", "certificate for another name"),
        ({}, "127.0.0.1", "certificate for another name"),
        ({"self_signed": True}, "localhost", "certificate not trusted"),
    ],
)
async def test_bad_certificate(authority, more, host, words):
    """A certificate that is not accepted is a bad answer, told by its kind; nothing is asked, and nobody asks again."""
    heads = []
    tls = authority.server(**more)
    async with serving(says(answer(b"ok"), log=heads), tls) as served:
        probe = await http.ask(secure(served.port, host), ["127.0.0.1"], 2, trust=authority.trust)
        await served.alone()
    assert (probe.outcome, probe.answer, probe.latency_ms) == ("bad_answer", words, None)
    assert (served.came, heads) == (0, [])


async def test_unknown_authority(authority):
    """Who is not known to this machine is not believed."""
    tls = authority.server()
    async with serving(says(answer(b"ok")), tls) as served:
        probe = await http.ask(secure(served.port), ["127.0.0.1"], 2)
    assert (probe.outcome, probe.answer) == ("bad_answer", "certificate not trusted")


@pytest.mark.parametrize(
    ("behave", "outcome", "words"),
    [
        pytest.param(begins(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "bad_answer", "no TLS", id="plain"),
        pytest.param(silent, "timeout", "", id="silent"),
        pytest.param(resets, "bad_answer", "reset", id="reset"),
    ],
)
async def test_no_tls(authority, behave, outcome, words):
    """A port that does not speak TLS is told from one whose certificate is bad."""
    async with serving(behave) as served:
        probe = await http.ask(secure(served.port), ["127.0.0.1"], 0.5, trust=authority.trust)
        await served.alone()
    assert (probe.outcome, probe.answer) == (outcome, words)


async def test_hangs_over_tls(authority):
    """A server that stops speaking amid TLS is let go of in time, without waiting for its farewell."""
    tls = authority.server()
    started = asyncio.get_running_loop().time()
    async with serving(begins(OK + b"Content-Length: 9\r\n\r\n"), tls) as served:
        probe = await http.ask(secure(served.port), ["127.0.0.1"], 0.5, trust=authority.trust)
        await served.alone()
    assert probe.outcome == "timeout"
    assert asyncio.get_running_loop().time() - started < 1

"""The heads of requests: any header may hold anything, and neither breaks an answer nor holds up the others."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import strategies as st

from tests.security.fuzz.fuzzing import feed, feed_long
from tests.security.test_gate import House

SECONDS = 3.0
"""What one request may take, on the busiest machine: what takes the square of a header's length takes longer."""
LONG = 30_000
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "health.v1.json",
    "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
}
WRITE = {"Content-Type": "application/json", "X-Huph-Monitor": "1", "Content-Length": "2"}
DOORS = {
    "asset": ("GET", "/favicon.svg", {}),
    "page": ("GET", "/", {}),
    "document": ("GET", "/api/v1/health/full", {}),
    "metrics": ("GET", "/metrics", {}),
    "socket": ("GET", "/api/v1/stream", UPGRADE),
    "events": ("GET", "/api/v1/events", {}),
    "ticket": ("POST", "/api/v1/stream-ticket", WRITE),
    "setting": ("PATCH", "/api/v1/settings/x", {**WRITE, "If-Match": '"1"'}),
    "nowhere": ("GET", "/api/v1/nowhere", {}),
}
ORDINARY = {
    **UPGRADE,
    **{name: value for name, value in WRITE.items() if name != "Content-Length"},
    "Accept": "text/html",
    "Accept-Encoding": "gzip",
    "Accept-Language": "en;q=0.5",
    "Authorization": "Bearer x",
    "Content-Encoding": "gzip",
    "Cookie": "next-auth.session-token=x",
    "Expect": "100-continue",
    "Forwarded": "for=127.0.0.1",
    "Host": "127.0.0.1",
    "If-Match": '"1"',
    "If-None-Match": 'W/"1"',
    "Last-Event-ID": "1:1",
    "Origin": "http://127.0.0.1",
    "Range": "bytes=0-1",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "a browser",
    "X-Forwarded-For": "127.0.0.1",
}
FILLERS = (" ", '"', ",", ";", "=", "\\", "(", "a,", ";a=b", ", ", "://", "9", "\xff", '"a",')


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server in a thread of its own: who knocks waits for it, and it for nobody."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> House:
        house = House(tmp_path_factory.mktemp("house"))
        house.url = await house.server.start()
        return house

    house = asyncio.run_coroutine_threadsafe(start(), loop).result()
    yield house
    asyncio.run_coroutine_threadsafe(house.server.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def asked(house: House, door: str, headers: Mapping[str, str], *, known: bool = True) -> str:
    """Ask, with these headers in place of the ordinary ones; give the answer, of a stream its head."""
    method, path, own = DOORS[door]
    where = urlsplit(house.url)
    shown = house.shown["admin token"] if known else {}
    head = {"Host": where.netloc, "Origin": house.url.rstrip("/"), **shown, **own, **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    body = "{}" if "Content-Length" in own else ""
    answer = b""
    with (
        socket.create_connection((where.hostname, where.port), timeout=SECONDS) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall("\r\n".join(lines).encode("latin-1") + body.encode())
        while len(answer) < _length(answer) and (more := connection.recv(65_536)):
            answer = (answer + more).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    return answer.decode("latin-1")


def _length(answer: bytes) -> float:
    """Say how long it will be: as long as it says, and a stream no longer than its head."""
    head, end, _ = answer.partition(b"\r\n\r\n")
    told = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return float("inf") if not end else len(head) + 4 + (int(told[1]) if told else 0)


def fair(answer: str) -> None:
    """No answer is a mistake of ours, and each refusal is one of our own, with a code; a library's would be text."""
    assert answer.startswith("HTTP/1.")
    assert not answer.startswith("HTTP/1.1 500"), answer
    head, _, body = answer.partition("\r\n\r\n")
    if head.startswith("HTTP/1.1 4") and "Content-Type: text/html" not in head:
        assert json.loads(body)["error"]["code"]
        assert "hdr: " not in body


READERS = {
    "Accept": ("metrics",),
    "Accept-Encoding": ("asset",),
    "Accept-Language": ("page",),
    "Content-Type": ("ticket",),
    "Expect": ("ticket", "nowhere"),
    "If-Match": ("setting",),
    "Last-Event-ID": ("events",),
    "Origin": ("ticket", "socket"),
    "X-Huph-Monitor": ("ticket",),
}
"""Where what a header says is looked at, if it is not everywhere."""


def pairs(*, every: bool) -> Iterator[tuple[str, str]]:
    for name in ORDINARY:
        usual = ("socket",) if name in UPGRADE else ("document",)
        for door in DOORS if every else READERS.get(name, usual):
            yield name, door


def long(house: House, name: str, door: str) -> None:
    for filler in FILLERS:
        filled = (filler * LONG)[:LONG]
        for value in (f"{filled}x", f"{ORDINARY[name]}{filled}x"):
            fair(asked(house, door, {name: value}))


def odd(house: House, name: str, door: str) -> None:
    for value in ODD:
        for known in (True, False):
            fair(asked(house, door, {name: value}, known=known))


ODD = (
    *(
        "",
        "x",
        "*",
        "null",
        "[",
        "]",
        "[zz]",
        "a]b",
        "http://[",
        "\xff",
        "\xe9\xff",
        "1" * 5000,
        "-1",
        "nan",
        '"',
        '""',
    ),
    *("<b>hi", "\x7f", "a\tb", "a:99999", "user@host", "::1%eth0", "Bearer", "Bearer \xff", "Basic eDp5", "gzip;q=x"),
    *("permessage-deflate; server_max_window_bits=" + bits for bits in ("9" * 5000, "8", "99", "")),
    *("8", "chunked", "keep-alive, Upgrade", "close", "h2c", "1:", ":", "en;q=nan,id;q=inf", "\xe2\x80\xa8"),
    "next-auth.session-token.0=\xff;next-auth.session-token.1=x",
)
LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
VALUES = st.sampled_from([*ODD, *ORDINARY.values()]) | LATIN
HEADS = st.tuples(
    st.sampled_from(sorted(DOORS)),
    st.dictionaries(st.sampled_from(sorted(ORDINARY)), VALUES, min_size=1, max_size=4),
    st.booleans(),
)


CHECKS = pytest.mark.parametrize("check", [long, odd])


@CHECKS
def test_where_it_is_read(house, check):
    """No header breaks an answer where it is looked at, and of none the length squared is to be paid."""
    for name, door in pairs(every=False):
        check(house, name, door)


@pytest.mark.prove
@CHECKS
def test_everywhere(house, check):
    """Nor does it anywhere else."""
    for name, door in pairs(every=True):
        check(house, name, door)


def test_short(house):
    """Whatever stands in several headers is answered, or refused in words of our own."""
    feed(lambda head: fair(asked(house, head[0], head[1], known=head[2])), HEADS, 300)


@pytest.mark.prove
def test_for_a_minute(house):
    """So it is for a minute."""
    print(f"{feed_long(lambda head: fair(asked(house, head[0], head[1], known=head[2])), HEADS):,} values")

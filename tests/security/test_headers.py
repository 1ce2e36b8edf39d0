"""What every answer tells a browser, and which files there are at all: seen on the wire, byte for byte."""

from __future__ import annotations

import asyncio
import re
from email.parser import BytesParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from monitor import config
from monitor.access.gate import Gate
from monitor.access.rules import Rules
from monitor.errors import ConfigError
from monitor.outputs.security import headers
from monitor.outputs.server import Server
from tests.outputs import whole
from tests.outputs.conftest import EVERYTHING

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
    "trusted-types": "'none'",
    "require-trusted-types-for": "'script'",
}
EVERY = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "huph-monitor",
    "X-Content-Type-Options": "nosniff",
}
GET = "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
WEBSOCKET = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
JSON, NEVER = "application/json", "no-store"
Answer = tuple[int, dict[str, str], bytes]


async def raw(url: str, head: str, *, whole_body: bool = True) -> Answer:
    """Say this to the server as it stands; give status, headers and body of the answer."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(head.encode("latin-1"))
        async with asyncio.timeout(5):
            answered = await reader.readuntil(b"\r\n\r\n")
            body = await reader.read() if whole_body else b""
    finally:
        writer.transport.abort()
    line, _, rest = answered.partition(b"\r\n")
    found = BytesParser().parsebytes(rest)
    assert len(found.keys()) == len({name.lower() for name in found}), "a header comes twice"
    return int(line.split()[1]), dict(found.items()), body


async def ask(url: str, path: str, more: str = "", *, method: str = "GET", stays: bool = False) -> Answer:
    parts = urlsplit(url)
    head = GET.format(path=path, host=parts.netloc, more=more).replace("GET", method, 1)
    if stays:
        head = head.replace("Connection: close\r\n", "", 1)
    return await raw(url, head, whole_body=not stays)


# kind: (path, further headers, method, whether it stays open, status, type, how long it may be kept)
KINDS = {
    "session": ("/hm/api/v1/session", "", "GET", False, 200, JSON, NEVER),
    "ticket, as a form": ("/hm/api/v1/stream-ticket", "", "POST", False, 415, JSON, NEVER),
    "page": ("/hm/", "", "GET", False, 200, "text/html; charset=utf-8", NEVER),
    "hashed asset": ("/hm/assets/app-1.js", "", "GET", False, 200, "*", "public, max-age=31536000, immutable"),
    "asset": ("/hm/icon.svg", "", "GET", False, 200, "image/svg+xml", "no-cache"),
    "asset, head": ("/hm/icon.svg", "", "HEAD", False, 200, "image/svg+xml", "no-cache"),
    "short": ("/hm/api/v1/health", "", "GET", False, 200, JSON, NEVER),
    "whole": ("/hm/api/v1/health/full", "", "GET", False, 200, JSON, NEVER),
    "unchanged": ("/hm/api/v1/health/full", "If-None-Match: *\r\n", "GET", False, 304, None, NEVER),
    "settings": ("/hm/api/v1/settings", "", "GET", False, 200, JSON, NEVER),
    "services": ("/hm/api/v1/services", "", "GET", False, 200, JSON, NEVER),
    "cron": ("/hm/api/v1/cron", "", "GET", False, 200, JSON, NEVER),
    "openapi": ("/hm/api/v1/openapi.json", "", "GET", False, 200, JSON, NEVER),
    "asyncapi": ("/hm/api/v1/asyncapi.json", "", "GET", False, 200, JSON, NEVER),
    "live": ("/hm/livez", "", "GET", False, 200, JSON, NEVER),
    "metrics": ("/hm/metrics", "", "GET", False, 200, "*", NEVER),
    "no such check": ("/hm/api/v1/checks/none", "", "GET", False, 404, JSON, NEVER),
    "no such file": ("/hm/none", "", "GET", False, 404, JSON, NEVER),
    "outside the base": ("/none", "", "GET", False, 404, JSON, NEVER),
    "other method": ("/hm/api/v1/health", "", "DELETE", False, 405, JSON, NEVER),
    "to the base": ("/hm", "", "GET", False, 308, "*", NEVER),
    "bad question": ("/hm/api/v1/health?fail_on=x", "", "GET", False, 400, JSON, NEVER),
    "no WebSocket": ("/hm/api/v1/stream", "", "GET", False, 400, JSON, NEVER),
    "foreign page": ("/hm/api/v1/events", "Origin: https://evil.example\r\n", "GET", False, 403, JSON, NEVER),
    "events": ("/hm/api/v1/events", "", "GET", True, 200, "text/event-stream", NEVER),
    "stream": ("/hm/api/v1/stream", WEBSOCKET, "GET", True, 101, None, NEVER),
    "stream, wrong word": (
        "/hm/api/v1/stream", f"{WEBSOCKET}Sec-WebSocket-Protocol: other\r\n", "GET", False, 400, JSON, NEVER,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind(show, kind):
    """Every kind of answer carries the whole set, once, and says how long it may be kept."""
    path, more, method, stays, status, content_type, kept = KINDS[kind]
    window = await show("/hm/")
    if kind == "stream, wrong word":
        more = more.replace("Connection: Upgrade", "Connection: close, Upgrade")
    got, found, _ = await ask(window.url, path, more, method=method, stays=stays)
    assert got == status
    assert {name: found.get(name) for name in EVERY} == EVERY
    assert found["Cache-Control"] == kept
    assert content_type == "*" or found.get("Content-Type") == content_type
    assert "Python" not in repr(found)
    assert "aiohttp" not in repr(found)


async def test_foreign_host(show):
    """Who asks under a foreign name is answered alike."""
    window = await show()
    status, found, _ = await raw(window.url, "GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert (status, {name: found.get(name) for name in EVERY}) == (421, EVERY)
    assert found["Cache-Control"] == NEVER


async def test_own_mistake(stage):
    """So is who meets a mistake of ours."""
    del stage.hub._document["checks"]["db"]
    status, found, body = await ask(stage.url, "/api/v1/health")
    assert (status, {name: found.get(name) for name in EVERY}) == (500, EVERY)
    assert b"KeyError" not in body


def test_devices():
    """The page asks for no device, and for nothing that a browser gives only when asked."""
    policy = headers()["Permissions-Policy"]
    assert all(re.fullmatch(r"[a-z-]+=\(\)", one) for one in policy.split(", "))
    assert {"camera=()", "microphone=()", "geolocation=()", "usb=()", "payment=()"} <= set(policy.split(", "))


def test_framed():
    """Pages that may frame it are named one by one; nothing else about the policy changes."""
    framed = headers(frame_ancestors=["https://admin.example", "http://127.0.0.1:3000"])
    changed = {**POLICY, "frame-ancestors": "https://admin.example http://127.0.0.1:3000"}
    assert framed["Content-Security-Policy"] == "; ".join(f"{name} {value}" for name, value in changed.items())
    assert {**framed, "Content-Security-Policy": ""} == {**headers(), "Content-Security-Policy": ""}


def test_origins():
    """Behind a proxy the stream may be opened under each name of the page, also where 'self' means no WebSocket."""
    policy = headers(origins=["https://admin.example", "http://[::1]:8080"])["Content-Security-Policy"]
    assert "; connect-src 'self' wss://admin.example ws://[::1]:8080; " in policy


NO_ORIGINS = [
    "", "*", "'unsafe-inline'", "https:", "https://", "admin.example", "https://admin.example/", "https://A.example",
    "https://admin.example/path", "https://a.example https://b.example", "https://a.example; script-src *",
    "https://a.example;script-src", "https://a.example,b", "https://a.example\r\nSet-Cookie: a=b", "https://*.example",
    "https://u:p@a.example", "javascript:alert(1)", "data:", "null", "https://a.example:0", "https://a.example:",
]  # fmt: skip


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_no_origin(origin):
    """What is no origin is refused: with a space or a semicolon it would write a policy of its own."""
    for key in ("origins", "frame_ancestors"):
        with pytest.raises(ValueError, match="is no origin; give one such as"):
            headers(**{key: [origin]})


@pytest.mark.parametrize("origin", [*NO_ORIGINS, "https://a.example:443", "http://a.example:80", "http://a:65536"])
@pytest.mark.parametrize("key", ["access.origins", "http.frame_ancestors"])
def test_configured(key, origin):
    """It is told as a mistake of the configuration, before anything listens."""
    section, _, name = key.partition(".")
    with pytest.raises(ConfigError) as caught:
        config.load(None, EVERYTHING, {section: {name: ["https://good.example", origin]}})
    [mistake] = caught.value.mistakes
    assert mistake.startswith(f"{key} is {origin!r}: write it as a browser does")


def test_well_configured():
    """Origins as browsers write them are taken, with an unusual port, and as addresses."""
    told = ["https://admin.example", "http://127.0.0.1:3000", "http://[::1]:8787", "https://xn--bcher-kva.example:8443"]
    loaded = config.load(None, EVERYTHING, {"access": {"origins": told}, "http": {"frame_ancestors": told}})
    assert loaded.access.origins == loaded.http.frame_ancestors == tuple(told)
    assert headers(origins=loaded.access.origins, frame_ancestors=loaded.http.frame_ancestors)


async def test_given(web_folder, raise_stage):
    """A server that is told of both says both."""
    stage = await raise_stage()
    gate = Gate(Rules(open=True, origins=("https://admin.example",)))
    server = Server(
        hub=stage.hub, read_series=whole.SERIES.get, clock=stage.clock, gate=gate, host="127.0.0.1", port=0,
        base_path="/", web_folder=web_folder, frame_ancestors=["https://portal.example"],
    )  # fmt: skip
    url = await server.start()
    try:
        _, found, _ = await ask(url, "/")
    finally:
        await server.stop()
    assert "connect-src 'self' wss://admin.example;" in found["Content-Security-Policy"]
    assert "frame-ancestors https://portal.example;" in found["Content-Security-Policy"]


# What was built.

WEB = Path(__file__).resolve().parents[2] / "monitor" / "_web"


def test_built_page():
    """The built page has no script, style or handler in its own text, and makes no HTML of any."""
    pages = sorted(WEB.glob("*.html"))
    assert WEB / "index.html" in pages
    for file in pages:
        page = file.read_text(encoding="utf-8")
        scripts = re.findall(r"<script([^>]*)>([^<]*)</script>", page)
        assert all("src=" in attributes or 'type="application/json"' in attributes for attributes, _ in scripts), file
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page), file
    built = "".join(file.read_text(encoding="utf-8") for file in (WEB / "assets").glob("*.js"))
    assert not re.search(r"createPolicy|\.innerHTML\s*=[^=]|insertAdjacentHTML|document\.write", built)
    assert not re.search(r"\beval\(|new Function\(|setAttribute\([`\"']style", built)


# Static files: a fixed list in memory.

LAID = {"", "assets/app-1.js", "icon.svg"}
SPELLINGS = [
    "../.secret", "assets/../.secret", "assets/../../web/.secret", "./.secret", ".secret", "/.secret", "//.secret",
    "%2e%2e/.secret", "%2e%2e%2f.secret", "..%2f.secret", "..%5c.secret", "..\\.secret", "assets\\app-1.js",
    "%2esecret", "%2Esecret", "%252esecret", "%25%32%65secret", "..%c0%af.secret", "..%ef%bc%8f.secret",
    "%c0%ae%c0%ae/.secret", "....//.secret", "..;/.secret", ".;/.secret", "assets/%2e%2e/.secret", "assets/..",
    "assets/.", "assets/./app-1.js%00.txt", ".secret%00.svg", "icon.svg%00", "icon.svg/", "icon.svg/.", "icon.svg/..",
    "ICON.SVG", "icon.svg%20", "icon.svg.", "icon.svg::$DATA", "assets", "assets/", "assets//app-1.js", "linked.txt",
    "linked/passwd", "etc/passwd", "//etc/passwd", "file:///etc/passwd", "index.html", "index.html%20", "web/icon.svg",
    "%2e%2e/%2e%2e/%2e%2e/etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "~root/.profile", "assets/app-1.js.map",
    "assets/app-1.js~", ".git/config", ".env", "%uff0e%uff0e/.secret", "..%u2215.secret", "_web/icon.svg",
]  # fmt: skip


@pytest.fixture
async def furnished(show, web_folder, tmp_path):
    """A page whose folder has what is not to be served: a hidden file, links to outside of it."""
    (tmp_path / "passwd").write_text("root:x", encoding="utf-8")
    return await show()


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_spelling(furnished, spelling):
    """No spelling of a path leads to anything but a file of the built page under its own name."""
    status, found, body = await ask(furnished.url, f"/{spelling}")
    assert status in {400, 404}, body
    assert b"no\n" not in body
    assert body != b"no"
    assert b"root:" not in body
    assert status == 400 or found["Content-Type"] == JSON


async def test_absolute(furnished):
    """The absolute form of a request (RFC 9112, 3.2.2) is one of ours, or no answer of ours at all."""
    for target in ("file:///etc/passwd", "http://evil.example/", f"{furnished.url}.secret"):
        status, _, body = await ask(furnished.url, target)
        assert status in {400, 404, 421}
        assert b"root:" not in body


async def test_links(web_folder, tmp_path, raise_stage):
    """A link within the folder that leads out of it is not followed: only what was built is there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "passwd").write_text("root:x", encoding="utf-8")
    (web_folder / "linked.txt").symlink_to(outside / "passwd")
    (web_folder / "linked").symlink_to(outside)
    (web_folder / "dangling.txt").symlink_to(outside / "none")
    (web_folder / ".well").mkdir()
    (web_folder / ".well" / "known.txt").write_text("no", encoding="utf-8")
    stage = await raise_stage()
    for path in ("linked.txt", "linked/passwd", "dangling.txt", ".well/known.txt"):
        status, _, body = await ask(stage.url, f"/{path}")
        assert (status, b"root:" in body) == (404, False), path


def test_linked(web_folder):
    """A page whose own parts are links would be blank: it is told at the start instead, with the mend."""
    from monitor.errors import MonitorError
    from monitor.outputs.hub import Hub
    from monitor.outputs.page import Page
    from tests.fakes import FakeClock

    index = web_folder / "index.html"
    index.write_text(index.read_text() + '<script src="./assets/app-1.js"></script>', encoding="utf-8")
    hub = Hub({"position": {"epoch": 1, "seq": 0}}, dict, FakeClock())
    Page(hub, web_folder)
    file = web_folder / "assets" / "app-1.js"
    file.rename(web_folder / "elsewhere.js")
    file.symlink_to(web_folder / "elsewhere.js")
    with pytest.raises(MonitorError, match=r"lacks assets/app-1.js; install the package again, with its files copied"):
        Page(hub, web_folder)


async def test_later(stage, web_folder):
    """What is laid into the folder, changed or removed afterwards is of no consequence: the files are in memory."""
    _, _, before = await ask(stage.url, "/icon.svg")
    (web_folder / "new.js").write_text("alert(1)", encoding="utf-8")
    (web_folder / "icon.svg").write_text("<svg onload=alert(1)/>", encoding="utf-8")
    assert (await ask(stage.url, "/new.js"))[0] == 404
    assert (await ask(stage.url, "/icon.svg"))[2] == before
    (web_folder / "icon.svg").unlink()
    assert (await ask(stage.url, "/icon.svg"))[2] == before


@pytest.mark.parametrize(
    "asked", ["bytes=0-1", "bytes=-1", "bytes=0-", "bytes=0-0,1-1", "bytes=9-1", "x", "bytes=" + "0-," * 500]
)
async def test_range(stage, asked):
    """A part of a file is not given: who asks for one gets all of it (RFC 9110, 14.2), however many it asks for."""
    for path in ("/icon.svg", "/"):
        status, found, body = await ask(stage.url, path, f"Range: {asked}\r\n")
        _, _, whole_body = await ask(stage.url, path)
        assert (status, body) == (200, whole_body)
        assert "Content-Range" not in found


@pytest.mark.parametrize("path", ["/", "/icon.svg", "/assets/app-1.js", "/none"])
async def test_head(stage, path):
    """HEAD says what GET would, its length too, and brings nothing."""
    status, found, body = await ask(stage.url, path, method="HEAD")
    got_status, got, got_body = await ask(stage.url, path)
    assert (status, body) == (got_status, b"")
    volatile = {"Date"}
    assert {k: v for k, v in found.items() if k not in volatile} == {k: v for k, v in got.items() if k not in volatile}
    assert int(found["Content-Length"]) == len(got_body)


@pytest.mark.parametrize(
    "coding",
    [
        "gzip;q=0",
        "identity",
        "gzip;q=0, identity",
        "*;q=0",
        "br",
        "",
        "x-gzipped",
        "GZIP",
        "br;q=1, gzip;q=0.001",
        "gzip ; q=0.000",
        "gzip;q=1.0,*;q=0",
    ],
)
async def test_coding(stage, coding):
    """Who does not take it packed does not get it so (RFC 9110, 12.5.3)."""
    _, found, body = await ask(stage.url, "/assets/app-1.js", f"Accept-Encoding: {coding}\r\n")
    packed = coding in {"GZIP", "br;q=1, gzip;q=0.001", "gzip;q=1.0,*;q=0"}
    assert found.get("Content-Encoding") == ("gzip" if packed else None)
    assert body.startswith(b"\x1f\x8b") == packed

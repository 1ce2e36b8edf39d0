"""The page: the document is in the first answer and cannot break out of it, and files are kept as long as they may."""

from __future__ import annotations

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from yarl import URL

from monitor.domain.signal import Event, Sample, Trouble
from monitor.errors import MonitorError
from monitor.outputs.hub import Hub
from monitor.outputs.page import Page
from monitor.outputs.security import SECURITY
from tests.fakes import FakeClock

HOSTILE = "</script><script>alert(1)</script><!--<script>\u2028&amp;{}'\""


class Scripts(HTMLParser):
    """Reads the page as a browser does: what stands in each script element."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._open = True
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._open:
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)


async def test_document(stage):
    """The page that is served holds the document of this very moment."""
    stage.observe()
    stage.clock.advance(3)
    async with stage.http.get(stage.url) as response:
        page = Scripts()
        page.feed(await response.text())
        assert (response.status, response.content_type, response.charset) == (200, "text/html", "utf-8")
        assert response.headers["Cache-Control"] == "no-store"
    (attributes, text), _ = page.scripts
    assert attributes == {"type": "application/json", "id": "document"}
    _, served = await stage.get("api/v1/health/full")
    assert json.loads(text) == served


@pytest.mark.parametrize(
    "part",
    [
        {"checks": {"triggers": {"reason": "triggers.missing"}}},
        {"services": {"api": {"verdict": "ok", "also": {"triggers.missing": {"verdict": "warn"}}}}},
        {"cron": {"jobs": {"sweep": {"reason": "triggers.missing"}}}},
    ],
    ids=["reason", "beside", "deep"],
)
async def test_advice(show, part):
    """Beside the document stands what to do about the reasons that hold now, in both languages, and about no other."""
    nothing = dict.fromkeys(("checks", "services", "cron", "settings", "monitor"))
    window = await show(**{**nothing, **part, "transitions": {"1": {"reason": "unknown.starting"}}})
    async with window.http.get(window.url) as response:
        page = Scripts()
        page.feed(await response.text())
    _, (attributes, text) = page.scripts
    assert attributes == {"type": "application/json", "id": "advice"}
    told = json.loads(text)
    assert set(told) == {"id", "en"}
    for language, book in told.items():
        _, whole = await window.get(f"api/v1/runbook/{language}")
        assert list(book["entries"]) == ["triggers.missing"]
        assert book == {**whole, "entries": {"triggers.missing": whole["entries"]["triggers.missing"]}}


async def test_hostile(stage):
    """Words from the platform cannot end the element that they stand in."""
    trouble = Trouble("triggers", "Catalogue", "permission", {"object": HOSTILE, "right": "SELECT"})
    stage.tell(Sample(stage.clock.now(), trouble), Event(stage.clock.now(), "messages", {"a": HOSTILE}))
    async with stage.http.get(stage.url) as response:
        text = await response.text()
    assert text.count("<script") == text.count("</script") == 2
    assert "<!--" not in text
    page = Scripts()
    page.feed(text)
    (_, inner), _ = page.scripts
    assert json.loads(inner)["checks"]["triggers"]["params"]["object"] == HOSTILE
    assert text.endswith("<p>{}</p>\n"), "only the slot is filled"


@pytest.mark.parametrize("path", ["", "assets/app-1.js", "api/v1/health", "none", "livez"])
async def test_headers(stage, path):
    """Every answer says what a browser may do with it: run only our own files, guess no types, be in no frame."""
    async with stage.http.get(stage.url + path) as response:
        for name, value in SECURITY.items():
            assert response.headers[name] == value
        assert response.headers["Server"] == "huph-monitor"
    policy = dict(part.strip().split(" ", 1) for part in SECURITY["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in SECURITY["Content-Security-Policy"]


@pytest.mark.parametrize("packed", [True, False])
async def test_asset(stage, web_folder, packed):
    """A file comes packed to who takes it so, and is what the build made."""
    headers = {"Accept-Encoding": "gzip, br" if packed else "identity"}
    async with stage.http.get(stage.url + "assets/app-1.js", headers=headers, auto_decompress=False) as response:
        body = await response.read()
        assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
        assert re.fullmatch(r"(text|application)/javascript", response.content_type)
        assert response.headers["Vary"] == "Accept-Encoding"
    plain = (web_folder / "assets" / "app-1.js").read_bytes()
    assert (gzip.decompress(body) if packed else body) == plain
    assert not packed or len(body) < len(plain)


async def test_caching(stage):
    """Files with a hash in their name may be kept for ever, the others are asked for anew."""
    async with stage.http.get(stage.url + "assets/app-1.js") as response:
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    async with stage.http.get(stage.url + "icon.svg") as response:
        assert response.headers["Cache-Control"] == "no-cache"
        assert response.content_type == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "none",
        "index.html",
        ".secret",
        "assets",
        "assets/",
        "assets/none.js",
        "assets/../.secret",
        "..%2f..%2fmonitor.toml",
        "%2e%2e/x",
        "%00",
        "%ff",
        "api/v1/none",
        "api/v1/",
        "//",
    ],
)
async def test_no_such_file(stage, path):
    """Nothing but the built files is served; the rest is a 404 in JSON."""
    async with stage.http.get(URL(stage.url + path, encoded=True)) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "not_found"


def test_not_built(tmp_path: Path):
    """Without a built page, or with one that has no place for the document, the daemon says how to get one."""
    hub = Hub({"position": {"epoch": 1, "seq": 0}}, dict, FakeClock())
    with pytest.raises(MonitorError, match="has not been built"):
        Page(hub, tmp_path)
    (tmp_path / "index.html").write_text("<p>", encoding="utf-8")
    with pytest.raises(MonitorError, match="no place for the document"):
        Page(hub, tmp_path)

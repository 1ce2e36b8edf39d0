"""What the terminal says is what the page says, and nothing of the platform is obeyed by the terminal."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.terminal import texts

CATALOGUE = json.loads((Path(__file__).parents[2] / "web/src/i18n/reasons.json").read_text(encoding="utf-8"))
ZONE = ZoneInfo("Asia/Jakarta")
NOW = datetime.fromisoformat("2026-05-28T20:26:40+00:00")
EARLY = "2026-05-28T19:00:00.000Z"


def said(code: str, since: str | None = None, /, **params: object) -> str:
    return texts.sentence({"reason": code, "params": params}, NOW, ZONE, since)


@pytest.mark.parametrize("code", CATALOGUE)
def test_sentences(code):
    """Every reason has its sentence, with nothing left open in it, whatever the daemon has brought along."""
    for told in (said(code), said(code, EARLY, **dict.fromkeys(re.findall(r"\{(\w+)\}", CATALOGUE[code]["en"]), "x"))):
        assert told
        assert not re.search(r"[{}]", told)


def test_filled():
    """Numbers, words, moments and what grows by the clock are written as on the page."""
    assert said("db.elevated", latency_ms=1060.5, limit_ms=50).startswith("The database answers in 1,060.5 ms")
    assert "one of its processes crashed" in said("db.restarted", at=EARLY, cause="crash", outage_s=3)
    assert "02:00 WIB" in said("db.restarted", at=EARLY, cause="crash", outage_s=3)
    assert "27 May 2026" in said("db.restarted", at="2026-05-27T12:00:00Z", cause="crash", outage_s=3)
    growing = next(code for code, told in CATALOGUE.items() if "{elapsed_s}" in told["en"])
    assert "5,200" in said(growing, since=EARLY)


def test_unlisted():
    """A reason of a newer daemon is told by its code and its values."""
    assert said("db.haunted", ghosts=3, name="Sari\x1b[2J") == "db.haunted (ghosts=3, name=Sari␛[2J)"
    assert texts.sentence({}, NOW, ZONE) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", "␛]0;owned␇"),
        ("a\nb\r", "a␊b␍"),
        ("\x9b2J\x7f", "␡2J␡"),
        ("\u202eevil", "␡evil"),
        ("é" * 300, "é" * 200 + "…"),
    ],
)
def test_quoted(text, shown):
    """Control characters of a platform's text are shown, not obeyed; a long one is cut."""
    assert texts.quoted(text) == shown


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("2026-05-28T20:26:40Z", "0 s"),
        ("2026-05-28T20:25:41Z", "59 s"),
        ("2026-05-28T20:25:40Z", "1 min"),
        ("2026-05-28T19:26:41Z", "59 min"),
        ("2026-05-27T20:26:41Z", "23 h"),
        ("2026-05-20T20:26:40Z", "8 d"),
        ("2026-05-28T20:27:40Z", "0 s"),
        (None, "-"),
        ("soon", "-"),
        ("2026-05-28T20:26:40", "-"),
    ],
)
def test_ago(since, told):
    """An age is told in its largest unit; what is no moment has none."""
    assert texts.ago(since, NOW) == told


def test_zone():
    """The platform's clock is used where this machine knows its zone, else UTC."""
    assert texts.zone_of({"zone": "Asia/Jakarta"}) == ZONE
    assert [texts.zone_of(one).key for one in ({}, {"zone": "Mars/Base"}, {"zone": "../x"})] == ["UTC"] * 3


def test_packed():
    """The files that are packed into the wheel are those that are read."""
    hook = (Path(__file__).parents[2] / "hatch_build.py").read_text(encoding="utf-8")
    packed = re.search(r"^TEXTS = \((.+)\)$", hook, re.MULTILINE)
    read = re.findall(r'_texts\("([a-z.]+)"\)', Path(texts.__file__).read_text(encoding="utf-8"))
    assert packed is not None
    assert set(re.findall(r'"([^"]+)"', packed[1])) == set(read)

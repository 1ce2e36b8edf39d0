"""The wire: the form of every message, and the document with the age of its evidence."""

from __future__ import annotations

import json

import pytest

from monitor import __version__
from monitor.domain.change import Change
from monitor.outputs import wire

DOCUMENT = {
    "position": {"epoch": 7, "seq": 3},
    "as_of": "old",
    "checks": {"db": {"verdict": "ok", "observed_at": "old"}, "realtime": {"verdict": "unknown"}},
}
WALL = 1_780_000_000.1234
TIME = "2026-05-28T20:26:40.123Z"


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            wire.hello((7, 3), resumed=False).body,
            {
                "type": "hello",
                "proto": "health.v1",
                "epoch": 7,
                "seq": 3,
                "heartbeat": 3,
                "resumed": False,
                "features": ["resume", "merge", "bookmark"],
                "version": __version__,
            },
        ),
        (
            wire.snapshot(DOCUMENT, "gap").body,
            {"type": "snapshot", "epoch": 7, "seq": 3, "reason": "gap", "data": DOCUMENT},
        ),
        (
            wire.diff(7, 3, Change(7, 4, WALL, {}, DOCUMENT), {"status": "healthy", "gone": None}).body,
            {"type": "diff", "seq": 4, "ts": TIME, "patch": {"status": "healthy", "gone": None}},
        ),
        (
            wire.diff(7, 2, Change(7, 4, WALL, {}, DOCUMENT), {}).body,
            {"type": "diff", "seq": 4, "prev": 2, "ts": TIME, "patch": {}},
        ),
        (
            wire.bookmark((7, 4), {"db": "then", "services/dify": "now"}, WALL).body,
            {
                "type": "bookmark",
                "seq": 4,
                "ts": TIME,
                "as_of": TIME,
                "evidence": {"db": "then", "services/dify": "now"},
            },
        ),
        (
            wire.error("bad_message", "No.", fatal=True),
            {"type": "error", "code": "bad_message", "message": "No.", "fatal": True},
        ),
        (
            wire.error("too_many", "Less.", fatal=True, retry_after=10),
            {"type": "error", "code": "too_many", "message": "Less.", "fatal": True, "retry_after": 10},
        ),
        (wire.pong("a"), {"type": "pong", "id": "a"}),
        (wire.pong(), {"type": "pong"}),
    ],
)
def test_form(frame, message):
    """Each message has the keys that the page expects, and no others."""
    assert json.loads(frame) == message
    assert b"\n" not in frame


def test_text():
    """What is not ASCII goes as UTF-8, and what is no JSON is refused with a ValueError."""
    assert wire.encode({"nama": "é🎓"}) == '{"nama":"é🎓"}'.encode()
    assert wire.decode('{"nama":"é🎓"}') == {"nama": "é🎓"}
    for text in ("", "{", "NaN", '"\\ud800"', b"\xff"):
        with pytest.raises(ValueError):
            wire.decode(text)


def test_fresh():
    """A fresh document says how old its evidence is now, and leaves the old one as it was."""
    before = json.dumps(DOCUMENT)
    document = wire.fresh(DOCUMENT, {"db": "new", "realtime": "newer"}, WALL)
    assert document == {
        "position": {"epoch": 7, "seq": 3},
        "as_of": TIME,
        "checks": {
            "db": {"verdict": "ok", "observed_at": "new"},
            "realtime": {"verdict": "unknown", "observed_at": "newer"},
        },
    }
    assert json.dumps(DOCUMENT) == before


def test_fresh_sections():
    """Evidence finds its place in every section that has one: services by name, cron and the monitor as a whole."""
    document = {
        "position": {"epoch": 7, "seq": 3},
        "as_of": "old",
        "checks": {"db": {"verdict": "ok"}},
        "cron": {"verdict": "ok", "observed_at": "old", "jobs": {"db": {"verdict": "ok"}}},
        "services": {"dify": {"verdict": "ok", "observed_at": "old"}, "db": {"verdict": "fail"}},
        "settings": {"a.b": {"verdict": "ok"}, "db": {"verdict": "ok"}},
        "monitor": {"verdict": "ok", "version": "1"},
        "transitions": {},
    }
    before = json.dumps(document)
    evidence = {"services/dify": "new", "cron": "newer", "settings": "newest", "monitor": "now", "services/gone": "x"}
    fresh = wire.fresh(document, evidence, WALL)
    assert fresh == {
        **document,
        "as_of": TIME,
        "cron": {**document["cron"], "observed_at": "newer"},
        "services": {"dify": {"verdict": "ok", "observed_at": "new"}, "db": {"verdict": "fail"}},
        "monitor": {"verdict": "ok", "version": "1", "observed_at": "now"},
    }
    assert json.dumps(document) == before
    assert list(fresh) == list(document)


def test_fresh_without_sections():
    """What a platform does not have does not appear because evidence names it."""
    evidence = {"cron": "new", "services/dify": "new", "monitor": "new", "settings": "new", "gone": "new"}
    assert wire.fresh(DOCUMENT, evidence, WALL) == {**DOCUMENT, "as_of": TIME}

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
            wire.hello(DOCUMENT),
            {
                "type": "hello",
                "proto": "health.v1",
                "epoch": 7,
                "seq": 3,
                "heartbeat": 3,
                "resumed": False,
                "features": [],
                "version": __version__,
            },
        ),
        (
            wire.snapshot(DOCUMENT, "gap"),
            {"type": "snapshot", "epoch": 7, "seq": 3, "reason": "gap", "data": DOCUMENT},
        ),
        (
            wire.diff(Change(7, 4, WALL, {"status": "healthy", "gone": None}, DOCUMENT)),
            {"type": "diff", "seq": 4, "ts": TIME, "patch": {"status": "healthy", "gone": None}},
        ),
        (
            wire.bookmark(4, {"db": "then"}, WALL),
            {"type": "bookmark", "seq": 4, "ts": TIME, "as_of": TIME, "evidence": {"db": "then"}},
        ),
        (
            wire.error("bad_message", "No.", fatal=True),
            {"type": "error", "code": "bad_message", "message": "No.", "fatal": True},
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

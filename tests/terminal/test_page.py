"""What is on the screen: everything that matters, in words, at any size."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import pytest
from rich.console import Console

from monitor.terminal.entries import entries
from monitor.terminal.page import Cursor, Page, View, rows
from tests.outputs import whole

NOW = datetime.fromisoformat("2026-05-28T20:26:40+00:00")


def drawn(
    cursor: Cursor,
    *,
    document: Any = whole.DOCUMENT,
    size: tuple[int, int] = (120, 50),
    live: bool = True,
    trouble: str | None = None,
    encoding: str = "utf-8",
) -> list[str]:
    """Draw it without colours; give its lines."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    console = Console(file=file, width=size[0], height=size[1], color_system=None, legacy_windows=False)
    console.print(Page(View(document, NOW, 12.3, live, trouble), cursor), end="")
    file.flush()
    return file.buffer.getvalue().decode(encoding).split("\n")


def test_board():
    """The board says each verdict by a mark and a word, its figure, since when and why; and what happened last."""
    text = "\n".join(drawn(Cursor("db")))
    for told in (
        "huph  ✗ DEGRADED for 10 s",
        "ok 4  warn 2  fail 1  unknown 0",
        "live  03:26:40 WIB",
        "> ✓ OK      Database                 12.5 ms    1 h db.elevated The database answers in 60 ms",
        "✗ FAIL    Realtime                     3/3    1 h realtime.broker_not_relaying",
        "▲ WARN      follow_up",
        "? UNKNOWN   nightly_sync",
        "✗ FAIL    valkey",
        "Last transitions",
        "03:26:30 services/valkey ok → ✗ fail",
        "Enter: in full",
    ):
        assert told in text


@pytest.mark.parametrize("size", [(120, 50), (80, 24), (40, 10), (20, 4)])
@pytest.mark.parametrize("chosen", ["db", "services/valkey", "monitor"])
@pytest.mark.parametrize("opened", [False, True])
def test_sizes(size, chosen, opened):
    """It fills the screen exactly, whatever its size, and what is chosen is on it."""
    lines = drawn(Cursor(chosen, opened), size=size)
    assert len(lines) == size[1]
    assert all(len(line) <= size[0] for line in lines)
    if size[0] >= 80 and not opened:
        assert any(line.startswith(">") for line in lines)


@pytest.mark.parametrize("name", entries(whole.DOCUMENT))
def test_detail(name):
    """In full, an entry shows everything that the document holds of it, by its path."""
    text = "\n".join(drawn(Cursor(name, opened=True), size=(160, 120)))
    entry = entries(whole.DOCUMENT)[name]
    for reason in (entry.get("reason"), *entry.get("also", {})):
        assert reason is None or reason in text

    def told(value: Any) -> None:
        for key, inner in value.items():
            if isinstance(inner, dict):
                told(inner)
            elif key not in {"verdict", "value", "unit", "of", "reason"}:
                assert key in text, key
                assert not isinstance(inner, str) or "T" in inner or inner in text

    told({key: value for key, value in entry.items() if key != "also"})


def test_scroll():
    """A detail that is longer than the screen is scrolled, and no further than its end."""
    cursor = Cursor("realtime", opened=True)
    top = drawn(cursor, size=(80, 12))
    cursor.press("page_down", [])
    assert drawn(cursor, size=(80, 12))[2:] != top[2:]
    cursor.press("end", [])
    bottom = drawn(cursor, size=(80, 12))
    assert cursor.scroll < 100
    cursor.press("down", [])
    assert drawn(cursor, size=(80, 12)) == bottom
    cursor.press("home", [])
    assert drawn(cursor, size=(80, 12)) == top


def test_lost():
    """What is old says so in words, with its age and the reason."""
    lines = drawn(Cursor("db"), live=False, trouble="The server has said nothing for 8 s.")
    assert "LINK LOST, data of 12 s ago" in lines[0]
    assert "The server has said nothing for 8 s." in lines[1]


def test_waiting():
    """Before the first document it says what it waits for."""
    console = Console(file=io.StringIO(), width=80, height=5)
    console.print(Page(None, Cursor(), "Connecting ..."))
    assert "Connecting ..." in console.file.getvalue()


def test_plain_letters():
    """A terminal without the marks gets others, and the words all the same."""
    text = "\n".join(drawn(Cursor("db"), encoding="latin-1"))
    assert "x FAIL    Realtime" in text
    assert "! WARN    Feature flags" in text


def test_obeys_nothing():
    """No text of the platform reaches the terminal as a command, nor as one of the drawing's own."""
    evil = {
        "verdict": "fail",
        "reason": "x\x1b[2J",
        "params": {"error": "[red]\x1b]0;t\x07"},
        "detail": {"\x9b1": "\x1bc"},
    }
    document = {**whole.DOCUMENT, "platform": "p\x1b[H", "checks": {"db": evil, "e\x1b[A": evil}}
    for opened in (False, True):
        text = "\n".join(drawn(Cursor("db", opened), document=document))
        assert not set(text) & {"\x1b", "\x07", "\x9b"}
        assert "[red]" in text


def test_cursor():
    """Up and down stop at the ends; Enter opens what is chosen, Escape closes it; other keys do nothing."""
    names = rows(whole.DOCUMENT)
    cursor = Cursor(names[0])
    cursor.press("up", names)
    assert cursor.chosen == names[0]
    cursor.press("down", names)
    assert cursor.chosen == names[1]
    cursor.press("end", names)
    cursor.press("down", names)
    assert cursor.chosen == names[-1]
    cursor.press("open", names)
    assert cursor.opened
    cursor.press("home", names)
    cursor.press("back", names)
    assert (cursor.opened, cursor.chosen) == (False, names[-1])
    cursor.press("back", names)
    assert not cursor.opened
    Cursor().press("down", [])

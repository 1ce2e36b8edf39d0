"""The keyboard: every key a word, however its bytes come."""

from __future__ import annotations

import contextlib
import os
import termios

import pytest

from monitor.terminal.keys import Keys, single_keys


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (b"jk", ["down", "up"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA\x1bOB", ["up", "down"]),
        (b"\n\rq", ["open", "open", "quit"]),
        (b"\x1b[5~\x1b[6~", ["page_up", "page_down"]),
        (b"\x1b[1;5Ax", []),
        (b"\x1b\x1b[A", ["back", "up"]),
        ("ä€z".encode(), []),
        (b"\x1b[" + b"1" * 40 + b"j", []),
    ],
)
def test_keys(sent, keys):
    """Letters, arrows of both kinds and pages are known; what means nothing gives nothing."""
    assert Keys().feed(sent) == keys


def test_pieces():
    """A sequence may come byte by byte; a lone escape is the key once nothing more comes."""
    keys = Keys()
    assert [keys.feed(bytes([byte])) for byte in b"\x1b[A"] == [[], [], ["up"]]
    assert not keys.pending
    assert keys.feed(b"\x1b") == []
    assert keys.pending
    assert keys.flush() == ["back"]
    assert keys.flush() == []


def test_terminal():
    """The terminal is as it was, also when something fails in between; meanwhile keys come unseen and one by one."""
    main, sub = os.openpty()
    try:
        before = termios.tcgetattr(sub)
        with contextlib.suppress(LookupError), single_keys(sub):
            flags = termios.tcgetattr(sub)[3]
            raise LookupError
        assert not flags & (termios.ICANON | termios.ECHO)
        assert flags & termios.ISIG
        assert termios.tcgetattr(sub) == before
    finally:
        os.close(main)
        os.close(sub)

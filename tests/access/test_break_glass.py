"""The break-glass file: whom it lets in, and which files are believed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from monitor.access.break_glass import BreakGlass
from monitor.access.caller import Level, RefusedError

WORD = "correct-horse-battery-staple-4711"
OTHER = "another-horse-battery-staple-4711"
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "glass", WORD)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refused(glass: BreakGlass, text: str, *, loopback: bool = True) -> str:
    with pytest.raises(RefusedError) as caught:
        glass.find(text, loopback, time.time())
    return caught.value.code


def test_let_in(file):
    """Who shows the file's text on this machine may read and follow, and may not edit."""
    caller = BreakGlass(file).find(WORD, True, time.time())
    assert (caller.kind, caller.name, caller.level, caller.expires_at) == (
        "break_glass",
        "break-glass",
        Level.STREAM,
        None,
    )
    assert WORD not in repr(caller)


def test_loopback_only(file):
    """From elsewhere the right text is refused like a wrong one."""
    assert refused(BreakGlass(file), WORD, loopback=False) == refused(BreakGlass(file), OTHER) == "sign_in"


@pytest.mark.parametrize("text", ["", WORD[:-1], WORD + "x", WORD.upper(), f"{WORD}\n", "ä" * 32, "\ud800"])
def test_foreign(file, text):
    """Any other text is refused."""
    assert refused(BreakGlass(file), text) == "sign_in"


@pytest.mark.parametrize("content", [f"{WORD}\n", f"\n  {WORD}\r\n\n"])
def test_spaces(tmp_path, content):
    """What an editor adds around the text does not count."""
    glass = BreakGlass(write(tmp_path / "glass", content))
    assert glass.find(WORD, True, time.time()).kind == "break_glass"


@pytest.mark.parametrize(
    "content", ["", "\n", "x" * 31, "a b" * 20, f"{WORD}\n{OTHER}", "ä" * 40, "x" * 513, "x" * 100_000, f"{WORD}\0"]
)
def test_weak(tmp_path, content):
    """A text that is short, long, or more than one word lets nobody in, and is told without being shown."""
    glass = BreakGlass(write(tmp_path / "glass", content))
    assert refused(glass, content.strip()) == "sign_in"
    assert "must hold one word of 32 to 512 characters" in glass.trouble
    assert WORD not in glass.trouble


def test_shortest(tmp_path):
    """32 characters are enough."""
    assert BreakGlass(write(tmp_path / "glass", "x" * 32)).find("x" * 32, True, time.time())


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_open_file(file, mode):
    """A file that others may read is refused, from the moment on; closed again, it is believed."""
    glass = BreakGlass(file)
    glass.find(WORD, True, time.time())
    file.chmod(mode)
    assert refused(glass, WORD) == "sign_in"
    assert "chmod 600" in glass.trouble
    file.chmod(0o600)
    assert glass.find(WORD, True, time.time()).kind == "break_glass"
    assert glass.trouble == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_owner(file):
    """A file of another user than us and root is refused, also by root."""
    os.chown(file, NOBODY, NOBODY)
    glass = BreakGlass(file)
    assert refused(glass, WORD) == "sign_in"
    assert "belongs to another user" in glass.trouble


def test_no_ordinary_file(tmp_path, file):
    """A link, a pipe and a directory are refused, and none of them holds us up."""
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "directory").mkdir(0o700)
    for name, word in (("link", "symbolic link"), ("pipe", "no ordinary file"), ("directory", "no ordinary file")):
        glass = BreakGlass(tmp_path / name)
        assert refused(glass, WORD) == "sign_in"
        assert word in glass.trouble


def test_missing(tmp_path):
    """A file that is not there lets nobody in, and is told; it may come later."""
    glass = BreakGlass(tmp_path / "glass")
    assert refused(glass, WORD) == "sign_in"
    assert "No such file" in glass.trouble
    write(tmp_path / "glass", WORD)
    assert glass.find(WORD, True, time.time())


def test_change(file):
    """A new text counts at once, and who came with the old one may not stay."""
    glass = BreakGlass(file)
    caller = glass.find(WORD, True, time.time())
    for text, before in [(OTHER, WORD), (WORD, OTHER)] * 20:  # of the same length, and faster than a file's times tell
        file.write_text(text, encoding="utf-8")
        assert refused(glass, before) == "sign_in"
        assert glass.find(text, True, time.time())
    assert glass.standing(caller, time.time()) is None
    file.write_text(OTHER, encoding="utf-8")
    assert glass.standing(caller, time.time()).code == "revoked"
    file.unlink()
    assert glass.standing(caller, time.time()).code == "revoked"


def test_exchanged(tmp_path, file):
    """So does another file that is put in its place."""
    glass = BreakGlass(file)
    write(tmp_path / "new", OTHER).replace(file)
    assert refused(glass, WORD) == "sign_in"
    assert glass.find(OTHER, True, time.time())


def test_read_once(file):
    """A file that has not changed for a while is not read again: its word holds when files can no longer be opened."""
    glass = BreakGlass(file)
    later = time.time() + 60
    assert glass.find(WORD, True, later)
    opened = []
    try:
        while True:
            opened.append(os.open(file, os.O_RDONLY))
    except OSError:
        assert glass.find(WORD, True, later)
    finally:
        for one in opened:
            os.close(one)

"""A flag file of the platform: the listed names with their texts, and nothing else of what stands in it."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from monitor.domain.checks.feature_flags import Flags

MOST_BYTES = 1 << 18
"""Of a file of tiny lines, as much as can be read within a second; a real one has some thousand bytes."""
KEPT = 1000
"""Characters of a listed flag's text that are kept."""
NEWLINE = re.compile(r"\r\n|\n|\r")
NAME = re.compile(r"\s*(?:export[^\S\r\n]+)?'?([^=\s#']+)")
BLANKS = re.compile(r"[^\S\r\n]{65,}")
"""At each blank python-dotenv looks for a comment: a run of a million of them would take it a quarter of an hour."""
NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO}
NOT_OURS = {errno.EACCES, errno.EPERM}

Opener = Callable[[str, int], int]
State = tuple[int, ...] | str
"""What is at the path: place, size and times of a file; or "absent", "unreadable", or the name of another error."""


class FlagFile:
    """One file. Its methods may block, on a network disk for ever."""

    def __init__(self, path: str, names: Collection[str], opener: Opener = os.open) -> None:
        self.path = path
        self._names = frozenset(names)
        self._open = opener

    def state(self) -> State:
        """Say what is there; equal answers mean that nothing has changed."""
        try:
            return _state(Path(self.path).stat())
        except OSError as error:
            return _word(error)

    def read(self) -> tuple[State, Flags | None]:
        """Read the flags, with the state of the very file that they were read from; None when it cannot be had."""
        try:
            state, changed_at, data = self._data()
        except OSError as error:
            state = _word(error)
            if state == "absent":
                return state, Flags("file", self.path, "absent")
            return state, Flags("file", self.path, "unreadable") if state == "unreadable" else None
        values, lines, broken = parse(data.decode("utf-8-sig", "replace"), self._names)
        return state, Flags("file", self.path, "read", values, lines, broken, changed_at)

    def _data(self) -> tuple[State, float, bytes]:
        # Without O_NONBLOCK a pipe at the path would hold us until somebody writes into it.
        descriptor = self._open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                # A folder is what Docker makes where the file that it should mount is missing.
                raise OSError(errno.ENOENT, "no file")
            pieces: list[bytes] = []
            left = MOST_BYTES + 1
            while left and (piece := os.read(descriptor, left)):
                pieces.append(piece)
                left -= len(piece)
        finally:
            os.close(descriptor)
        if not left:
            raise OSError(errno.EFBIG, "too large")
        return _state(found), found.st_mtime, b"".join(pieces)


def _state(found: os.stat_result) -> State:
    if not stat.S_ISREG(found.st_mode):
        return "absent"
    # st_ctime tells a change of rights, and a change of the text whose author has set st_mtime back.
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _word(error: OSError) -> str:
    if error.errno in NOT_THERE:
        return "absent"
    return "unreadable" if error.errno in NOT_OURS else errno.errorcode.get(error.errno or 0, "?")


def parse(
    text: str, names: Collection[str]
) -> tuple[Mapping[str, str], Mapping[str, int], tuple[tuple[str, int], ...]]:
    """Give the texts of these names, their lines, and the lines that do not parse; of all other lines nothing."""
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    broken: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(BLANKS.sub(" ", text))):
        original = binding.original
        # A binding takes the empty lines before it along.
        line = original.line + len(NEWLINE.findall(original.string[: -len(original.string.lstrip()) or None]))
        found = NAME.match(original.string) if binding.error else None
        name = str(found[1] if found is not None else binding.key)
        if name not in names:
            name = "?"
        if name == "?" and not binding.error:
            continue
        if binding.error or binding.value is None or name in lines:
            broken.setdefault(name, line)
        else:
            values[name], lines[name] = binding.value[:KEPT], line
    for name in broken:
        values.pop(name, None)
        lines.pop(name, None)
    return values, lines, tuple(broken.items())

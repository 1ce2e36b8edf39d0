"""The token for the day on which nothing else works: the text of a file, good from this machine alone."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import stat
from pathlib import Path

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.private import flaw

NAME = "break-glass"
LEAST_CHARACTERS = 32
_TOKEN = re.compile(rb"[\x21-\x7e]{32,512}")
_MOST_BYTES = 1024
_FRESH_S = 2.0


class BreakGlass:
    """One file, looked at with each question and read when it has changed; nothing else is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._digest: bytes | None = None
        self.trouble = ""
        """What is wrong with the file, with the mend, as a sentence for its owner; empty where it can be used."""
        self._look(0)

    def find(self, text: str, loopback: bool, now: float) -> Caller:
        """Give whoever shows the file's text, over a connection from this machine (`loopback`).

        Raises `RefusedError` otherwise. From elsewhere the right text is like any other one, and is not told apart.
        """
        digest = self._look(now)
        shown = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if digest is None or not hmac.compare_digest(shown, digest) or not loopback:
            raise RefusedError("sign_in")
        return Caller("break_glass", NAME, Level.STREAM, credential=digest.hex()[:16])

    def standing(self, caller: Caller, now: float) -> RefusedError | None:
        """Say whether somebody who was let in may stay: not when the file is gone, or holds another text."""
        digest = self._look(now)
        if digest is None or digest.hex()[:16] != caller.credential:
            return RefusedError("revoked")
        return None

    def _look(self, now: float) -> bytes | None:
        try:
            status = os.lstat(self._path)
            seen = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            # A file that was written just now may be written again without a trace: its times come in coarse steps.
            if seen == self._seen and abs(now - status.st_ctime) > _FRESH_S:
                return self._digest
            self._seen, self._digest = seen, None
            # It may be exchanged between the look and the opening: what counts is what has been opened.
            self._digest = self._read()
            self.trouble = ""
        except OSError as error:
            self._forget(f"cannot be read ({error.strerror})")
        except ValueError as error:
            self._forget(str(error), self._seen)
        return self._digest

    def _forget(self, trouble: str, seen: tuple[int, ...] | None = None) -> None:
        self._seen, self._digest = seen, None
        self.trouble = f"The break-glass file {self._path} {trouble}."

    def _read(self) -> bytes:
        """Give the digest of the text. Raises OSError, or ValueError with what is wrong."""
        if self._path.is_symlink():
            raise ValueError("is a symbolic link; name the file itself")
        # Not to wait: it may be a pipe.
        opened = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(opened)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is no ordinary file")
            if wrong := flaw(status):
                raise ValueError(wrong)
            text = os.read(opened, _MOST_BYTES).strip()
        finally:
            os.close(opened)
        if not _TOKEN.fullmatch(text):
            raise ValueError(
                f"must hold one word of {LEAST_CHARACTERS} to 512 characters (ASCII), such as: openssl rand -hex 32"
            )
        return hashlib.sha256(text).digest()

"""When each token was used last: a file beside the store, of which nothing depends."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

EVERY_S = 60.0


class Uses:
    """Notes when tokens are used, once a minute each, in a thread of its own: a disk that hangs delays nobody.

    What cannot be written is lost. Two daemons on one store may each lose what the other has noted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._noted: dict[str, float] = {}
        self._unwritten: dict[str, float] = {}
        self._writing: threading.Thread | None = None

    def read(self) -> dict[str, float]:
        """Give the instants (Unix seconds) by token; nothing where there is no file, or a broken one."""
        try:
            kept = json.loads(self._path.read_bytes())
            return {name: float(at) for name, at in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def note(self, token: str, now: float) -> None:
        """Note that this token is being used."""
        noted = self._noted.get(token)
        # A clock that was set back must not keep us silent until it has caught up.
        if noted is not None and abs(now - noted) < EVERY_S:
            return
        self._noted[token] = self._unwritten[token] = now
        if self._writing is None or not self._writing.is_alive():
            news, self._unwritten = self._unwritten, {}
            self._writing = threading.Thread(target=self._write, args=(news,), name="last use of tokens", daemon=True)
            self._writing.start()

    def wait(self, timeout_s: float) -> None:
        """Wait until what is being written is written, but no longer than this."""
        if self._writing is not None:
            self._writing.join(timeout_s)

    def _write(self, news: dict[str, float]) -> None:
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            known = self.read()
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
                json.dump({**known, **news}, file)
            draft.replace(self._path)

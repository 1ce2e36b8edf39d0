"""The directory of one demo: its configuration for the daemon, its secrets, and how a command finds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.clock import SystemClock
from monitor.demo import account
from monitor.errors import MonitorError
from monitor.places import state_home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PASSWORD = "password"  # noqa: S105  the name of a file, that of PostgreSQL's
EDIT_PASSWORD = "edit-password"  # noqa: S105  likewise: of the role that edits settings
BROKER_SECRET = "broker-secret"  # noqa: S105  likewise: what signs the tokens towards the broker


class State:
    """One demo's directory, held by a lock as long as the demo runs."""

    def __init__(self, directory: Path, lock: int, *, ephemeral: bool) -> None:
        self.directory = directory
        self.ephemeral = ephemeral
        self._lock = lock

    @property
    def config(self) -> Path:
        return self.directory / "config.toml"

    @property
    def flags(self) -> Path:
        return self.directory / "huph.env"

    @property
    def tokens(self) -> Path:
        """The monitor's own tokens, in a folder that the monitor makes and keeps closed."""
        return self.directory / "access" / "tokens.db"

    def write_config(self, text: str) -> None:
        replace(self.config, text, mode=0o644)

    def announce(self, facts: dict[str, Any]) -> None:
        """Say where the demo is to be found; readable by its owner alone, since the superuser's DSN is among it."""
        replace(self.directory / "demo.json", json.dumps(facts) + "\n", mode=0o600)

    def ports(self) -> dict[str, int]:
        """Give the ports that this demo had the last time, by name: a daemon's configuration may still name them."""
        try:
            kept = json.loads((self.directory / "ports.json").read_text())
            return {name: int(port) for name, port in kept.items() if 0 < int(port) < 1 << 16}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def keep_ports(self, ports: Mapping[str, int]) -> None:
        replace(self.directory / "ports.json", json.dumps(dict(ports)) + "\n", mode=0o600)

    def secret_file(self, name: str) -> Path:
        """Give the file of one of this demo's secrets, readable by its owner alone; it is made at the first call."""
        path = self.directory / name
        with contextlib.suppress(OSError):
            if path.read_text().strip():
                return path
        replace(path, secrets.token_urlsafe(24) + "\n", mode=0o600)
        return path

    def secret(self, name: str) -> str:
        return self.secret_file(name).read_text().strip()

    def close(self) -> None:
        """Take the announcement back, and everything where it was ephemeral; only then let the next demo in."""
        (self.directory / "demo.json").unlink(missing_ok=True)
        if self.ephemeral:
            shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._lock)


def hold(directory: Path | None, *, ephemeral: bool) -> State:
    """Make and lock the directory of a demo that is about to run."""
    try:
        _remove_abandoned()
        if ephemeral:
            directory = _fresh(directory)
        else:
            directory = (directory or state_home() / "demo").absolute()
            _make(directory)
        lock = _try_lock(directory)
        for _ in range(4):
            if lock is None:
                time.sleep(0.05)  # `demo info` tries the lock too, for an instant
                lock = _try_lock(directory)
    except OSError as error:
        raise MonitorError(f"The demo cannot keep its state: {error}; name another place with --state.") from error
    if lock is None:
        raise MonitorError(f"A demo is already running in {directory}; stop it, or name another place with --state.")
    return State(directory, lock, ephemeral=ephemeral)


def running(directory: Path | None) -> dict[str, Any]:
    """Find the demo that runs: in the named directory, else the durable one, else the newest ephemeral one."""
    places = [directory.absolute()] if directory else [state_home() / "demo", *_ephemeral_directories()]
    for place in places:
        with contextlib.suppress(OSError, ValueError):
            facts = json.loads((place / "demo.json").read_text())
            if isinstance(facts, dict) and _is_held(place):  # one that was killed could not take it back
                return facts
    where = f" in {directory}" if directory else ""
    raise MonitorError(f"No demo is running{where}; start one with: huph-monitor demo")


def _fresh(directory: Path | None) -> Path:
    if directory is None:
        parent = state_home() / "ephemeral"
        _make(parent)
        made = Path(tempfile.mkdtemp(prefix="demo-", dir=parent))
        made.chmod(0o711 if account.is_root() else 0o700)
    else:
        made = directory.absolute()
        if made.exists() and any(made.iterdir()):
            raise MonitorError(f"{made} is not empty, and an ephemeral demo would remove it at its end.")
        _make(made)
    return made


def _make(directory: Path) -> None:
    """Make a directory that is ours alone; as root one that `nobody` may pass through, on the way to its PostgreSQL."""
    for each in (*reversed(directory.parents), directory):
        if not each.exists():
            each.mkdir()
            each.chmod(0o711 if account.is_root() else 0o700)


def _ephemeral_directories() -> Sequence[Path]:
    """Give them all, the newest first."""
    found = []
    for path in (state_home() / "ephemeral").glob("demo-*"):
        with contextlib.suppress(OSError):  # its demo may end in this moment
            found.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(found, reverse=True)]


def _remove_abandoned() -> None:
    """Remove what ephemeral demos have left that were killed before they could do it."""
    a_while_ago = SystemClock().now().wall - 60
    for directory in _ephemeral_directories():
        with contextlib.suppress(OSError):
            if directory.stat().st_mtime > a_while_ago:
                continue  # it may be one that is being made, and not locked yet
            lock = _try_lock(directory)
            if lock is not None:
                shutil.rmtree(directory, ignore_errors=True)
                os.close(lock)


def _is_held(directory: Path) -> bool:
    lock = _try_lock(directory)
    if lock is not None:
        os.close(lock)
    return lock is None


def _try_lock(directory: Path) -> int | None:
    # The file is closed at exec, so no child can hold the lock on after our death.
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def replace(path: Path, text: str, mode: int) -> None:
    """Write a file so that a reader finds the old text or the new one, never a half."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    draft.replace(path)

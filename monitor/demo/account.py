"""The account that PostgreSQL runs under: our own, or `nobody` where we are root, which PostgreSQL refuses."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME = "nobody"  # initdb looks its user up by number: it must be an account that /etc/passwd knows


def is_root() -> bool:
    return os.geteuid() == 0


def identity() -> Mapping[str, Any]:
    """Give what subprocess needs in order to become the account (nothing where we may stay who we are)."""
    if not is_root():
        return {}
    entry = pwd.getpwnam(NAME)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    """Give one file or directory to the account."""
    if is_root():
        entry = pwd.getpwnam(NAME)
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def environment() -> dict[str, str]:
    """Keep the caller's PG* variables out: PGDATA or PGPORT would redirect what we start."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    # In the C locale every message is English and every byte order the same, whatever the machine has installed.
    return {**kept, "LC_ALL": "C", "HOME": "/"}


def execute(command: Sequence[str | Path], timeout: float) -> str:
    """Run one program as the account to its end and give what it printed."""
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(  # noqa: S603  the programs are those that binaries.py has found
            [str(word) for word in command],
            check=False,
            cwd="/",
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            **identity(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MonitorError(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        lines = done.stdout.strip().splitlines() or ["it said nothing"]
        raise MonitorError(f"{command[0]} failed ({done.returncode}): {lines[-1]}")
    return done.stdout

"""Reads the systemd unit, for whoever holds it to what it says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "huph-monitor.service"


def settings(path: Path = UNIT) -> dict[str, list[str]]:
    """Give every setting with all the values it is given, in their order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";", "[")):
            found.setdefault(name, []).append(value)
    return found


def calls(group: str) -> Iterator[str]:
    """Give the system calls of one of systemd's groups, and of the groups within it."""
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", "--no-pager", group], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines()[1:]:
        match line.strip():
            case inner if inner.startswith("@"):
                yield from calls(inner)
            case name if name and not name.startswith("#"):
                yield name


def allowed() -> set[str]:
    """Give the system calls that the unit leaves to the daemon."""
    kept: set[str] = set()
    for value in settings()["SystemCallFilter"]:
        groups = value.removeprefix("~").split()
        named = {name for group in groups for name in calls(group)}
        kept = kept - named if value.startswith("~") else kept | named
    return kept

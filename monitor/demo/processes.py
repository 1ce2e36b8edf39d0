"""PostgreSQL's processes as the operating system sees them: who they are, how to stop them, how they end with us."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.demo import account
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PROC = Path("/proc")
ON_LINUX = sys.platform.startswith("linux")
# Loaded here: between fork and exec a child may not load libraries any more.
_LIBC = ctypes.CDLL(None) if ON_LINUX else None
_PR_SET_PDEATHSIG = 1


def ends_with_parent() -> Callable[[], None]:
    """Make what a child runs before exec so that the death of this process, even by SIGKILL, stops it in good order.

    Linux only. The kernel ties the signal to the thread that forked, so only the main thread may start such a child.
    It is set after the change of account, which would clear it (subprocess keeps that order).
    """
    parent = os.getpid()

    def before_exec() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
            if os.getppid() != parent:  # we died in between: the signal would never come
                os._exit(1)

    return before_exec


def children(parent: int) -> set[int]:
    """Give the processes that one process has started and that are still there."""
    if not ON_LINUX:
        command = ["ps", "-A", "-o", "pid=,ppid="]
        listing = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603  a constant
        pairs = (line.split() for line in listing.stdout.splitlines())
        return {int(pid) for pid, above in pairs if int(above) == parent}
    found = set()
    for pid in _all():
        with contextlib.suppress(OSError, ValueError):
            # The name in field 2 may hold spaces and brackets: what follows the last bracket is "state parent ...".
            state, above = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(above) == parent and state != "Z":
                found.add(pid)
    return found


def inhabitants(directory: Path) -> set[int]:
    """Give every process that works in one directory: PostgreSQL's all do in their data directory, orphans too.

    Linux only; elsewhere nobody is seen and PostgreSQL's own lock file has the last word.
    """
    found = set()
    for pid in _all() if ON_LINUX else ():
        with contextlib.suppress(OSError):
            if (PROC / str(pid) / "cwd").readlink() == directory:
                found.add(pid)
    return found


def _all() -> Iterable[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def send(pids: Iterable[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def await_vacancy(directory: Path, deadline: float, now: Callable[[], float]) -> None:
    """Wait until nobody lives in a data directory: the orphans of a crash hold its shared memory.

    Normally they notice within milliseconds; one in the middle of a long statement does not, and is ended here.
    So is a PostgreSQL that an earlier owner of the directory has left behind.
    """
    patience = min(deadline, now() + 1)
    while left := inhabitants(directory):
        if now() > deadline:
            raise MonitorError(f"{directory} is still in use by process {min(left)}.")
        if now() > patience:
            send(left, signal.SIGKILL)
        time.sleep(0.01)


def remove_shared_memory(segment: str) -> None:
    """Remove the small segment that a killed postmaster leaves in the kernel until its next start."""
    program = shutil.which("ipcrm")
    if program and Path("/proc/sysvipc/shm").exists():
        # As the account: the number was read from a file of `nobody` and must not become a word of root's.
        with contextlib.suppress(MonitorError):
            account.execute([program, "-m", segment], timeout=5)


class ThawGuard:
    """A small process that wakes frozen ones when we die: a stopped process cannot hear that its parent is gone."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        script = 'read _; for pid in "$@"; do kill -CONT "$pid" 2>/dev/null; done'
        self._process = subprocess.Popen(  # noqa: S603  a constant script and numbers
            [shutil.which("sh") or "/bin/sh", "-c", script, "thaw-guard", *map(str, pids)],
            stdin=subprocess.PIPE,  # held open by us alone; it ends when we do
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            **account.identity(),
        )

    def dismiss(self) -> None:
        """End the guard without its work being done."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

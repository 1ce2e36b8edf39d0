"""An embedded PostgreSQL: our direct child, on loopback only, that ends when we end, however we end.

Any number of processes may each run their own at the same time; they share nothing but the programs on the disk.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from monitor.clock import SystemClock
from monitor.demo import account, binaries, processes
from monitor.demo.port import HOST, free_port
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
StopMode = Literal["fast", "immediate"]
_POLL = 0.01  # seconds
_START_TIMEOUT = 20.0
_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class EmbeddedPostgres:
    """One PostgreSQL in one directory: init, start, stop, and the ways in which it can fail."""

    def __init__(
        self,
        base: Path,
        settings: Mapping[str, str] = NO_SETTINGS,
        durable: bool = False,
        port: int | None = None,
        *,
        password: str = "",
        guests: Sequence[tuple[str, str]] = (),
        now: Callable[[], float] = lambda: SystemClock().now().mono,
    ) -> None:
        """Describe it; nothing is touched yet.

        With a password everyone needs it but the guests, given as (database, role); without one everyone on this
        machine may come in as anyone, which is meant for tests.
        """
        self.base = base.resolve()  # /proc names directories by their real paths
        self.programs = binaries.find()
        self.data = self.base / f"pg{self.programs.major}"
        self.log = self.base / "postgres.log"
        self.port = free_port(port)
        self._settings = settings
        self._durable = durable
        self._password = password
        self._guests = guests
        self._now = now
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._guard: processes.ThawGuard | None = None

    @property
    def exists(self) -> bool:
        """Say whether init() has been here already, today or a year ago."""
        return (self.data / "PG_VERSION").exists()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def died(self) -> int | None:
        """Give the exit code if it ended without being told to by stop() or kill()."""
        return self._process.poll() if self._process else None

    @property
    def frozen(self) -> bool:
        return self._guard is not None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.running else None

    def pids(self) -> list[int]:
        """Give the postmaster and its children."""
        return [self.pid, *sorted(processes.children(self.pid))] if self.pid else []

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        """Give an address with the superuser's password, which the demo's own roles have as well; guests need none."""
        secret = f":{self._password}" if self._password and (database, user) not in self._guests else ""
        return self.address(database, f"{user}{secret}")

    def address(self, database: str, user: str) -> str:
        """Give an address without a password."""
        return f"postgresql://{user}@{HOST}:{self.port}/{database}"

    def init(self) -> None:
        """Make the data directory, once. May be called from any thread."""
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account.is_root():
            # The base stays root's: in a directory of `nobody`, a link put in place of the log would lead our pen
            # anywhere. Only the data directory is given away, and what is written in it is written as `nobody`.
            self.base.chmod(0o711)
        if self.exists:
            return
        shutil.rmtree(self.data, ignore_errors=True)  # of an initdb that was cut short
        self.data.mkdir(mode=0o700)
        account.own(self.data)
        secret = self.base / "password"
        secret.touch(mode=0o600)
        try:
            secret.write_text(self._password or "unused")
            account.own(secret)
            flags = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
            command = [f"{self.programs.folder}/initdb", "-D", f"{self.data}", "-U", "postgres", f"--pwfile={secret}"]
            account.execute([*command, *flags], timeout=60)
        finally:
            secret.unlink()

    def start(self, timeout: float = _START_TIMEOUT) -> None:
        """Start it and wait until it lets clients in. Only from the main thread (see processes.ends_with_parent)."""
        deadline = self._launch(timeout)
        while not self._lets_in(deadline):
            time.sleep(_POLL)

    async def start_beside(self) -> None:
        """Start it like start(), while everything else on the loop goes on."""
        deadline = self._launch(_START_TIMEOUT)
        while not self._lets_in(deadline):  # noqa: ASYNC110  a file tells that it is ready, and no event
            await asyncio.sleep(_POLL)

    def _launch(self, timeout: float) -> float:
        """Start the process where there is none, and give the instant by which it must be ready."""
        deadline = self._now() + timeout
        if self.running:
            return deadline
        if threading.current_thread() is not threading.main_thread():
            raise MonitorError(
                "PostgreSQL must be started from the main thread: it ends with the thread that forked it."
            )
        processes.await_vacancy(self.data, deadline, self._now)
        hba = self._write_hba()
        command = [str(self.programs.folder / "postgres"), "-D", str(self.data)]
        for name, value in {**self._defaults(hba), **self._settings}.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  the program that binaries.py has found
                command,
                cwd="/",
                env=account.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal's Ctrl-C is for us; we stop PostgreSQL in our own order
                preexec_fn=processes.ends_with_parent(),  # noqa: PLW1509  two system calls and nothing else
                **account.identity(),
            )
        self._killed = False
        return deadline

    def _lets_in(self, deadline: float) -> bool:
        if self._ready():
            return True
        if self._process is None or self._process.poll() is not None:
            self._process = None
            raise MonitorError(f"PostgreSQL did not start: {self._last_words()}")
        if self._now() > deadline:
            self.stop("immediate")
            raise MonitorError(f"PostgreSQL was not ready in time; its log is {self.log}")
        return False

    def stop(self, mode: StopMode = "fast", timeout: float = 10) -> None:
        """Stop it in good order; after the timeout by force. Nothing of it is left in the machine, killed or not."""
        self.thaw()
        process, self._process = self._process, None
        if process and process.poll() is None:
            process.send_signal(_SIGNALS[mode])
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self._killed = True
        elif process:
            self._killed = process.returncode != 0
        if self._killed:
            processes.await_vacancy(self.data, self._now() + 5, self._now)
            lines = self._lock_file()
            if len(lines) >= 7:
                processes.remove_shared_memory(lines[6].split()[-1])
            self._killed = False

    def kill(self) -> None:
        """Let it crash: SIGKILL to the postmaster, as the kernel does when memory runs out."""
        if self._process:
            self._process.kill()
            self.thaw()  # else its children would sleep on and never notice
            self._process.wait()
            self._process, self._killed = None, True

    def freeze(self) -> None:
        """Stop every process where it stands: connections stay open and nothing answers any more."""
        if not self.pid or self.frozen:
            return
        processes.send([self.pid], signal.SIGSTOP)
        stopped: set[int] = set()
        # Again until nobody new is found: the last fork may still have been under way. A signal to the process group
        # would miss them all, since each child of the postmaster leads a group of its own.
        while fresh := processes.children(self.pid) - stopped:
            processes.send(fresh, signal.SIGSTOP)
            stopped |= fresh
        self._guard = processes.ThawGuard([*stopped, self.pid])

    def thaw(self) -> None:
        """Let it go on; does nothing where it is not frozen."""
        if self._guard:
            processes.send(self._guard.pids, signal.SIGCONT)
            self._guard.dismiss()
            self._guard = None

    def _defaults(self, hba: Path) -> Mapping[str, str]:
        found = {
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": "",  # a socket's path has a limit of 107 bytes, and a home may be deep
            "hba_file": str(hba),
            "shared_buffers": "32MB",
            "max_connections": "60",
            "log_timezone": "UTC",
            "dynamic_shared_memory_type": "mmap",  # in the data directory: a killed one leaves nothing in /dev/shm
        }
        if self.programs.has_library("pg_stat_statements"):
            found["shared_preload_libraries"] = "pg_stat_statements"
        if not self._durable:
            # It may lose what the machine had not written when the power went, but nothing when only PostgreSQL is
            # killed: for that, a commit still waits until the kernel has it (synchronous_commit stays on).
            found |= {"fsync": "off", "full_page_writes": "off"}
        return found

    def _write_hba(self) -> Path:
        rows = [f"host {database} {role} {HOST}/32 trust" for database, role in self._guests]
        rows.append(f"host all all {HOST}/32 {'scram-sha-256' if self._password else 'trust'}")
        path = self.base / "hba.conf"
        path.write_text("\n".join(rows) + "\n")
        path.chmod(0o644)
        return path

    def _ready(self) -> bool:
        lines = self._lock_file()
        # A file of an earlier start may still lie there: line 1 says whose it is.
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _lock_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if "FATAL" in line or "could not" in line]
        return (telling or lines or ["it said nothing"])[-1]

"""A real Valkey of the demo's own: our direct child, on loopback only, nothing on the disk; it ends when we end."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from typing import TYPE_CHECKING

from monitor.demo import account, binaries, processes
from monitor.demo.port import HOST
from monitor.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

_POLL = 0.01  # seconds


class EmbeddedValkey:
    """One Valkey in one directory."""

    def __init__(self, base: Path, port: int) -> None:
        self.base = base.resolve()
        self.port = port
        self.log = self.base / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self.running else None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def launch(self) -> None:
        """Start it and do not wait. Only from the main thread (see processes.ends_with_parent)."""
        if self.running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise MonitorError("Valkey must be started from the main thread: it ends with the thread that forked it.")
        program = binaries.find_valkey()
        # Like the base of PostgreSQL: it stays ours, and only the working directory is given to the account.
        self.base.mkdir(mode=0o700, parents=True, exist_ok=True)
        work = self.base / "work"
        work.mkdir(mode=0o700, exist_ok=True)
        if account.is_root():
            self.base.chmod(0o711)
            account.own(work)
        flags = {"port": str(self.port), "bind": HOST, "save": "", "appendonly": "no", "dir": str(work)}
        command = [str(program), *(word for name, value in flags.items() for word in (f"--{name}", value))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  the program that binaries.py has found
                command,
                cwd="/",
                env=account.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # the terminal's Ctrl-C is for us; we stop it in our own order
                preexec_fn=processes.ends_with_parent(),  # noqa: PLW1509  two system calls and nothing else
                **account.identity(),
            )

    async def answers(self, timeout: float = 10) -> None:  # noqa: ASYNC109  the limit is part of the sentence
        """Wait until it answers a PING."""
        try:
            async with asyncio.timeout(timeout):
                while not await self._ping():
                    if not self.running:
                        raise MonitorError(f"Valkey did not start: {self._last_words()}")
                    await asyncio.sleep(_POLL)
        except TimeoutError as error:
            raise MonitorError(f"Valkey was not ready after {timeout:g} s; its log is {self.log}") from error

    async def start(self) -> None:
        self.launch()
        await self.answers()

    def stop(self, timeout: float = 1) -> None:
        """Stop it in good order; after the timeout by force."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def _ping(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()
        return (lines or ["it said nothing"])[-1]

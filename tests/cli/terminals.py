"""A real command on a real pseudo-terminal: what it shows, what it is told, and how it leaves the terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_NOT_OURS = ("HUPH_MONITOR_", "TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(_NOT_OURS)}
ENVIRONMENT["TERM"] = "xterm-256color"
COMMAND = (sys.executable, "-m", "monitor")
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-GI-Za-z]")
_ENTER, _LEAVE, _SHOW_CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Terminal:
    """The other end of the pseudo-terminal."""

    def __init__(self, process: asyncio.subprocess.Process, main: int, sub: int) -> None:
        self.process = process
        self.output = ""
        self._main, self._sub = main, sub
        self._before = termios.tcgetattr(sub)
        self._came = asyncio.Event()
        asyncio.get_running_loop().add_reader(main, self._read)

    def _read(self) -> None:
        self.output += os.read(self._main, 65536).decode("utf-8", "replace")
        self._came.set()

    @property
    def frame(self) -> str:
        """What the screen shows: what was drawn since the cursor last went home."""
        return _STYLE.sub("", self.output.rsplit("\x1b[H", 1)[-1])

    def press(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._sub, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    async def until(self, promise: Callable[[str], bool]) -> None:
        """Wait until the screen keeps the promise."""
        try:
            async with asyncio.timeout(10):
                while not promise(self.frame):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"the screen shows:\n{self.frame}") from None

    async def shows(self, *texts: str) -> None:
        await self.until(lambda frame: all(text in frame for text in texts))

    async def ended(self) -> int:
        """Wait for its end; hold it to giving the terminal back as it was; give its exit code."""
        async with asyncio.timeout(10):
            code = await self.process.wait()
            await asyncio.sleep(0.05)
        assert termios.tcgetattr(self._sub) == self._before
        assert self.output.count(_ENTER) == self.output.count(_LEAVE) == 1
        after = self.output.rsplit(_LEAVE, 1)[1]
        assert _SHOW_CURSOR in self.output.rsplit("?25l", 1)[1]
        assert "Traceback" not in after
        return code


@asynccontextmanager
async def terminal(*words: str, columns: int = 120, lines: int = 40) -> AsyncIterator[Terminal]:
    """Run a command of ours on a terminal of this size."""
    main, sub = os.openpty()
    fcntl.ioctl(sub, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        stdin=sub,
        stdout=sub,
        stderr=sub,
        env={**ENVIRONMENT, "TERM": "xterm-256color"},
        # A session whose controlling terminal this is, as under a shell: it hears when the size changes.
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )
    one = Terminal(process, main, sub)
    try:
        yield one
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(main)
        os.close(main)
        os.close(sub)


async def run(*words: str, **environment: str) -> tuple[int, str, str]:
    """Run a command of ours to its end; give its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        env={**ENVIRONMENT, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()

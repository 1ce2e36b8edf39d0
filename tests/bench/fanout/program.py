"""One program of the bench, pinned to a core: spoken to in lines, its CPU time and memory read from /proc."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]
LONGEST_LINE = 1 << 25
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class Program:
    """A running program that is told lines and answers with JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._folder = Path(f"/proc/{process.pid}")

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def told(self, within_s: float = 60) -> Json:
        """Take its next answer; `TimeoutError` when it gives none in time, `RuntimeError` when it has failed."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), within_s)
        answer: Json = json.loads(line or b'{"error": "it has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def cpu_ns(self) -> int:
        """Give the CPU time of all its threads, in ns."""
        return sum(int(file.read_text().split()[0]) for file in self._folder.glob("task/*/schedstat"))

    def rss_kb(self) -> int:
        """Give the memory that it has now, in KB."""
        pages = int((self._folder / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def core(wanted: int) -> int:
    """Give the core to pin to: with a single one, servers and subscribers share it."""
    ours = sorted(os.sched_getaffinity(0))
    return ours[min(wanted, len(ours) - 1)]


@asynccontextmanager
async def running(command: list[str], place: int) -> AsyncIterator[Program]:
    """Run a program on this core meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        preexec_fn=lambda: os.sched_setaffinity(0, {core(place)}),
    )
    try:
        yield Program(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def busy_ns() -> int:
    """Give the time that both cores were busy since the machine began, time taken by its host included."""
    user, nice, system, _, _, irq, soft, steal = (
        int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return (user + nice + system + irq + soft + steal) * TICK_NS

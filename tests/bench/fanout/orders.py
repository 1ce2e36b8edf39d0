"""What each server in Python is told: it obeys "publish FIRST COUNT HZ" and says when each message was published."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def patches(file: str) -> list[Json]:
    """Read the patches: one line of JSON each."""
    return [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]


def say(thing: object) -> None:
    sys.stdout.write(f"{json.dumps(thing)}\n")
    sys.stdout.flush()


async def obey(port: int, publish: Callable[[int], Awaitable[None]]) -> None:
    """Tell the port, then publish what is wanted, one message in each turn of the loop, until standard input ends."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say({"port": port})
    while line := await lines.readline():
        first, count, hz = (int(word) for word in line.split()[1:])
        at: list[int] = []
        begun = time.monotonic_ns()
        for k in range(count):
            due = begun + k * 1_000_000_000 // hz if hz else 0
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            at.append(time.monotonic_ns())
            await publish(first + k)
        say({"at": at})

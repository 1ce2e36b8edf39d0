"""A demo platform as a process of its own, broken and mended by its own command line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import Any

READY_S = 30.0
STOP_S = 6.0


class Demo:
    """`huph-monitor demo run --ephemeral`."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, str]) -> None:
        self._process = process
        self.config = told["config"]
        self.info: dict[str, Any] = {}

    @classmethod
    async def start(cls, *options: str) -> Demo:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "monitor",
            "demo",
            "run",
            "--ephemeral",
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        async with asyncio.timeout(READY_S):
            demo = cls(process, json.loads(await process.stdout.readline()))
        state = demo.config.removesuffix("/config.toml")
        demo._state = state
        demo.info = json.loads(await demo._run("info", "--json"))
        return demo

    async def _run(self, *words: str) -> str:
        command = [sys.executable, "-m", "monitor", "demo", *words, "--state", self._state]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        assert process.returncode == 0, words
        return output.decode()

    async def break_(self, kind: str) -> None:
        await self._run("break", kind)

    async def mend(self, kind: str) -> None:
        await self._run("mend", kind)

    async def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S):
            assert await self._process.wait() == 0

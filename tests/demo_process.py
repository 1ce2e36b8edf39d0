"""A demo platform as a process of its own, broken and mended by its own command line."""

from __future__ import annotations

import asyncio
import json
import signal
from subprocess import DEVNULL, PIPE
from typing import Any

from tests import nursery

READY_S = 30.0
STOP_S = 6.0


class Demo:
    """`huph-monitor demo run --ephemeral`."""

    def __init__(self, process: asyncio.subprocess.Process | nursery.Child, told: dict[str, str]) -> None:
        self._process = process
        self.config = told["config"]
        self.info: dict[str, Any] = {}

    @classmethod
    async def start(cls, *options: str) -> Demo:
        process = await nursery.start(*("monitor", "demo", "run", "--ephemeral", *options), stdout=PIPE, stderr=DEVNULL)
        assert process.stdout is not None
        async with asyncio.timeout(READY_S):
            demo = cls(process, json.loads(await process.stdout.readline()))
        state = demo.config.removesuffix("/config.toml")
        demo._state = state
        demo.info = json.loads(await demo._run("info", "--json"))
        return demo

    async def _run(self, *words: str) -> str:
        process = await nursery.start("monitor", "demo", *words, "--state", self._state, stdout=PIPE)
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

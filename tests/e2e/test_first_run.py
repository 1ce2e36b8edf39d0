"""The very first run: nothing is configured, and a demo platform comes and goes with the daemon."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import aiohttp
import psutil
import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def home():
    """A state directory of the test's own, through which an unprivileged PostgreSQL may pass."""
    base = Path(tempfile.mkdtemp(prefix="huph-monitor-home-"))
    base.chmod(0o711)
    yield base
    shutil.rmtree(base, ignore_errors=True)


async def start(home):
    """Start `huph-monitor` with nothing configured; give its process and the page's address."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUPH_MONITOR_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", "--port", "0"),
        env={**environment, "XDG_STATE_HOME": str(home)},
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    async with asyncio.timeout(40):
        while line := await process.stderr.readline():
            if b'"daemon.started"' in line:
                return process, json.loads(line)["address"]
    raise AssertionError("it did not start")


async def gone(pids, within):
    """Wait until none of these processes is left."""
    async with asyncio.timeout(within):
        while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            await asyncio.sleep(0.05)


async def healthy(address):
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        while True:
            async with session.get(f"{address}api/v1/health") as answer:
                if (await answer.json())["status"] == "healthy":
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.prove) for one in (signal.SIGTERM, signal.SIGINT))]
)
async def test_the_demo_comes_and_goes_with_the_daemon(home, how):
    """With nothing configured a healthy demo is shown; however the daemon ends, nothing of it is left."""
    process, address = await start(home)
    await healthy(address)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("postgres" in child.name() for child in children)
    process.send_signal(how)
    async with asyncio.timeout(5):
        code = await process.wait()
    assert code == (-signal.SIGKILL if how is signal.SIGKILL else 0)
    await gone([child.pid for child in children], 5)

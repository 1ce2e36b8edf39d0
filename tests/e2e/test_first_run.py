"""The very first run: nothing is configured, and a demo platform comes and goes with the daemon."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import aiohttp
import psutil
import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.e2e


@pytest.fixture
def home():
    """A state directory of the test's own, through which an unprivileged PostgreSQL may pass."""
    base = Path(tempfile.mkdtemp(prefix="huph-monitor-home-"))
    base.chmod(0o711)
    yield base
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
async def start(home):
    """Start `huph-monitor` with nothing configured; give its process, the page's address, and the link to sign in."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUPH_MONITOR_")}
    started = []

    async def begin():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "--port", "0"),
            env={**environment, "XDG_STATE_HOME": str(home)},
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        async with asyncio.timeout(40):
            return process, *(await told(process))

    yield begin
    for process in reversed(started):
        if process.returncode is None:  # the test has failed
            process.terminate()
            await process.wait()


async def told(process):
    """Read what it says to a person, until it has said how to sign in: the page's address, and the link."""
    said = []
    while line := (await process.stderr.readline()).decode():
        if line.startswith("{"):
            continue
        said.append(line.strip())
        if line.startswith("Sign in"):
            address = said[-2].removeprefix("The page: ")
            link = said[-1].removeprefix("Sign in (once): ")
            assert address.startswith("http://127.0.0.1:")
            assert link.endswith(f"&to={quote(address, safe='')}")
            return address, link
    raise AssertionError(f"it did not start: {said}")


async def end(process, how=signal.SIGTERM):
    process.send_signal(how)
    async with asyncio.timeout(5):
        assert await process.wait() == (-signal.SIGKILL if how is signal.SIGKILL else 0)


async def gone(pids, within):
    """Wait until none of these processes is left."""
    async with asyncio.timeout(within):
        while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            await asyncio.sleep(0.05)


async def healthy(address, link):
    """Sign in by the link, as a browser does, and wait until all is well."""
    jar = aiohttp.CookieJar(unsafe=True)  # the page has no name but its IP address
    async with aiohttp.ClientSession(cookie_jar=jar) as session, asyncio.timeout(10):
        async with session.get(f"{address}api/v1/health") as answer:
            assert answer.status == 401
        async with session.get(link) as answer:
            assert (answer.status, str(answer.url)) == (200, address)
        while True:
            async with session.get(f"{address}api/v1/health") as answer:
                if (await answer.json())["status"] == "healthy":
                    return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, *(pytest.param(one, marks=pytest.mark.prove) for one in (signal.SIGTERM, signal.SIGINT))]
)
async def test_the_demo_comes_and_goes_with_the_daemon(start, how):
    """With nothing configured a healthy demo is shown; however the daemon ends, nothing of it is left."""
    process, address, link = await start()
    await healthy(address, link)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("postgres" in child.name() for child in children)
    await end(process, how)
    await gone([child.pid for child in children], 5)


async def test_the_printed_link_signs_in(start, page):
    """It opens the page, live, for who clicks it; a second daemon on the same demo prints another for its own page."""
    daemons = [await start(), await start()]
    assert len({link for _, _, link in daemons}) == 2
    for _, address, link in daemons:
        await page.goto(link)
        assert page.url == address
        await page.wait_for_selector('html[data-link="live"]')
        await expect(page.locator(".check#db")).to_be_visible()
        mine = await (await page.request.get(f"{address}api/v1/session")).json()
        assert (mine["kind"], mine["name"], mine["role"]) == ("user", "superadmin1@example.test", "super_admin")
    assert (await page.request.get(daemons[0][2])).status == 403
    for process, _, _ in reversed(daemons):
        await end(process)

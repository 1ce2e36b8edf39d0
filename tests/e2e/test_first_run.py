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

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.fixture
def home():
    """A state directory of the test's own, through which an unprivileged PostgreSQL may pass."""
    base = Path(tempfile.mkdtemp(prefix="huph-monitor-home-"))
    base.chmod(0o711)
    yield base
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
async def start(home):
    """Start `huph-monitor` with nothing configured; give its process, the page's address, the link, and the buttons."""
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
        async with asyncio.timeout(80):
            return process, *(await told(process))

    yield begin
    for process in reversed(started):
        if process.returncode is None:  # the test has failed
            process.terminate()
            await process.wait()


async def told(process):
    """Read what it says to a person: the page's address, the link to sign in, and the address of the buttons."""
    said = []
    while line := (await process.stderr.readline()).decode():
        if line.startswith("{"):
            continue
        said.append(line.strip())
        if line.startswith("Break"):
            address = said[-3].removeprefix("The page: ")
            link = said[-2].removeprefix("Sign in (once): ")
            assert address.startswith("http://127.0.0.1:")
            assert link.endswith(f"&to={quote(address, safe='')}")
            return address, link, said[-1].split()[4]
    raise AssertionError(f"it did not start: {said}")


async def end(process, how=signal.SIGTERM, within=15):
    assert process.returncode is None, (await process.stderr.read()).decode()[-4000:]
    process.send_signal(how)
    async with asyncio.timeout(within):
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
    "how", [pytest.param(one, marks=pytest.mark.prove) for one in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)]
)
async def test_the_demo_comes_and_goes_with_the_daemon(start, how):
    """With nothing configured a healthy demo is shown; however the daemon ends, nothing of it is left."""
    process, address, link, _ = await start()
    await healthy(address, link)
    children = psutil.Process(process.pid).children(recursive=True)
    assert any("postgres" in child.name() for child in children)
    await end(process, how, within=5)
    await gone([child.pid for child in children], 5)


@pytest.mark.prove
async def test_a_program_needs_a_token(home, start):
    """Without one it is turned away; one that is made for the demo's configuration lets it in at once."""
    process, address, _, _ = await start()
    config = home / "huph-monitor" / "demo" / "config.toml"
    code, _ = await command("check", "feature_flags", "--url", address)
    assert code == 3
    code, token = await command("token", "add", "test", "--scope", "stream", "--config", str(config))
    assert code == 0
    code, said = await command("check", "feature_flags", "--url", address, HUPH_MONITOR_TOKEN=token.strip())
    assert (code, "feature_flags" in said) == (0, True)
    await end(process)


async def command(*words, **environment):
    """Run one command; give its exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor", *words),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


async def test_the_printed_link_signs_in(start, page):
    """It opens the page, live, for who clicks it; a second daemon on the same demo prints another for its own page."""
    daemons = [await start(), await start()]
    assert len({link for _, _, link, _ in daemons}) == 2
    for _, address, link, _ in daemons:
        await page.goto(link)
        assert page.url == address
        await page.wait_for_selector('html[data-link="live"]')
        await expect(page.locator(".check#db")).to_be_visible()
        mine = await (await page.request.get(f"{address}api/v1/session")).json()
        assert (mine["kind"], mine["name"], mine["role"]) == ("user", "superadmin1@example.test", "super_admin")
    assert (await page.request.get(daemons[0][2])).status == 403
    # The buttons' page leads to the page that was named last, as whom one wants.
    await page.goto(daemons[0][3])
    for role, shown in (("counselor", False), ("system_admin", True)):
        async with page.context.expect_page() as opened:
            await page.get_by_role("button", name=role, exact=True).click()
        tab = await opened.value
        await tab.wait_for_url(daemons[1][1])
        assert await tab.locator(".check#db").count() == shown
        await tab.close()
    for process, *_ in reversed(daemons):
        await end(process)

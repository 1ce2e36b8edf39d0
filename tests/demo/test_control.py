"""The demo's door: only this machine, only on purpose."""

import asyncio
import re

import aiohttp
import pytest
from aiohttp import web

from monitor.cli.demo import link
from monitor.clock import SystemClock
from monitor.demo.control import Control
from monitor.demo.links import Links
from monitor.errors import MonitorError


@pytest.fixture
async def door(mischief):
    control = Control(mischief, lambda: {"fact": 1}, Links(1, SystemClock()).issue)
    await control.start()
    async with aiohttp.ClientSession(control.url) as session:
        yield session
    await control.stop()


PRESSED = {"X-Demo": "1"}
POSTED = ("mend", "login")


async def test_a_button_breaks_and_mends(huph, door):
    """What is pressed happens, and the state of every kind tells of it."""
    async with door.post("break/drop-trigger", headers=PRESSED) as answer:
        assert await answer.json() == {"broken": ["drop-trigger"]}
    async with door.get("kinds") as answer:
        kinds = await answer.json()
    assert [name for name, kind in kinds.items() if kind["broken"]] == ["drop-trigger"]
    assert all(kind["about"] for kind in kinds.values())
    async with door.get("/") as answer:
        page = await answer.text()
    assert all(f'{kind["group"]}: "' in page for kind in kinds.values())  # its heading
    async with door.post("mend", headers=PRESSED) as answer:
        assert await answer.json() == {"broken": []}


@pytest.mark.parametrize("path", ["break/nonsense", "mend/nonsense"])
async def test_an_unknown_kind_is_named(door, path):
    """The answer says which kinds there are."""
    async with door.post(path, headers=PRESSED) as answer:
        assert answer.status == 404
        assert "crash-postgres" in (await answer.json())["error"]


async def test_no_other_page_can_press(door):
    """Without the header that no form can send nothing is broken, and another origin is not given leave to send it."""
    for path in ("break/drop-trigger", "login"):
        async with door.post(path) as answer:
            assert answer.status == 403
    asked = {"Origin": "https://example.test", "Access-Control-Request-Headers": "x-demo"}
    async with door.options("break/drop-trigger", headers=asked) as answer:
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.status == 405


@pytest.mark.parametrize(
    "host", ["example.test", "example.test:80", "127.0.0.1.example.test", "localhost.example.test", "[", ""]
)
async def test_a_foreign_name_is_refused(door, host):
    """A site that points its own name at this machine gets neither a press nor a word."""
    headers = {"Host": host, **PRESSED}
    for request in (door.get("info", headers={"Host": host}), *(door.post(path, headers=headers) for path in POSTED)):
        async with request as answer:
            assert answer.status in {400, 403}


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:8080"])
async def test_names_of_this_machine_are_welcome(door, host):
    """A forwarded port keeps a loopback name."""
    async with door.get("info", headers={"Host": host}) as answer:
        assert await answer.json() == {"fact": 1}


async def test_the_page_is_there_and_cannot_be_framed(door):
    """The buttons have a page, and no other page may lay itself over it."""
    async with door.get("/") as answer:
        assert answer.content_type == "text/html"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert "X-Demo" in await answer.text()


@pytest.mark.parametrize(
    ("asked", "link"),
    [
        ({}, r"http://127\.0\.0\.1:1/login\?code=[\w-]{22}&to=http%3A%2F%2F127\.0\.0\.1%3A8787%2F"),
        (
            {"as": "counselor", "to": "http://[::1]:9/"},
            r"http://\[::1\]:1/login\?code=.*&to=http%3A%2F%2F%5B%3A%3A1%5D%3A9%2F",
        ),
    ],
)
async def test_it_gives_links_to_sign_in(door, asked, link):
    """Each press gives another one."""
    given = []
    for _ in range(2):
        async with door.post("login", params=asked, headers=PRESSED) as answer:
            assert answer.status == 200
            given.append((await answer.json())["login"])
    assert all(re.fullmatch(link, one) for one in given), given
    assert given[0] != given[1]


@pytest.mark.parametrize("asked", [{"as": "boss"}, {"to": "http://elsewhere.example/"}])
async def test_what_it_cannot_sign_in_to_is_named(door, asked):
    """A role or a page that is none here is refused in one sentence that names it."""
    async with door.post("login", params=asked, headers=PRESSED) as answer:
        assert answer.status == 400
        assert next(iter(asked.values())) in (await answer.json())["error"]


async def test_a_demo_of_another_version_is_named():
    """One that gives no links, since it has been running for long, or does not answer: a sentence says what to do."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found = {"control": f"http://127.0.0.1:{runner.addresses[0][1]}/"}
    with pytest.raises(MonitorError, match="start it anew"):
        await asyncio.to_thread(link, found)
    await runner.cleanup()
    with pytest.raises(MonitorError, match="does not answer"):
        await asyncio.to_thread(link, found)

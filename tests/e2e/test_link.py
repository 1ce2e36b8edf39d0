"""How the page holds to its daemon: without WebSockets, frozen, behind other tabs, beyond an upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.async_api import expect

import monitor
from tests.daemon import Daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
LINK = "html[data-link='{}']"
MOVED = """() => { window.moved = []; new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.moved.push(one.value);
}).observe({ type: 'layout-shift', buffered: true }); }"""
NOTE_LINKS = """() => { window.links = []; new MutationObserver(() => {
    window.links.push(document.documentElement.dataset.link);
}).observe(document.documentElement, { attributes: true, attributeFilter: ['data-link'] }); }"""
LOOK = """(state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
NOTE_CHANGES = """() => { window.drawn = []; new MutationObserver((all) => {
    for (const { type, target } of all) window.drawn.push(`${type} ${target.nodeName} ${target.textContent}`);
})
    .observe(document.body, { attributes: true, childList: true, characterData: true, subtree: true }); }"""
NOTE_SPOKEN = """() => { window.spoken = [[performance.now(), '']]; const voice = document.querySelector('[aria-live]');
    new MutationObserver(() => window.spoken.push([performance.now(), voice.textContent]))
        .observe(voice, { characterData: true, childList: true, subtree: true }); }"""

NOTE_MOTION = """() => { window.motion = []; const triggers = document.getElementById('triggers');
    new MutationObserver(() => setTimeout(() => {
        for (const one of document.getAnimations()) {
            const { duration, iterations } = one.effect.getTiming();
            window.motion.push([one.constructor.name, one.effect.target.id, duration, iterations]);
        }
    })).observe(triggers, { attributes: true, attributeFilter: ['data-verdict', 'class'] }); }"""


class Middlebox:
    """Something between browser and daemon that knows HTTP, and lets a WebSocket through only while it is `open`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.open = False
        self.turned_away = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            # A browser gives each of its WebSockets a connection of its own.
            if b"upgrade: websocket" in head.lower() and not self.open:
                self.turned_away += 1
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                upstream, answer = await asyncio.open_connection("127.0.0.1", self._port)
                answer.write(head)
                await asyncio.gather(pass_on(reader, answer), pass_on(upstream, writer))
        writer.close()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def between(daemon: Daemon) -> AsyncIterator[tuple[Middlebox, str]]:
    box = Middlebox(port_of(daemon))
    server = await asyncio.start_server(box.carry, "127.0.0.1")
    try:
        yield box, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


def port_of(daemon: Daemon) -> int:
    return int(daemon.address.rsplit(":", 1)[1].strip("/"))


async def until(page, promise, within):
    """Wait until what the page evaluates to is true; the page forbids the eval with which Playwright would wait."""
    async with asyncio.timeout(within):
        while not await page.evaluate(promise):
            await asyncio.sleep(0.05)


@pytest.mark.prove
async def test_where_no_websocket_is_let_through_the_page_asks_and_says_so(page, platform, start_daemon):
    """It shows what happens within 5 s, is never grey while answers come, and returns to the stream by itself."""
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    async with between(daemon) as (box, address):
        await page.goto(address)
        await page.evaluate(MOVED)
        await page.wait_for_selector(LINK.format("polled"), timeout=5000)
        await page.evaluate(NOTE_LINKS)
        assert box.turned_away >= 2
        await expect(page.locator(".evidence")).to_contain_text("diblokir; tanya tiap 5 dtk")
        await expect(page.locator(".end-note")).to_contain_text("Pembaruan langsung diblokir jaringan")
        await expect(page.locator(".lost-note")).to_have_count(0)
        await expect(page.locator("[aria-live]")).to_contain_text("diblokir jaringan")
        await platform.write("bot", count=5)
        await expect(page.locator("#message_throughput .figure")).to_contain_text("1,2", timeout=6000)
        # Some attempts later it is still the same.
        before = box.turned_away
        async with asyncio.timeout(40):
            while box.turned_away < before + 2:
                await asyncio.sleep(0.1)
        assert await page.evaluate("window.links") == []
        box.open = True
        await page.wait_for_selector(LINK.format("live"), timeout=35_000)
        assert await page.evaluate("window.links") == ["live"]
        await expect(page.locator(".evidence")).not_to_contain_text("diblokir")
        await platform.write("bot", count=4)
        await expect(page.locator("#message_throughput .figure")).not_to_contain_text("1,2", timeout=1000)
        assert sum(await page.evaluate("window.moved")) < 0.01
        # The line ends before its proxy does.
        await page.goto("about:blank")


async def test_a_frozen_daemon_is_seen_within_8_s_and_waited_for(page, platform, start_daemon):
    """Stopped, it closes nothing: the page greys itself in time, says what it shows, and goes on when it goes on."""
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    await page.goto(daemon.address)
    await page.wait_for_selector(LINK.format("live"))
    await until(page, "document.querySelector('.who, .evidence') !== null", 5)
    await page.evaluate("window.same = true")
    await page.evaluate(MOVED)
    moved = sum(await page.evaluate("window.moved"))
    daemon.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        await page.wait_for_selector(LINK.format("lost"), timeout=9000)
        # The last word was at most one bookmark before.
        assert 4.5 < time.monotonic() - started < 8.5
        note = page.locator(".lost-note")
        shown = re.compile(r"Sambungan putus: yang terlihat adalah keadaan \d\d\.\d\d\.\d\d WIB")
        await expect(note).to_have_text(shown)
        await expect(page).to_have_title(re.compile(r"^\? Sambungan putus"))
        assert "unknown" in await page.evaluate("document.querySelector('link[rel=icon]').href")
        assert await page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    finally:
        daemon.process.send_signal(signal.SIGCONT)
    await page.wait_for_selector(LINK.format("live"), timeout=20_000)
    await expect(page.locator(".lost-note")).to_have_count(0)
    assert await page.evaluate("window.same") is True
    assert sum(await page.evaluate("window.moved")) == moved


@pytest.mark.prove
async def test_a_close_is_seen_at_once(page, platform, tmp_path):
    """With the daemon killed the page is grey before one could look."""
    await platform.write()
    daemon = await Daemon.start(tmp_path, platform.monitor_dsn)
    await daemon.settled()
    await page.goto(daemon.address)
    await page.wait_for_selector(LINK.format("live"))
    await expect(page.locator("#db")).to_be_visible()
    # The stream is joined when its first bookmark has come.
    await asyncio.wait_for(daemon_hears(daemon), 5)
    started = time.monotonic()
    await daemon.kill()
    await page.wait_for_selector(LINK.format("lost"), timeout=1000)
    assert time.monotonic() - started < 1


async def daemon_hears(daemon: Daemon) -> None:
    while (await daemon.get("api/v1/health/full"))[1]["monitor"].get("subscribers", 0) < 1:
        await asyncio.sleep(0.05)


async def test_behind_other_tabs_nothing_is_drawn_but_the_tab_itself(page, platform, start_daemon):
    """Title and icon follow the verdict all the same; looked at again, the page is what the platform is."""
    await platform.write("user", count=5)
    await platform.write("bot", count=5)
    daemon = await start_daemon(platform.monitor_dsn)
    await (await daemon.settled()).until(lambda d: d["status"] == "healthy", 3)
    heard = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: heard.append(time.monotonic())))
    await page.goto(daemon.address)
    await page.wait_for_selector(LINK.format("live"))
    icon = "document.querySelector('link[rel=icon]').href"
    await until(page, f"/ok[^/]*[.]svg$/.test({icon})", 5)
    # What is fetched in idle moments after the first paint, once, has come.
    await page.wait_for_load_state("networkidle")
    await page.evaluate(LOOK, "hidden")
    await page.evaluate(NOTE_CHANGES)
    began = len(heard)
    figure = page.locator("#message_throughput .figure")
    shown = await figure.inner_text()
    for _ in range(6):
        await platform.write(count=50)
        await asyncio.sleep(0.2)
    await expect(page).to_have_title(re.compile("^▲ Terganggu"), timeout=5000)
    await until(page, f"/warn[^/]*[.]svg$/.test({icon})", 5)
    assert len(heard) - began > 3
    assert await page.evaluate("window.drawn") == []
    assert await figure.inner_text() == shown
    answer = await page.request.get(await page.evaluate(icon))
    assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "immutable" in answer.headers["cache-control"]
    await page.evaluate(LOOK, "visible")
    await expect(figure).to_have_text(re.compile("^62"), timeout=500)
    await expect(page.locator("#message_throughput.changed")).to_have_count(1)


async def test_changes_are_spoken_together_and_seldom(page, demo, start_daemon):
    """A killed database and all that waits for it is one announcement; its return is another, 5 s later."""
    daemon = await start_daemon(demo.info["monitor_dsn"])
    await daemon.settled()
    await page.goto(daemon.address)
    await page.wait_for_selector(LINK.format("live"))
    await page.evaluate(NOTE_SPOKEN)
    await until(page, "performance.now() - window.spoken.at(-1)[0] > 6000", 30)
    before = len(await page.evaluate("window.spoken"))
    await demo.break_("crash-postgres")
    await until(page, f"window.spoken.length > {before}", 2)
    await demo.mend("crash-postgres")
    await page.wait_for_selector("#db[data-verdict='ok']", timeout=5000)
    await until(page, "window.spoken.at(-1)[1].includes('Database: pulih')", 12)
    spoken = (await page.evaluate("window.spoken"))[before:]
    failed = [words for _, words in spoken if "Database: gangguan." in words]
    assert failed == [spoken[0][1]]
    assert "menunggu" in failed[0]
    assert all(later - earlier >= 4900 for (earlier, _), (later, _) in pairwise(spoken))


@pytest.mark.prove
async def test_an_old_tab_learns_that_there_is_a_newer_page(page, platform, tmp_path):
    """After an upgrade it says so in a line and goes on; the button brings the new one, and only the button."""
    await platform.write()
    old = await Daemon.start(tmp_path, platform.monitor_dsn)
    await old.settled()
    await page.goto(old.address)
    await page.wait_for_selector(LINK.format("live"))
    await page.evaluate("window.same = true")
    await page.evaluate(MOVED)
    port = port_of(old)
    await old.stop()
    # The same version started anew is no news.
    again = await Daemon.start(tmp_path, platform.monitor_dsn, port=port)
    async with page.expect_response(again.address):
        await page.wait_for_selector(LINK.format("lost"), timeout=3000)
        await page.wait_for_selector(LINK.format("live"), timeout=25_000)
    await again.settled()
    await expect(page.locator(".lost-note")).to_have_count(0)
    await again.stop()
    new = await Daemon.start(tmp_path, platform.monitor_dsn, port=port, environment=upgraded(tmp_path), forked=False)
    note = page.locator(".lost-note.quiet")
    await expect(note).to_contain_text("Versi baru halaman ini sudah tersedia.", timeout=25_000)
    await new.settled()
    await expect(page.locator("#db[data-verdict='ok']")).to_be_visible()
    assert await page.evaluate("window.same") is True
    assert sum(await page.evaluate("window.moved")) < 0.01
    await note.get_by_role("button").click()
    await until(page, "document.querySelector('link[href*=upgraded]') !== null", 5)
    await page.wait_for_selector(LINK.format("live"))
    await expect(note).to_have_count(0)
    await new.stop()


def upgraded(folder: Path) -> dict[str, str]:
    """Give what runs a copy of the program whose page has another style sheet."""
    package = Path(monitor.__file__).parent
    copy = folder / "upgraded" / "monitor"
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    index = copy / "_web" / "index.html"
    name = re.search(r"assets/index-[\w-]+\.css", index.read_text())
    assert name
    (copy / "_web" / name[0]).rename(copy / "_web" / "assets" / "index-upgraded.css")
    index.write_text(index.read_text().replace(name[0], "assets/index-upgraded.css"))
    # Without it the working directory comes before the path.
    return {"PYTHONPATH": str(copy.parent), "PYTHONSAFEPATH": "1"}


@pytest.mark.prove
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
async def test_a_change_glides_and_glows_once_or_not_at_all(page, platform, start_daemon, motion):
    """A card that grows moves what is below it in 240 ms and glows for 1.6 s; for who wants it so nothing moves."""
    await platform.write("user")
    await platform.write("bot")
    daemon = await start_daemon(platform.monitor_dsn, limits="sweep_s = 5")
    await (await daemon.settled()).until(lambda d: d["status"] == "healthy", 3)
    await page.emulate_media(reduced_motion=motion)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(daemon.address)
    await page.wait_for_selector(LINK.format("live"))
    await page.evaluate(NOTE_MOTION)
    await platform.connection.execute("drop trigger trg_messages_notify on messages")
    await page.wait_for_selector("#triggers[data-verdict='fail']", timeout=8000)
    seen = {(kind, target): (duration, times) for kind, target, duration, times in await page.evaluate("window.motion")}
    if motion == "reduce":
        assert {duration for duration, _ in seen.values()} <= {0}
    else:
        # The worst comes first on a phone: the others make room.
        assert seen["Animation", "db"] == seen["Animation", "triggers"] == (240, 1)
        assert seen["CSSAnimation", "triggers"] == (1600, 1)
        await page.wait_for_selector("#triggers:not(.changed)", timeout=4000)
    assert await page.evaluate("document.getAnimations().length") == 0

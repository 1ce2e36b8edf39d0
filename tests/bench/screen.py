"""The page in a real browser: first data, from a commit to the pixel, many patches, and a day of them."""

from __future__ import annotations

import asyncio
import os
import random
import re
import tempfile
import time
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import structlog
from playwright.async_api import Browser, CDPSession, Page

from tests import chromium
from tests.bench.figures import Figure, percentile
from tests.bench.stage import stage
from tests.daemon import Daemon
from tests.demo_process import Demo
from tests.shots import made
from tests.shots.camera import VIEWS, Look, sitter
from tests.shots.stand import Stand

OPENINGS = int(os.environ.get("BENCH_OPENINGS", "10"))
INSERTS = int(os.environ.get("BENCH_INSERTS", "250"))
"""All within five minutes, and below the limit of the card that shows their number."""
HOURS = int(os.environ.get("BENCH_HOURS", "24"))
PATCHES_PER_S, PATCHED_S, CARDS = 200, 10, 40
PER_HOUR, HURRY_PER_S = 3600, 500
"""One change a second is a busy platform; an hour of them is told in some seconds."""
LOOK = Look(1280, "light", "id")
FIRST_DATA = """
new MutationObserver((_, observer) => {
  const figure = document.querySelector('.check .figure');
  if (!figure || !figure.textContent.trim()) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.first = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""
PIXELS = """
window.pixels = [];
const card = document.getElementById('message_throughput');
const now = () => performance.timeOrigin + performance.now();
new MutationObserver(() => {
  const text = card.textContent, changed = now();
  // A task behind a frame runs once that frame has been painted.
  requestAnimationFrame(() => setTimeout(() => window.pixels.push([text, changed, now()])));
}).observe(card, { subtree: true, childList: true, characterData: true });
"""
TASKS = """
window.tasks = []; window.frames = [];
new PerformanceObserver((list) => list.getEntries().forEach((one) => window.tasks.push(one.duration)))
  .observe({ type: 'longtask', buffered: false });
const frame = (at) => { window.frames.push(at); requestAnimationFrame(frame); };
requestAnimationFrame(frame);
"""
COUNTED = re.compile(r"(\d+) (?:pesan )?dalam 5 m")


async def run() -> list[Figure]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    async with chromium.running() as browser:
        return [
            *await _first_data(browser),
            *await _commits(browser),
            *await _storm(browser),
            *await _day(browser),
        ]


async def _first_data(browser: Browser) -> list[Figure]:
    """Open the page on the demo anew again and again, each time with nothing kept."""
    demo = await Demo.start()
    times = []
    with tempfile.TemporaryDirectory() as folder:
        daemon = await Daemon.watching(Path(folder), Path(demo.config))
        await daemon.settled()
        for _ in range(OPENINGS):
            async with sitter(browser, LOOK, daemon.address, before=FIRST_DATA) as page:
                await page.locator(".check .figure").first.wait_for()
                times.append(await _at_last(page, "window.first"))
        await daemon.stop()
    await demo.stop()
    return [
        Figure(f"first data on the demo, {OPENINGS} openings: p50", percentile(times, 0.5), "ms", goal=500),
        Figure("first data on the demo: slowest", max(times), "ms"),
    ]


async def _at_last(page: Page, name: str) -> Any:
    while (found := await page.evaluate(name)) is None:
        await asyncio.sleep(0.05)
    return found


async def _commits(browser: Browser) -> list[Figure]:
    """Commit rows at random moments, and see when the number of them is on the screen."""
    import asyncpg

    chance = random.Random(2)
    async with stage(durable=True) as (platform, folder):
        await platform.write()
        daemon = await Daemon.start(folder, platform.monitor_dsn)
        await daemon.settled()
        writer = await asyncpg.connect(platform.dsn)
        async with sitter(browser, LOOK, daemon.address) as page:
            await page.wait_for_selector('html[data-link="live"]')
            await page.evaluate(f"() => {{ {PIXELS} }}")
            committed = []
            for _ in range(INSERTS):
                await asyncio.sleep(chance.expovariate(2))
                await writer.execute(
                    "insert into messages (conversation_id, sender_type, body, created_at)"
                    " values (1, 'user', 'text', clock_timestamp())"
                )
                committed.append(1000 * time.time())
            await asyncio.sleep(1)
            pixels = await page.evaluate("window.pixels")
        await writer.close()
        await daemon.stop()
    return _ways(committed, pixels)


def _ways(committed: list[float], pixels: list[tuple[str, float, float]]) -> list[Figure]:
    """Say how long each row took: it is there with the first picture of its number, or of a greater one."""
    shown = [(int(found[1]), changed, painted) for text, changed, painted in pixels if (found := COUNTED.search(text))]
    texts: list[float] = []
    paints: list[float] = []
    at = 0
    # One row was there before.
    for number, sent in enumerate(committed, start=2):
        while at < len(shown) and shown[at][0] < number:
            at += 1
        assert at < len(shown), f"row {number} was never shown"
        texts.append(max(0.0, shown[at][1] - sent))
        paints.append(max(0.0, shown[at][2] - sent))
    name = f"commit to pixel, {len(committed)} rows at 2/s"
    return [
        Figure(f"{name}: p50", percentile(paints, 0.5), "ms"),
        Figure(f"{name}: p95", percentile(paints, 0.95), "ms", goal=100),
        Figure(f"{name}: p99", percentile(paints, 0.99), "ms"),
        Figure("of that until the text is changed: p95", percentile(texts, 0.95), "ms"),
    ]


async def _session(page: Page) -> CDPSession:
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    return session


async def _metrics(session: CDPSession) -> dict[str, float]:
    found = await session.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in found["metrics"]}


async def _storm(browser: Browser) -> list[Figure]:
    """Change one of forty cards two hundred times a second."""
    extra = {f"check_{index:02}": made.BOARDS["ok"]["checks"]["db"] for index in range(CARDS - 7)}
    async with Stand(made.board({"checks": extra})) as stand, sitter(browser, LOOK, stand.url) as page:
        await page.wait_for_selector('html[data-link="live"]')
        assert await page.locator(".check").count() == CARDS
        session = await _session(page)
        await page.evaluate(f"() => {{ {TASKS} }}")
        names = [*extra, "db"]
        before = await _metrics(session)
        begun = time.monotonic()
        for number in range(PATCHES_PER_S * PATCHED_S):
            stand.show({"checks": {names[number % len(names)]: {"headline": {"value": 1 + number % 97 / 10}}}})
            await asyncio.sleep(max(0.0, begun + number / PATCHES_PER_S - time.monotonic()))
        stand.show({"checks": {"db": {"headline": {"value": 8888}}}})
        await page.locator("#db .figure", has_text="8.888").wait_for()
        took = time.monotonic() - begun
        after = await _metrics(session)
        tasks, frames = await page.evaluate("window.tasks"), await page.evaluate("window.frames")
    sent = PATCHES_PER_S * PATCHED_S
    waits = [later - earlier for earlier, later in pairwise(frames)]
    busy = 1000 * (after["TaskDuration"] - before["TaskDuration"])
    return [
        Figure(
            f"{sent} patches over {CARDS} cards in {took:.1f} s: longest task", max(tasks, default=0), "ms", goal=100
        ),
        Figure("of them: tasks above 50 ms", len(tasks), ""),
        Figure("of them: main thread for each patch", busy / sent, "ms"),
        Figure("of them: frames a second", len(frames) / took, ""),
        Figure("of them: between two frames, p99", percentile(waits, 0.99), "ms"),
    ]


def _hour(numbers: count[int]) -> list[dict[str, Any]]:
    """Give what happens in an hour: numbers that change, and now and then a check that turns and comes back."""
    told = []
    for second in range(PER_HOUR):
        number = next(numbers)
        value = {"headline": {"value": round(2 + number % 60 / 10, 1)}}
        patch: dict[str, Any] = {"checks": {("db", "message_throughput")[number % 2]: value}}
        if second % 120 == 0:
            bad = second % 240 == 0
            turn = {"at": made.stamp(-number / 1000), "check": "triggers", "from": "ok", "to": "fail" if bad else "ok"}
            patch["checks"]["triggers"] = {"verdict": turn["to"], "reason": "triggers.missing" if bad else None}
            patch["transitions"] = {str(1000 + number): turn, str(1000 + number - 120 * 50): None}
        told.append(patch)
    return told


async def _day(browser: Browser) -> list[Figure]:
    """Let a day of changes pass, hour by hour on another view, and see what the page still holds after it."""
    numbers = count()
    places = list(VIEWS.values())
    held: list[tuple[float, float]] = []
    async with Stand(made.board({"transitions": {}})) as stand, sitter(browser, LOOK, stand.url) as page:
        await page.wait_for_selector('html[data-link="live"]')
        session = await _session(page)
        for hour in range(HOURS):
            await page.evaluate("(to) => { location.hash = to; }", places[hour % len(places)] or "#/")
            for index, patch in enumerate(_hour(numbers)):
                stand.show(patch)
                if index % 25 == 0:
                    await asyncio.sleep(25 / HURRY_PER_S)
            # Measured where all hours can be compared.
            await page.evaluate("location.hash = '#/'")
            await page.locator("h1.verdict").wait_for()
            await session.send("HeapProfiler.collectGarbage")
            heap = (await session.send("Runtime.getHeapUsage"))["usedSize"] / 1e6
            held.append((heap, (await _metrics(session))["Nodes"]))
        lost = await page.locator("html").get_attribute("data-link") != "live"
    assert not lost, "the page fell behind, and has not seen it all"
    # What is made once (each view, its words and formats) is there when all views have been seen.
    part = max(1, HOURS // 4)
    early, late = [percentile([heap for heap, _ in one], 0.5) for one in (held[-2 * part : -part], held[-part:])]
    return [
        Figure("heap after an hour of changes", held[0][0], "MB"),
        Figure(f"heap after {HOURS} hours", held[-1][0], "MB"),
        Figure(f"heap, the last {part} hours against those before", 100 * (late / early - 1), "%", goal=5),
        Figure(
            f"nodes of the document, the last hour against {part} hours before", held[-1][1] - held[-part - 1][1], ""
        ),
    ]

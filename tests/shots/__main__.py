"""Takes the pictures: of made boards, of forms and closed doors, and of the demo as it is broken in each way."""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
from pathlib import Path

import structlog
from playwright.async_api import Browser, Page

from tests import chromium
from tests.daemon import Daemon
from tests.demo_process import Demo
from tests.doors import shut_gate
from tests.e2e.test_kinds import FAULTS, SWEEP_S, shows, troubles
from tests.shots import crowd, made
from tests.shots.boards import boards
from tests.shots.camera import FEW, LOOKS, VIEWS, Look, go, picture, pictures, sitter
from tests.shots.stand import Stand

WHOLE = ("healthy", "degraded", "crowd")
"""These are looked at in every look; of the others, a few."""
REFUSED = {"error": {"code": "wrong_role", "message": "no"}}
README = {
    "drop-trigger": ("board.png", "", Look(1440, "light", "en")),
    "stop-broker": ("realtime.png", VIEWS["realtime"], Look(1440, "dark", "en")),
    "deactivate-counselor": ("phone.png", "", Look(390, "light", "id")),
}
QUICK = {
    "drop-trigger",
    "stop-broker",
    "stop-service",
    "fail-cron",
    "remove-flags",
    "deactivate-counselor",
    "spike-traffic",
}


async def take_made(browser: Browser, folder: Path, only: str) -> list[str]:
    """Every view of every made board."""
    wide = []
    for name, document in boards().items():
        if only and only != name:
            continue
        jobs = document.get("cron", {}).get("jobs", {})
        long = [f"#/cron/{crowd.LONG_JOB}"] if crowd.LONG_JOB in jobs else []
        async with Stand(document) as stand:
            looks = LOOKS if name in WHOLE else FEW
            wide += await pictures(browser, stand.url, folder / name, [*VIEWS, *long], looks)
            wide += await pictures(
                browser, stand.url, folder / name, ["board", *VIEWS, *long], [Look(320, "light", "en")]
            )
    return wide


async def take_lost(browser: Browser, folder: Path) -> None:
    """The page behind whose back the daemon has gone away."""
    for look in (*FEW, Look(1280, "dark", "en")):
        async with Stand(made.board("trigger_missing")) as stand, sitter(browser, look, stand.url) as page:
            await page.wait_for_selector('html[data-link="live"]')
            await stand.stop()
            await page.wait_for_selector('html[data-link="lost"]')
            await picture(page, folder / "lost" / f"board-{look.name}.png")
            await page.evaluate("location.hash = '#/checks/message_throughput'")
            await page.locator(".detail-head").wait_for()
            await picture(page, folder / "lost" / f"message_throughput-{look.name}.png")


async def take_form(page: Page, folder: Path, look: Look) -> None:
    await go(page, VIEWS["setting"])
    field = page.locator("form :is(input, textarea)").first
    await field.fill("claude-opus-5-20270101")
    await picture(page, folder / f"draft-{look.name}.png")
    await field.press("Enter")
    await page.locator(".conflict").wait_for()
    await page.locator("details summary").first.click()
    await page.locator(".changes li").first.wait_for()
    await picture(page, folder / f"conflict-{look.name}.png")


async def take_doors(browser: Browser, folder: Path) -> None:
    """The form of a setting with a conflict, the sign-in page, and the page that closes itself."""
    for look in LOOKS:
        async with Stand(made.board()) as stand:
            async with sitter(browser, look, stand.url, "edit") as page:
                await page.wait_for_selector('html[data-link="live"]')
                await take_form(page, folder / "form", look)
            async with sitter(browser, look, stand.url) as page:
                await page.route("**/api/v1/session", lambda route: route.fulfill(status=403, json=REFUSED))
                await page.reload()
                await page.locator(".closed").wait_for()
                await picture(page, folder / "closed" / f"role-{look.name}.png")
        async with Stand(made.board(), gate=shut_gate()) as stand, sitter(browser, look, stand.url) as page:
            await picture(page, folder / "closed" / f"sign-in-{look.name}.png")


async def take_kept(browser: Browser, url: str, folder: Path, wanted: tuple[str, str, Look]) -> None:
    """One of those that the README shows: as much as a screen holds."""
    name, view, look = wanted
    async with sitter(browser, look, url) as page:
        await page.set_viewport_size({"width": look.width, "height": 1120 if look.width > 640 else 860})
        await go(page, view)
        await page.screenshot(path=folder / name)


async def take_demo(browser: Browser, folder: Path) -> None:
    """The real demo, broken in each way that shows within seconds."""
    demo = await Demo.start()
    daemon = await Daemon.watching(folder, Path(demo.config), limits=f"sweep_s = {SWEEP_S}")
    follower = await daemon.settled()
    await pictures(browser, daemon.address, folder / "demo" / "well", list(VIEWS), FEW)
    for fault in FAULTS:
        if fault.kind not in QUICK:
            continue
        await follower.until(lambda d: not troubles(d), 90)
        await demo.break_(fault.kind)
        async with sitter(browser, FEW[0], daemon.address) as page:
            await shows(page, fault.id, fault.verdict, fault.code, fault.within)
        if fault.kind in README:
            await take_kept(browser, daemon.address, folder, README[fault.kind])
        views = ["board", fault.id] if fault.id in VIEWS else ["board"]
        await pictures(browser, daemon.address, folder / "demo" / fault.kind, views, FEW)
        await demo.mend(fault.kind)
    await daemon.stop()
    await demo.stop()


async def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", default="", help=f"one of: doors, lost, demo, {', '.join(boards())}")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder.mkdir(parents=True, exist_ok=True)
    wide: list[str] = []
    async with chromium.running() as browser:
        if arguments.only not in {"doors", "lost", "demo"}:
            wide = await take_made(browser, folder, arguments.only)
        if arguments.only in {"", "lost"}:
            await take_lost(browser, folder)
        if arguments.only in {"", "doors"}:
            await take_doors(browser, folder)
        if arguments.only in {"", "demo"}:
            with tempfile.TemporaryDirectory() as place:
                Path(place).chmod(0o755)
                await take_demo(browser, folder)
    for name in wide:
        print(f"wider than its screen: {name}")


asyncio.run(main())

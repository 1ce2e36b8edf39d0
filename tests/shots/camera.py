"""What is looked at, in which light and on which screen, and how a picture of it is taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

CHECKS = (
    "db", "realtime", "triggers", "cluster_coverage", "recent_activity", "feature_flags", "message_throughput",
)  # fmt: skip
VIEWS = {
    "board": "",
    **{check: f"#/checks/{check}" for check in CHECKS},
    "job": "#/cron/follow_up",
    "setting": "#/settings/system.anthropic_model",
    "events": "#/events",
    "gone": "#/checks/no_such_check",
}
"""The address of each view; cron, services, settings and the monitor stand on the board."""


@dataclass(frozen=True)
class Look:
    """A screen and its reader."""

    width: int
    theme: str
    language: str

    @property
    def name(self) -> str:
        return f"{self.width}-{self.theme}-{self.language}"


LOOKS = tuple(
    Look(width, theme, language)
    for width in (360, 1280, 2560)
    for theme in ("light", "dark")
    for language in ("id", "en")
)
FEW = (Look(1280, "light", "id"), Look(360, "dark", "en"))


@asynccontextmanager
async def sitter(browser: Browser, look: Look, url: str, token: str = "", before: str = "") -> AsyncIterator[Page]:
    """Open the page as this reader has it, who may show a token; the script `before` runs before those of the page."""
    context = await browser.new_context(
        locale="id-ID" if look.language == "id" else "en-GB",
        timezone_id="Asia/Jakarta",
        color_scheme="dark" if look.theme == "dark" else "light",
        viewport={"width": look.width, "height": 780 if look.width < 640 else 1440 if look.width > 2000 else 860},
        reduced_motion="reduce",
        extra_http_headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    if before:
        await context.add_init_script(before)
    page = await context.new_page()
    await page.goto(f"{url}?lang={look.language}")
    yield page
    await context.close()


async def go(page: Page, address: str) -> None:
    """Go to a view of the page that is open, and wait until it stands."""
    await page.evaluate("(to) => { location.hash = to; }", address or "#/")
    # The page forbids the eval with which Playwright would wait for a condition of ours.
    await page.locator("#main").wait_for()
    await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    await page.wait_for_load_state("networkidle")


async def picture(page: Page, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=file, full_page=True)


async def pictures(browser: Browser, url: str, folder: Path, views: Iterable[str], looks: Iterable[Look]) -> list[str]:
    """Take these views in these looks; give what is wider than its screen."""
    wide = []
    for look in looks:
        async with sitter(browser, look, url) as page:
            await page.locator("#main").wait_for()
            for view in views:
                await go(page, VIEWS.get(view, view))
                name = view.rpartition("/")[2] or view
                await picture(page, folder / f"{name}-{look.name}.png")
                if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wide.append(f"{folder.name}/{name}-{look.name}")
    return wide

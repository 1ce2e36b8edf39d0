"""A Chromium for the end-to-end tests: the machine's own, or the one inside an npm package; found, run, waited for."""

from __future__ import annotations

import asyncio
import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests import npm

HERE = Path(__file__).parent / "browser"
READY = HERE / ".chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
# The shipped fonts.conf names only folders of the place that the package was made for.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{0}/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{0}/fonts-cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    path: str
    environment: dict[str, str] = field(default_factory=dict)


def find() -> Chromium:
    """Find one, in this order: HUPH_MONITOR_TEST_CHROMIUM, the PATH, the npm package."""
    if path := os.environ.get("HUPH_MONITOR_TEST_CHROMIUM"):
        return Chromium(path)
    for name in ("chromium", "chromium-headless-shell", "google-chrome", "chromium-browser"):
        if path := shutil.which(name):
            return Chromium(path)
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise RuntimeError("There is no Chromium here; install one, or name it in HUPH_MONITOR_TEST_CHROMIUM.")
    with (HERE / ".lock").open("w") as lock:
        # Several test workers: one installs, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (READY / "chromium").exists():
            _install()
    libraries = {"LD_LIBRARY_PATH": str(READY / "al2023" / "lib"), "FONTCONFIG_PATH": str(READY / "fonts")}
    return Chromium(str(READY / "chromium"), libraries)


def _install() -> None:
    npm.install(HERE)
    unpacked = Path(tempfile.mkdtemp(dir=HERE, prefix=".unpacked-"))
    # The package unpacks its shared libraries as well only where it believes to run on that runtime.
    told = {**npm.ENVIRONMENT, "TMPDIR": str(unpacked), "AWS_LAMBDA_JS_RUNTIME": "nodejs24.x"}
    script = "import chromium from '@sparticuz/chromium'; await chromium.executablePath()"
    subprocess.run([npm.NODE, "--input-type=module", "-e", script], cwd=HERE, env=told, check=True)
    (unpacked / "fonts" / "fonts.conf").write_text(FONTS.format(READY))
    unpacked.rename(READY)


@asynccontextmanager
async def running(*flags: str) -> AsyncIterator[Browser]:
    """Run one headless Chromium, with these flags of its own command line besides ours."""
    # The Node that playwright carries needs a library that bare machines do not have.
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = npm.NODE
    found = find()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found.path, args=[*FLAGS, *flags], env={**os.environ, **found.environment}
        )
        yield browser
        await browser.close()


async def until(page: Page, condition: str, within_s: float = 5) -> None:
    """Wait until this JavaScript is true; the page forbids the eval with which Playwright would ask by itself."""
    async with asyncio.timeout(within_s):
        while not await page.evaluate(condition):
            await asyncio.sleep(0.05)

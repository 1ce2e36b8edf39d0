"""A real browser for the end-to-end tests, and what it is pointed at."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests import chromium, npm
from tests.demo_process import Demo

REPORTED = re.compile(r"ERR_CONNECTION_REFUSED|WebSocket|status of (401|403|409|422)")
"""What the browser reports by itself: a daemon that is away, and an answer that refuses, which the page tells."""


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless Chromium for all."""
    # The Node that playwright carries needs a library that bare machines do not have.
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = npm.NODE
    found = chromium.find()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found.path, args=chromium.FLAGS, env={**os.environ, **found.environment}
        )
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A fresh page of an Indonesian visitor; an error on its console fails the test."""
    context = await browser.new_context(locale="id-ID", timezone_id="Asia/Jakarta")
    page = await context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    await context.close()
    assert [error for error in errors if not REPORTED.search(error)] == []


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    demo = await Demo.start()
    yield demo
    await demo.stop()

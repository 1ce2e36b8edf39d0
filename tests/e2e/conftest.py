"""A real browser for the end-to-end tests, and what it is pointed at."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests import chromium
from tests.demo_process import Demo

REPORTED = re.compile(r"ERR_CONNECTION_REFUSED|WebSocket|status of (401|403|409|422)")
"""What the browser reports by itself: a daemon that is away, and an answer that refuses, which the page tells."""


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One headless Chromium for all."""
    async with chromium.running() as browser:
        yield browser


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

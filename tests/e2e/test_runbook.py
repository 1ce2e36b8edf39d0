"""What to do, in a real browser on a real platform: values filled in, a command copied, a step that ticks itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.daemon import Daemon
from tests.e2e.test_page import shows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]
SWEEP_S = 5
WITHIN_MS = 1000 * (SWEEP_S + 3)
COMMAND = (
    "psql -c \"select tgname, tgenabled from pg_trigger where tgrelid = to_regclass('messages') and not tgisinternal\""
)


async def test_a_dropped_trigger_says_what_to_do_until_it_is_back(page, demo, tmp_path):
    """The card and its page name the step and its command with the right values; made again, the step ticks itself.

    What was told stays when the daemon is away, and stays struck through until one leaves.
    """
    daemon = await Daemon.watching(tmp_path, Path(demo.config), limits=f"sweep_s = {SWEEP_S}")
    try:
        await daemon.settled()
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.goto(daemon.address)
        await page.wait_for_selector('html[data-link="live"]')
        await expect(page.locator(".do")).to_have_count(0)
        await demo.break_("drop-trigger")
        await shows(page, "triggers", "fail", "triggers.missing", within=SWEEP_S + 2)

        card = page.locator("#triggers .do")
        await expect(card).to_contain_text("Langkah pertama")
        await expect(card.locator("code")).to_have_text(COMMAND)
        # The whole card is a link; its button is not.
        await card.get_by_role("button", name="Salin perintah").click()
        await expect(card.get_by_role("button")).to_have_text("Disalin")
        await expect(card.get_by_role("status")).to_have_text("Disalin")
        assert await page.evaluate("navigator.clipboard.readText()") == COMMAND
        assert "#/checks" not in page.url

        await page.locator("#triggers h3 a").click()
        guide = page.locator('.led-by[data-code="triggers.missing"]')
        await expect(guide).to_contain_text("Trigger trg_messages_notify seharusnya memberi kabar")
        await expect(guide.locator(".command code")).to_have_text(COMMAND)
        await expect(guide.locator(".causes li")).to_have_count(3)
        await expect(guide.locator(".verify")).to_contain_text("menunggu")
        # The demo's admin has no such page.
        await expect(guide.locator(".ways")).to_have_count(0)

        await page.get_by_role("button", name="English").click()
        await expect(guide).to_contain_text("Trigger trg_messages_notify should tell of every new row in messages")
        await page.get_by_role("button", name="Indonesia").click()

        await demo.mend("drop-trigger")
        await expect(guide.locator(".verify.done")).to_contain_text("terlihat pukul", timeout=WITHIN_MS)
        await expect(guide.locator(".ended s")).to_contain_text("Trigger trg_messages_notify di tabel messages")
        await expect(guide.locator(".ended")).to_contain_text(re.compile(r"Selesai pukul \d\d\.\d\d\.\d\d"))
        await page.go_back()
        await expect(page.locator("#triggers")).to_be_visible()
        await expect(page.locator(".do")).to_have_count(0)
        await page.go_forward()
        await expect(page.locator("h1")).to_be_visible()
        await expect(guide).to_have_count(0)
    finally:
        await daemon.stop()


@pytest.mark.prove
async def test_what_to_do_is_there_while_the_daemon_is_away(page, demo, tmp_path):
    """Once told, it stays readable after the link is lost; a service of the board has its steps where it stands."""
    daemon = await Daemon.watching(tmp_path, Path(demo.config), limits=f"sweep_s = {SWEEP_S}")
    try:
        await daemon.settled()
        await demo.break_("stop-service")
        await page.goto(daemon.address)
        await shows(page, "service-dify", "fail", "service.refused", within=SWEEP_S + 4)
        service = page.locator("#service-dify")
        summary = service.locator("summary").first
        await expect(summary).to_have_text("Apa yang harus dilakukan")
        await summary.click()
        await expect(service.locator(".command code")).to_have_text("docker compose up -d dify")
    finally:
        await daemon.stop()
    await page.wait_for_selector('html[data-link="lost"]', timeout=9000)
    await expect(service.locator(".command code")).to_have_text("docker compose up -d dify")
    await expect(service.locator(".verify")).to_contain_text("menunggu")

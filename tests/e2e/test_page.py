"""The page in a real browser, on a real daemon, on a real platform."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from playwright.async_api import expect

from tests.daemon import Daemon

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]
CHECKS = (
    "db", "realtime", "triggers", "cluster_coverage", "recent_activity", "feature_flags", "message_throughput",
)  # fmt: skip
SWEEP_S = 5


def card(page, check):
    return page.locator(f".check#{check}")


async def shows(page, check, verdict, reason=None, *, within):
    """Wait until a card shows a verdict, and a reason where one is named."""
    found = f'#{check}[data-verdict="{verdict}"]' + (f'[data-reason="{reason}"]' if reason else "")
    await page.wait_for_selector(found, timeout=1000 * within)


async def open_board(page, daemon, path=""):
    await page.goto(daemon.address + path)
    for check in CHECKS:
        await expect(card(page, check)).to_be_visible()
    await page.wait_for_selector('html[data-link="live"]')


async def test_the_first_paint_has_data(page, platform, start_daemon):
    """The very first answer carries the document: the board stands even where no socket can be opened."""
    await platform.write("user")
    await platform.write("bot")
    daemon = await start_daemon(platform.monitor_dsn)
    await (await daemon.settled()).until(lambda d: d["status"] == "healthy", 3)
    await page.route_web_socket(re.compile("stream"), lambda socket: socket.close())
    await page.goto(daemon.address)
    assert await page.locator("#overall").get_attribute("data-status") == "healthy"
    assert "4/4" in await card(page, "triggers").locator(".figure").inner_text()
    assert [await one.get_attribute("id") for one in await page.locator(".check").all()] == list(CHECKS)


@pytest.mark.parametrize("base", ["/hm/", pytest.param("/", marks=pytest.mark.prove)])
async def test_the_whole_page_lives_under_its_base_path(page, platform, start_daemon, base):
    """Page, files, REST and stream are all found under the base path, and nothing is asked for outside of it."""
    await platform.write()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    daemon = await start_daemon(platform.monitor_dsn, base_path=base)
    await daemon.settled()
    await open_board(page, daemon)
    assert daemon.address.endswith(base)
    await platform.write("bot", count=5)
    await expect(card(page, "message_throughput").locator(".figure")).to_contain_text("1,2")
    for check in CHECKS:
        await card(page, check).get_by_role("link").first.click()
        await expect(page).to_have_url(re.compile(f"#/checks/{check}$"))
        await expect(page.locator(".section").nth(1)).to_be_visible()
        await page.go_back()
    assert all(url.startswith(daemon.address) for url in asked)


async def test_a_killed_database_turns_the_page_and_its_return_turns_it_back(page, demo, start_daemon):
    """Killed with -9, PostgreSQL is the page's one cause within a second; back again, all is well within three."""
    daemon = await start_daemon(demo.info["monitor_dsn"])
    await daemon.settled()
    await open_board(page, daemon)
    await demo.break_("crash-postgres")
    await shows(page, "db", "fail", "db.refused", within=1)
    for check in set(CHECKS) - {"db", "feature_flags"}:
        await shows(page, check, "unknown", "unknown.blocked_by", within=1)
    await shows(page, "cron", "unknown", "unknown.blocked_by", within=1)
    await shows(page, "feature_flags", "ok", within=1)
    await expect(page.locator("#overall")).to_have_attribute("data-status", "degraded")
    await expect(page).to_have_title(re.compile("Terganggu"))
    await demo.mend("crash-postgres")
    for check in CHECKS:
        await shows(page, check, "ok", within=3)
    await shows(page, "db", "ok", "db.restarted", within=2)


@pytest.mark.prove
async def test_a_dropped_trigger_turns_its_card_within_a_sweep(page, demo, start_daemon):
    """A trigger that somebody drops is named within one sweep; made again, the card turns back within one."""
    daemon = await start_daemon(demo.info["monitor_dsn"], limits=f"sweep_s = {SWEEP_S}")
    await daemon.settled()
    await open_board(page, daemon)
    await demo.break_("drop-trigger")
    await shows(page, "triggers", "fail", "triggers.missing", within=SWEEP_S + 2)
    await expect(card(page, "triggers")).to_contain_text("trg_messages_notify")
    await expect(card(page, "triggers").locator(".figure")).to_contain_text("3/4")
    await demo.mend("drop-trigger")
    await shows(page, "triggers", "ok", within=SWEEP_S + 2)


@pytest.mark.prove
async def test_a_killed_listener_is_shown_and_heals(page, demo, start_daemon):
    """A listening session that is ended shows at once, and heals by itself; the page saw both."""
    daemon = await start_daemon(demo.info["monitor_dsn"])
    await daemon.settled()
    await open_board(page, daemon)
    await page.evaluate(
        """() => { window.seen = []; new MutationObserver(() => {
            const card = document.getElementById('realtime');
            window.seen.push([card.dataset.verdict, card.dataset.reason, performance.now()]);
        }).observe(document.getElementById('realtime'), { attributes: true, attributeFilter: ['data-verdict'] }); }"""
    )
    await demo.break_("kill-listener")
    async with asyncio.timeout(7):
        # The page forbids the eval with which Playwright would wait by itself.
        while len(seen := await page.evaluate("window.seen")) < 2:
            await asyncio.sleep(0.05)
    lost, back = seen[:2]
    assert lost[:2] == ["unknown", "realtime.reconnecting"]
    assert back[:2] == ["ok", "realtime.relay_unproven"]


async def test_too_many_messages_turn_the_card_and_their_leaving_turns_it_back(page, platform, start_daemon):
    """The 301st message in five minutes turns the card within a second; as old ones leave, it turns back by itself."""
    await platform.write(count=290, ago_s=292)
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    await open_board(page, daemon)
    await platform.write(count=20)
    await shows(page, "message_throughput", "warn", "message_throughput.above", within=1)
    await expect(card(page, "message_throughput")).to_contain_text("310 pesan dalam 5 menit")
    await shows(page, "message_throughput", "ok", within=12)


async def test_silence_turns_the_card_at_its_second(page, platform, start_daemon):
    """Six hours of silence turn the card at their second; a message turns it back within a second."""
    await platform.write(ago_s=6 * 3600 - 5)
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    await open_board(page, daemon)
    await shows(page, "recent_activity", "warn", "recent_activity.silent", within=7)
    await platform.write()
    await shows(page, "recent_activity", "ok", within=1)


async def test_the_page_says_when_its_link_is_dead_and_comes_back(page, platform, tmp_path):
    """With the daemon gone the page greys itself and says so; when it is back, the page is live again by itself."""
    await platform.write()
    daemon = await Daemon.start(tmp_path, platform.monitor_dsn)
    await daemon.settled()
    await open_board(page, daemon)
    port = int(daemon.address.rsplit(":", 1)[1].strip("/"))
    await daemon.stop()
    await page.wait_for_selector('html[data-link="lost"]', timeout=3000)
    again = await Daemon.start(tmp_path, platform.monitor_dsn, port=port)
    await page.wait_for_selector('html[data-link="live"]', timeout=25_000)
    await again.settled()
    await shows(page, "db", "ok", within=5)
    await again.stop()


async def test_the_page_goes_on_where_it_stood(page, platform, start_daemon):
    """From the document inside it at first, from its place after a break: what it knows is never sent again."""
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    links, heard = [], []

    def between(link):
        server = link.connect_to_server()
        links.append((link, server))

        def hear(text):
            heard.append(json.loads(text))
            link.send(text)

        server.on_message(hear)

    await page.route_web_socket(re.compile("stream"), between)
    await open_board(page, daemon)
    figure = card(page, "message_throughput").locator(".figure")
    await platform.write("bot", count=5)
    await expect(figure).to_contain_text("1,2")
    for one in links[0]:
        await one.close()
    await page.wait_for_selector('html[data-link="lost"]', timeout=3000)
    await platform.write("bot", count=4)
    await expect(figure).not_to_contain_text("1,2", timeout=5000)
    await page.wait_for_selector('html[data-link="live"]')
    kinds = [one["type"] for one in heard]
    assert len(links) == kinds.count("hello") == 2
    assert all(one["resumed"] for one in heard if one["type"] == "hello")
    assert "snapshot" not in kinds


async def test_both_languages_and_both_lights(page, platform, start_daemon):
    """English and the other light are one press away, and are remembered."""
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    await open_board(page, daemon)
    await expect(page.locator("html")).to_have_attribute("lang", "id")
    await page.get_by_text("English", exact=True).click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("#overall h1")).to_have_text(re.compile("Healthy|Degraded|Unknown"))
    await page.get_by_role("button", name=re.compile("dark|light", re.IGNORECASE)).click()
    theme = await page.locator("html").get_attribute("data-theme")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("html")).to_have_attribute("data-theme", theme or "")


async def test_a_phone_shows_the_worst_first(page, platform, start_daemon):
    """On a narrow screen nothing is cut off, and the failing card comes first, for readers of the source as well."""
    await platform.write()
    await platform.connection.execute("drop trigger trg_messages_notify on messages")
    await page.set_viewport_size({"width": 390, "height": 844})
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    await open_board(page, daemon)
    await asyncio.sleep(0.1)
    assert await page.locator(".check").first.get_attribute("id") == "triggers"
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")

"""How the page shows that nobody listened: the broken hop while it lasts, the stretch on the charts afterwards."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.async_api import expect

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
NOTE = """() => {
    const step = (id) => document.querySelector(`[data-step="${id}"]`);
    window.seen = [];
    new MutationObserver(() => {
        window.seen.push([step('signal').dataset.verdict, step('signal').innerText, step('listener').innerText]);
        document.documentElement.dataset.seen = window.seen.length;
    }).observe(document.querySelector('.path'), { attributes: true, subtree: true, attributeFilter: ['data-verdict'] });
}"""
LISTENER = "select pid from pg_stat_activity where application_name = 'huph-monitor listen' and datname = $1"


async def test_a_frozen_listener_is_a_lost_signal_and_then_a_stretch_on_the_chart(page, platform, start_daemon):
    """Its hop is not well while it is frozen; healed, the chart names the stretch, and the count is in step."""
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn, limits="canary_deadline_s = 1")
    await daemon.settled()
    await page.goto(f"{daemon.address}#/checks/realtime")
    hop, station = page.locator('[data-step="signal"]'), page.locator('[data-step="listener"]')
    await expect(hop).to_have_attribute("data-verdict", "ok")
    await expect(hop).to_contain_text("sinyal uji kembali")
    await page.evaluate(NOTE)
    pid = await platform.connection.fetchval(LISTENER, platform.database)
    os.kill(pid, signal.SIGSTOP)
    try:
        await page.wait_for_selector("html[data-seen]", timeout=15_000)
        await expect(hop).to_have_attribute("data-verdict", "ok", timeout=15_000)
    finally:
        os.kill(pid, signal.SIGCONT)
    verdict, told, listener = (await page.evaluate("window.seen"))[0]
    assert verdict == "unknown"
    # Lost, and then at once cut by us: the page may show both in one stroke.
    assert re.search("sinyal uji hilang|terputus", told)
    assert re.search("belum terbukti mendengar sejak|menyambung ulang", listener)
    await expect(station).to_contain_text("kanal didengar sejak")

    await page.goto(f"{daemon.address}#/checks/message_throughput")
    strip = page.locator(".chart g.deaf")
    await expect(strip).to_have_count(1)
    assert float(await strip.locator("rect").get_attribute("width") or 0) >= 3
    stretch = re.compile(r"tidak mendengar [\d.]{8}.[\d.]{8}: setelah tidak menjawab, sudah dihitung ulang")
    await expect(page.locator(".legend .deaf")).to_have_text(stretch)
    frame = page.locator(".chart .frame")
    await frame.press("End")
    await expect(frame).to_have_attribute("aria-valuetext", stretch)
    await frame.press("Home")
    await expect(frame).not_to_have_attribute("aria-valuetext", stretch)
    kept = re.compile(r"Dihitung ulang dengan SQL pada setiap sinyal, per [\d.]{8}\.$")
    await expect(page.locator(".section.first .remark")).to_have_text(kept)

"""The page under hands and under change: all of it by keyboard, nothing jumps, no word of the other language."""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.chromium import until
from tests.shots import crowd, made
from tests.shots.boards import boards
from tests.shots.camera import VIEWS, Look, go, sitter
from tests.shots.stand import Stand

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
DESK, PHONE = Look(1280, "light", "id"), Look(360, "dark", "en")
WORDS = Path(__file__).parents[2] / "web" / "src" / "i18n"
SHIFTS = """
window.shifts = [];
window.score = 0;
window.frames = new Set();
const moved = ({ previousRect: a, currentRect: b }) => {
  const far = (side) => Math.abs(a[side] - b[side]) > 1;
  return b.width > 0 && a.width > 0 && (far('top') || (far('left') && far('right')));
};
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    window.score += one.hadRecentInput ? 0 : one.value;
    if (one.sources.some(moved)) window.frames.add(one.startTime);
    for (const { node } of one.sources.filter(moved))
      window.shifts.push(`${node?.nodeName} ${node?.className} ${node?.textContent?.slice(0, 40)}`);
  }
}).observe({ type: 'layout-shift', buffered: true });
"""
"""What stands elsewhere than before; a number that grows at its one end has not moved. The score is the browser's."""
FOCUSED = """() => {
  const one = document.activeElement, ring = (it) => it && getComputedStyle(it).outlineStyle !== 'none';
  const box = one.getBoundingClientRect();
  const reached = document.querySelectorAll('[data-seen]').length;
  const back = one.dataset.seen !== undefined || one === document.body;
  const before = [...document.querySelectorAll('[data-seen]')].pop();
  const forward = !before || (before.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING) > 0;
  one.dataset.seen = '';
  const ringed = ring(one) || ring(one.closest('.check'));
  return { back, forward, ringed, seen: box.width > 0 && box.height > 0, html: one.outerHTML.slice(0, 120), reached };
}"""
REACHABLE = """() => [...document.querySelectorAll('a[href], button, summary, input, textarea, [tabindex="0"]')]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && one.dataset.seen === undefined)
  .map((one) => one.outerHTML.slice(0, 120))"""
SAID = """() => {
  const said = new Set([document.title]);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    if (!node.parentElement.closest('[lang]:not(html), code')) said.add(node.textContent.trim());
  for (const one of document.querySelectorAll('body *:not([lang])'))
    for (const name of ['aria-label', 'title', 'alt', 'aria-valuetext', 'data-label', 'placeholder'])
      if (one.hasAttribute(name)) said.add(one.getAttribute(name).trim());
  return [...said].filter(Boolean);
}"""


@asynccontextmanager
async def opened(browser, document, look, token=""):
    """Show a board, and hear whatever the browser complains about."""
    async with Stand(document) as stand, sitter(browser, look, stand.url, token, before=SHIFTS) as page:
        told: list[str] = []
        page.on("console", lambda message: told.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: told.append(str(error)))
        await page.wait_for_selector('html[data-link="live"]')
        yield stand, page
        assert told == []


async def walk(page):
    """Go through the page by Tab alone, until it begins anew; give what was not reached."""
    for _ in range(300):
        await page.keyboard.press("Tab")
        found = await page.evaluate(FOCUSED)
        if found["back"]:
            break
        assert found["forward"], f"out of order: {found['html']}"
        assert found["ringed"], f"no ring: {found['html']}"
        assert found["seen"], f"not to be seen: {found['html']}"
    return await page.evaluate(REACHABLE)


@pytest.mark.parametrize("look", [DESK, PHONE], ids=lambda look: look.name)
async def test_keys(browser, look):
    """Tab reaches everything that can be operated, in the order of the document, and one sees where one is."""
    async with opened(browser, made.board("trigger_missing"), look, "edit") as (stand, page):
        for address in ("", VIEWS["db"], VIEWS["setting"], "#/cron/follow_up", "#/events"):
            await page.goto(stand.url + address)
            # The same page with another part behind the # is not loaded anew by itself.
            await page.reload()
            await page.wait_for_selector('html[data-link="live"]')
            await page.wait_for_load_state("networkidle")
            assert await walk(page) == [], address


async def test_ways(browser):
    """The first Tab leads past the bar; Enter opens a card at its heading, and the way back is the browser's."""
    async with opened(browser, made.board(), DESK) as (_, page):
        await page.keyboard.press("Tab")
        await expect(page.locator(".skip")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile("#/checks/db$"))
        await expect(page.locator("h1")).to_be_focused()
        await page.go_back()
        await expect(page.locator("h1.verdict")).to_be_visible()


async def test_chart(browser):
    """The arrows walk a chart's points, its ends are two keys away, what is marked there is read, Esc lets go."""
    document = made.board({"settings": {"system.anthropic_model": {"changed_at": made.stamp(1800)}}})
    async with opened(browser, document, DESK) as (_, page):
        await go(page, VIEWS["db"])
        frame = page.locator(".chart .frame")
        reading = page.locator(".section.first header .end")
        await frame.focus()
        await expect(frame).to_have_attribute("aria-valuetext", re.compile(r"^08\.20\.\d\d: [\d,]+ ms"))
        await page.keyboard.press("ArrowLeft")
        last = await reading.inner_text()
        await page.keyboard.press("ArrowLeft")
        assert await reading.inner_text() != last
        await page.keyboard.press("Home")
        await expect(reading).to_have_text(re.compile(r"^07\.20\.1"))
        for _ in range(29):
            await page.keyboard.press("PageDown")
        told = []
        for _ in range(20):
            await page.keyboard.press("ArrowRight")
            told.append(await frame.get_attribute("aria-valuetext"))
        assert any("system.anthropic_model diubah" in one for one in told), told
        await page.keyboard.press("Escape")
        await expect(reading).to_have_text("")


@pytest.mark.parametrize("look", [DESK, PHONE], ids=lambda look: look.name)
async def test_stillness(browser, look):
    """From the first paint on, through ticks of the clock and two hundred changed values, nothing moves."""
    async with opened(browser, made.board("cron_failing"), look) as (stand, page):
        await page.wait_for_load_state("networkidle")
        for step in range(100):
            value = 2.1 + step % 7
            stand.show({"checks": {"db": {"headline": {"value": value}, "detail": {"connections": {"active": step}}}}})
            throughput = {"headline": {"value": round(3.2 + step / 5, 1)}, "detail": {"count_5m": 16 + step}}
            stand.show({"checks": {"message_throughput": throughput}, "monitor": {"subscribers": step}})
            await asyncio.sleep(0.02)
        await expect(page.locator("#message_throughput .figure")).to_contain_text(re.compile(r"23[.,]0|23 "))
        assert await page.evaluate("window.shifts") == []


FAILING = [("trigger_missing",), ("trigger_missing", "flags_file_missing", "broker_down")]


@pytest.mark.parametrize("look", [DESK, PHONE], ids=lambda look: look.name)
@pytest.mark.parametrize("troubles", FAILING, ids=len)
async def test_failing(browser, look, troubles):
    """What to do stands on each failing card at the first paint: nothing moves when all the rest has come."""
    async with opened(browser, made.board(*troubles), look) as (_, page):
        await expect(page.locator('.check[data-verdict="fail"] .do')).to_have_count(len(troubles))
        await page.wait_for_load_state("networkidle")
        await until(page, "performance.getEntriesByType('resource').some((one) => one.name.includes('runbook'))")
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("[window.shifts, Number(window.score.toFixed(2))]") == [[], 0]


@pytest.mark.parametrize("look", [DESK, PHONE], ids=lambda look: look.name)
async def test_failing_later(browser, look):
    """A card that begins to fail grows once, in the frame of its verdict, with what to do about it."""
    async with opened(browser, made.board(), look) as (stand, page):
        await until(page, "performance.getEntriesByType('resource').some((one) => one.name.includes('runbook'))")
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("[window.shifts, Number(window.score.toFixed(2))]") == [[], 0]
        stand.show(made.BOARDS["troubles"]["trigger_missing"])
        await expect(page.locator("#triggers .do")).to_be_visible()
        await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("window.frames.size") <= 1


def only(language):
    """Give what is said in this language and not in the other, as it stands in the catalogues."""
    other = "en" if language == "id" else "id"
    found, theirs = set(), set()
    for name in ("texts", "pages", "words", "reasons"):
        stack = [json.loads((WORDS / f"{name}.json").read_text(encoding="utf-8"))]
        while stack:
            node = stack.pop()
            if isinstance(node.get(language), str):
                found.add(node[language])
                theirs.add(node[other])
            else:
                stack += node.values()
    # A sentence comes in pieces, and one of them may be a word of the other language as well.
    return {text for text in found if "{" not in text and len(text) > 3 and not any(text in one for one in theirs)}


KEY = re.compile(r"^[a-z_]+(\.[a-z_0-9]+)+$")
WORDED = json.loads((WORDS / "texts.json").read_text("utf-8")) | json.loads((WORDS / "pages.json").read_text("utf-8"))


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize(
    "name", ["degraded", *(pytest.param(name, marks=pytest.mark.prove) for name in ("crowd", "whole", "unknown"))]
)
async def test_languages(browser, name, language):
    """No view says a word of the other language, or the name of a text in its place."""
    foreign = only("en" if language == "id" else "id")
    assert len(foreign) > 100
    document = boards()[name]
    quoted = json.dumps(document)
    async with opened(browser, document, Look(1280, "light", language)) as (_, page):
        for address in [*VIEWS.values(), f"#/cron/{crowd.LONG_JOB}"]:
            await go(page, address)
            said = await page.evaluate(SAID)
            assert [text for text in said if text in foreign and text not in quoted] == [], address
            assert [text for text in said if KEY.match(text) and text in WORDED] == [], address


async def test_alarm(browser):
    """The two alarms themselves: what moves is heard, and so is a word of the other language."""
    async with opened(browser, made.board(), DESK) as (_, page):
        await page.wait_for_load_state("networkidle")
        await page.evaluate("document.getElementById('main').style.marginTop = '90px'")
        await page.evaluate("document.getElementById('main').append('Needs a look')")
        await until(page, "window.shifts.length > 0")
        assert set(await page.evaluate(SAID)) & only("en") == {"Needs a look"}

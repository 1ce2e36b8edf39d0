"""The page for everyone: no rule of WCAG 2.2 AA that a machine can judge is broken, in any view, light or size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import npm
from tests.doors import shut_gate
from tests.shots import crowd, made
from tests.shots.boards import boards
from tests.shots.camera import VIEWS, Look, go, sitter
from tests.shots.stand import Stand

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
HERE = Path(__file__).parents[1] / "axe"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""The last ones are what the makers of the rules advise beyond the standard: landmarks, headings, regions."""
RULES = {"target-size": {"enabled": True}}
"""Of WCAG 2.2 AA (2.5.8), and switched off unless it is asked for."""
LOOKS = [Look(width, theme, language) for width, language in ((1280, "id"), (360, "en")) for theme in ("light", "dark")]
OFTEN = [pytest.param(look, marks=() if look in (LOOKS[0], LOOKS[-1]) else pytest.mark.prove) for look in LOOKS]
"""A desk by day and a phone by night with every change, the other two in the long form."""
NARROWEST = Look(320, "light", "id")
LONGEST = f"#/cron/{crowd.LONG_JOB}"


@pytest.fixture(scope="module")
def axe() -> str:
    """The judge, as a script; the browser takes it from us and not from the page, so the page's policy stays on."""
    npm.install(HERE)
    return (HERE / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


async def judge(page, axe: str) -> list[str]:
    """Say which rules are broken, and where."""
    await page.evaluate(axe)
    options = {"runOnly": TAGS, "rules": RULES, "resultTypes": ["violations"]}
    found = await page.evaluate("(options) => axe.run(document, options)", options)
    assert len(found["passes"]) > 10, "it has judged nothing"
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:200]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]


async def unfold(page) -> None:
    """Open whatever is folded, so that it is judged as well."""
    await page.evaluate("""async () => {
      for (const one of document.querySelectorAll('#main details')) one.open = true;
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""")


async def test_judge(browser, axe):
    """The judge itself: what is wrong on purpose is found, on a page whose policy lets no script of others in."""
    async with Stand(made.board()) as stand, sitter(browser, LOOKS[0], stand.url) as page:
        await page.locator("#main").wait_for()
        await page.evaluate("""() => {
          const small = Object.assign(document.createElement('button'), { textContent: 'x', className: 'wrong' });
          const next = small.cloneNode(true), word = document.createElement('p');
          for (const one of [small, next]) Object.assign(one.style, { width: '9px', height: '9px', padding: 0 });
          Object.assign(word.style, { color: '#999', background: '#fff' });
          word.textContent = 'pale';
          document.getElementById('main').append(small, next, word);
        }""")
        told = "\n".join(await judge(page, axe))
    assert "target-size" in told
    assert "color-contrast" in told


@pytest.mark.parametrize("look", OFTEN, ids=lambda look: look.name)
@pytest.mark.parametrize(
    "name",
    ["degraded", *(pytest.param(name, marks=pytest.mark.prove) for name in boards() if name != "degraded")],
)
async def test_views(browser, axe, look, name):
    """Every view of every board, in both lights, on a desk and on a phone."""
    document = boards()[name]
    wrong = {}
    async with Stand(document) as stand, sitter(browser, look, stand.url) as page:
        await page.locator("#main").wait_for()
        for view, address in [*VIEWS.items(), ("long", LONGEST)]:
            await go(page, address)
            await unfold(page)
            if found := await judge(page, axe):
                wrong[view] = found
    assert wrong == {}, json.dumps(wrong, indent=1)


@pytest.mark.parametrize(
    "look", [LOOKS[0], *(pytest.param(look, marks=pytest.mark.prove) for look in LOOKS[1:])], ids=lambda look: look.name
)
async def test_forms(browser, axe, look):
    """The form of a setting with a conflict and its history, the page behind a lost link, the closed page."""
    wrong = {}
    async with Stand(made.board()) as stand, sitter(browser, look, stand.url, "edit") as page:
        await page.wait_for_selector('html[data-link="live"]')
        await go(page, VIEWS["setting"])
        field = page.locator("form textarea").first
        await field.fill("claude-opus-5")
        await field.press("Enter")
        await page.locator(".conflict").wait_for()
        await page.locator("details summary").first.click()
        await page.locator(".changes li").first.wait_for()
        wrong["form"] = await judge(page, axe)
        await stand.stop()
        await page.wait_for_selector('html[data-link="lost"]')
        wrong["lost"] = await judge(page, axe)
    async with Stand(made.board(), gate=shut_gate()) as stand, sitter(browser, look, stand.url) as page:
        await page.locator("main").wait_for()
        wrong["closed"] = await judge(page, axe)
    assert {view: found for view, found in wrong.items() if found} == {}


@pytest.mark.parametrize("name", ["crowd", "whole"])
async def test_narrow(browser, name):
    """At 320 px, as at 400 % of a desk, nothing has to be scrolled sideways (WCAG 1.4.10)."""
    wide = []
    async with Stand(boards()[name]) as stand, sitter(browser, NARROWEST, stand.url) as page:
        await page.locator("#main").wait_for()
        for view, address in [*VIEWS.items(), ("long", LONGEST)]:
            await go(page, address)
            await unfold(page)
            if await page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(view)
    assert wide == []

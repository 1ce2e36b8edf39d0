"""Settings edited on the page by who is really signed in, in a real database; and a page that closes behind them."""

from __future__ import annotations

import json
import re
import time

import pytest
from playwright.async_api import expect

from monitor.demo.links import User
from monitor.demo.session_cookie import NAME, mint

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]
THEIRS = "update system_settings set value = 'claude-theirs', version = version + 1, updated_at = now() where key = $1"
LOOK = """() => new Promise((done) => {
  const look = () => {
    dispatchEvent(new Event('focus'));
    if (document.querySelector('h1.verdict')) done();
    else setTimeout(look, 200);
  };
  look();
})"""
"""Comes back to the page, again and again, until it is open."""
SECRET = "a-secret-of-at-least-32-characters-"
ADMIN = User(1, "Super admin 1", "superadmin1@example.test", "super_admin")
KEY, API_KEY = "system.anthropic_model", "system.anthropic_api_key"


@pytest.fixture
async def daemon(platform, start_daemon):
    """A daemon that lets users of the platform in, and edits."""
    await platform.write()
    access = f'nextauth_secret = "{SECRET}"\nsign_in_url = "/login?callbackUrl={{here}}"\n'
    return await start_daemon(
        platform.monitor_dsn, edit_dsn=platform.editor_dsn, access=access, limits="sweep_s = 5", base_path="/hm/"
    )


async def sign_in(page, daemon, user=ADMIN, ago_s=0):
    cookie = {"name": NAME, "value": mint(SECRET, user, int(time.time() - ago_s)), "url": daemon.address}
    await page.context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Lax"}])


async def open_setting(page, daemon, key):
    await page.goto(f"{daemon.address}#/settings/{key}")
    await page.wait_for_selector('html[data-link="live"]')
    await expect(page.get_by_role("button", name="Simpan")).to_be_visible()


async def record(platform):
    row = await platform.connection.fetchrow("select actor, subject, detail from audit_log order by id desc limit 1")
    return row["actor"], row["subject"], json.loads(row["detail"])


async def test_edit(page, platform, daemon):
    """A new value is sent with its reason, recorded, and comes back by the stream, to this screen and to another."""
    await sign_in(page, daemon)
    other = await page.context.new_page()
    await other.goto(daemon.address)
    await open_setting(page, daemon, KEY)
    await expect(page.locator(".bar .who")).to_contain_text(f"{ADMIN.email} super admin")
    await page.get_by_label("Nilai baru").fill("claude-next")
    await expect(page.locator(".change .new")).to_contain_text("claude-next")
    await page.get_by_label("Alasan").fill("kuota baru")
    await page.get_by_label("Nilai baru").press("Enter")
    await expect(page.locator(".saved")).to_contain_text("sudah berlaku")
    await expect(page.get_by_role("heading", level=1)).to_have_text("claude-next")
    await expect(other.locator(f'[id="setting-{KEY}"]')).to_contain_text("claude-next")
    actor, subject, detail = await record(platform)
    assert (actor, subject) == (ADMIN.email, KEY)
    assert (detail["new"], detail["reason"]) == ("claude-next", "kuota baru")
    await page.get_by_text("Siapa mengubah apa").click()
    await expect(page.locator(".changes li").first).to_contain_text("kuota baru")


async def test_conflict(page, platform, daemon):
    """Who was slower sees the other's value beside his own, and saves over it knowing that."""
    await sign_in(page, daemon)
    await open_setting(page, daemon, KEY)
    await page.get_by_label("Nilai baru").fill("claude-mine")
    await platform.connection.execute(THEIRS, KEY)
    await page.get_by_role("button", name="Simpan").click()
    await expect(page.locator(".conflict")).to_contain_text("claude-theirs")
    await expect(page.locator(".conflict")).to_contain_text("claude-mine")
    await page.get_by_role("button", name="Timpa dengan nilai saya").click()
    await expect(page.locator(".saved")).to_contain_text("sudah berlaku")
    await expect(page.get_by_label("Nilai baru")).to_be_focused()
    _, _, detail = await record(platform)
    assert (detail["old"], detail["new"]) == ("claude-theirs", "claude-mine")


async def test_secret(page, platform, daemon):
    """A secret is replaced without ever being shown, and is gone from the page once it is sent."""
    await sign_in(page, daemon)
    await open_setting(page, daemon, API_KEY)
    await page.get_by_label("Nilai baru").fill("sk-canary-4711")
    await page.get_by_role("button", name="Simpan").click()
    await expect(page.locator(".saved")).to_contain_text("sudah berlaku")
    assert await page.get_by_label("Nilai baru").input_value() == ""
    assert "canary" not in await page.content()
    assert await platform.connection.fetchval("select value from system_settings where key = $1", API_KEY) == (
        "sk-canary-4711"
    )
    await page.get_by_text("Siapa mengubah apa").click()
    await expect(page.locator(".changes li").first).to_contain_text("diganti")


async def test_draft(page, daemon):
    """The browser would ask before what was typed is lost, and only then."""
    leaving = "(() => !dispatchEvent(new Event('beforeunload', { cancelable: true })))()"
    await sign_in(page, daemon)
    await open_setting(page, daemon, KEY)
    assert not await page.evaluate(leaving)
    field = page.get_by_label("Nilai baru")
    await field.fill("claude-drafted")
    assert await page.evaluate(leaving)
    await field.press("Escape")
    assert not await page.evaluate(leaving)


@pytest.mark.prove
async def test_session_ends_amid_a_draft(page, platform, daemon):
    """What was typed stays when the session ends, is not saved then, and is saved once one is back."""
    await sign_in(page, daemon, ago_s=8 * 3600 - 20)
    await open_setting(page, daemon, KEY)
    field, save = page.get_by_label("Nilai baru"), page.get_by_role("button", name="Simpan")
    await field.fill("claude-drafted")
    await expect(page.locator("html")).to_have_attribute("data-link", "lost", timeout=40_000)
    await save.click()
    await expect(page.locator(".edit .wrong")).to_contain_text("Sesi Anda sudah berakhir")
    await expect(field).to_have_value("claude-drafted")
    await sign_in(page, daemon)
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await page.wait_for_selector('html[data-link="live"]')
    await save.click()
    await expect(page.locator(".saved")).to_contain_text("sudah berlaku")
    assert (await record(platform))[2]["new"] == "claude-drafted"


@pytest.mark.prove
async def test_refused(page, daemon):
    """What the profile does not take is said at the field, and the draft stays."""
    await sign_in(page, daemon)
    await open_setting(page, daemon, KEY)
    field = page.get_by_label("Nilai baru")
    await field.fill("gpt")
    async with page.expect_response(re.compile("/settings/")) as answer:
        await field.press("Enter")
    assert (await answer.value).status == 422
    await expect(page.locator("#edit-wrong")).to_contain_text("Bentuk nilainya")
    await expect(field).to_have_value("gpt")
    await expect(field).to_be_focused()
    await field.press("Escape")
    await expect(field).to_have_value(re.compile("^claude-"))


async def test_closed(page, platform, daemon):
    """A role that is taken away closes the page and leaves nothing behind; given back, it opens without a reload."""
    await sign_in(page, daemon)
    await page.goto(daemon.address)
    await page.wait_for_selector('html[data-link="live"]')
    await platform.connection.execute("update users set role = 'counselor' where id = 1")
    await expect(page.locator('.closed[data-code="wrong_role"] h1')).to_be_visible(timeout=70_000)
    assert "claude-" not in await page.content()
    here = page.url.replace(":", "%3A").replace("/", "%2F").replace("#", "%23")
    link = page.get_by_role("link", name="Masuk dengan akun lain")
    assert (await link.get_attribute("href")).endswith(f"/login?callbackUrl={here}")
    await platform.connection.execute("update users set role = 'super_admin' where id = 1")
    await page.evaluate(LOOK)
    await expect(page.locator("h1.verdict")).to_be_visible()


@pytest.mark.prove
async def test_signed_out(page, daemon):
    """Who is not signed in is told so, in either language and without a script; signed in, one sees the page there."""
    answer = await page.goto(daemon.address)
    assert answer.status == 401
    await expect(page.locator("h1")).to_have_text("Masuk untuk melihat halaman ini", use_inner_text=True)
    here = daemon.address.replace(":", "%3A").replace("/", "%2F")
    assert (await page.locator(".button").get_attribute("href")) == f"/login?callbackUrl={here}"
    await page.get_by_role("link", name="English").click()
    await expect(page.locator("h1")).to_have_text("Sign in to see this page", use_inner_text=True)
    assert await page.locator("script").count() == 0
    await sign_in(page, daemon)
    await page.get_by_role("link", name="Reload this page").click()
    await expect(page.locator("h1.verdict")).to_be_visible()

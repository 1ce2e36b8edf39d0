"""People sign in at the platform's admin, by the real NextAuth 4 and Auth.js 5, and are known here by that alone."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from unittest.mock import ANY

import aiohttp
import pytest
from playwright.async_api import Page, expect

from monitor.access.nextauth import Claims
from tests.access.minting import OTHER, SECRET, told
from tests.admin import PASSWORD, USERS, Admin, Visitor
from tests.daemon import Daemon
from tests.e2e.conftest import browser  # noqa: F401 - the fixture

VERSIONS = pytest.mark.parametrize("version", ["v4", "v5"])
HOURS_8 = 28800
SIGN_IN = "/v5/api/auth/signin?callbackUrl=/hm/"


@pytest.fixture(scope="module")
async def admin() -> AsyncIterator[Admin]:
    """An admin whose packages are the real ones."""
    admin = await Admin.start()
    yield admin
    await admin.stop()


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """Somebody who has not yet signed in."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Visitor(session)


@VERSIONS
@pytest.mark.parametrize("user", USERS, ids=lambda user: user["name"])
async def test_cookie(admin, visitor, version, user):
    """Whoever has signed in brings a cookie, whole or in chunks, that says who it is, in the admin's words."""
    assert told(visitor.header, time.time()) is None
    assert await visitor.sign_in(admin, version, user["email"]) == f"{admin.address}/hm/"
    claims = told(visitor.header, time.time())
    assert isinstance(claims, Claims)
    assert [claims.sub, claims.role, claims.name, claims.email] == [
        user[key] for key in ("id", "role", "name", "email")
    ]
    assert claims.exp == claims.iat + HOURS_8, "not the 30 days that NextAuth 4 writes at first"
    assert ("session-token.3=" in visitor.header) == ("permissions" in user)
    # The admin makes the cookie anew whenever it is asked.
    before = visitor.header
    _, _, session = await visitor.ask("GET", f"{admin.address}/{version}/api/auth/session")
    assert json.loads(session)["user"]["role"] == user["role"]
    assert visitor.header != before
    again = told(visitor.header, time.time())
    assert isinstance(again, Claims)
    assert again.sub == user["id"]
    assert again.exp == again.iat + HOURS_8


@VERSIONS
async def test_no_cookie(admin, visitor, version):
    """Whoever has not signed in, though the admin has set its other cookies, is nobody."""
    assert "error" in await visitor.sign_in(admin, version, "ayu@example.org", "another password")
    assert "csrf-token=" in visitor.header
    assert told(visitor.header, time.time()) is None


# The same in a browser, with the daemon behind the admin.


@pytest.fixture
async def tab(browser) -> AsyncIterator[Page]:  # noqa: F811
    """A visitor who has never been here."""
    context = await browser.new_context(locale="en-GB")
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def daemon(admin, platform, start_daemon, tmp_path) -> Daemon:
    """A daemon that only the admin leads to, below /hm/, and that knows the secret of before as well."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{OTHER}\n{SECRET}\n", encoding="utf-8")
    await platform.write()
    access = [f'nextauth_secret_file = "{secrets}"', f'origins = ["{admin.address}"]', f'sign_in_url = "{SIGN_IN}"']
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/", access="\n".join(access))
    admin.leads_to(daemon.address)
    return daemon


async def fill(tab: Page, admin: Admin, version: str, email: str) -> None:
    """Sign in by the page that the package itself draws."""
    await tab.goto(f"{admin.address}/{version}/api/auth/signin?callbackUrl=/hm/")
    await tab.get_by_label("Username").fill(email)
    await tab.get_by_label("Password").fill(PASSWORD)
    await tab.get_by_role("button", name="Sign in").click()
    await tab.wait_for_url("**/hm/")


async def asked(tab: Page, path: str) -> tuple[int, Any]:
    """Ask, as our page would, for an address below /hm/; give the status and the JSON."""
    script = "async (path) => { const r = await fetch(path); return [r.status, await r.json()]; }"
    status, told = await tab.evaluate(script, f"/hm/api/v1/{path}")
    return status, told


@pytest.mark.e2e
@VERSIONS
async def test_browser(admin, daemon, tab, version):
    """A visitor is shown the board after signing in, live through the proxy, and not before, nor after signing out."""
    page = f"{admin.address}/hm/"
    response = await tab.goto(page)
    assert response is not None
    assert response.status == 401
    assert await asked(tab, "health") == (401, ANY)
    status, refusal = await asked(tab, "session")
    assert (status, refusal["error"]["code"], refusal["error"]["sign_in_url"]) == (401, "sign_in", SIGN_IN)
    await fill(tab, admin, version, "ayu@example.org")
    await tab.wait_for_selector('html[data-link="live"]')
    await expect(tab.locator(".check#db")).to_have_attribute("data-verdict", "ok")
    status, session = await asked(tab, "session")
    assert status == 200
    assert (session["kind"], session["name"], session["role"]) == ("user", "ayu@example.org", "super_admin")
    left = datetime.fromisoformat(session["expires_at"]).timestamp() - time.time()
    assert HOURS_8 - 60 < left <= HOURS_8
    await tab.reload()
    await tab.wait_for_selector('html[data-link="live"]')
    await tab.goto(f"{admin.address}/{version}/api/auth/signout")
    async with tab.expect_navigation():
        await tab.get_by_role("button", name="Sign out").click()
    response = await tab.goto(page)
    assert response is not None
    assert response.status == 401


@pytest.mark.e2e
@VERSIONS
async def test_wrong_role(admin, daemon, tab, version):
    """Whoever may sign in at the platform, but not look at it, is told so, and is not asked to sign in again."""
    await fill(tab, admin, version, "citra@example.org")
    assert await asked(tab, "health") == (403, ANY)
    status, refusal = await asked(tab, "session")
    assert (status, refusal["error"]["code"]) == (403, "wrong_role")
    assert await tab.locator("html[data-link]").count() == 0


@pytest.mark.e2e
@VERSIONS
async def test_forged_secret(platform, start_daemon, tab, version):
    """A session that was signed by another secret is none, behind the same proxy."""
    admin = await Admin.start("a secret that the daemon was never told of")
    try:
        daemon = await start_daemon(
            platform.monitor_dsn,
            base_path="/hm/",
            access=f'nextauth_secret = "{OTHER}"\norigins = ["{admin.address}"]',
        )
        admin.leads_to(daemon.address)
        await fill(tab, admin, version, "ayu@example.org")
        status, refusal = await asked(tab, "session")
        assert (status, refusal["error"]["code"]) == (401, "sign_in")
    finally:
        await admin.stop()


@pytest.mark.e2e
@VERSIONS
async def test_other_site(admin, daemon, tab, version):
    """A page of another origin cannot open the stream in the name of whoever is signed in; nor is it open to nobody."""
    await fill(tab, admin, version, "ayu@example.org")
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in await tab.context.cookies(admin.address))
    address = f"{admin.address}/hm/api/v1/stream"
    async with aiohttp.ClientSession(headers={"Cookie": cookies}) as session:
        for origin in ("https://evil.example", "null", admin.address.replace("127.0.0.1", "localhost"), None):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(address, headers={"Origin": origin} if origin else {})
            assert caught.value.status == 403, origin
        async with session.ws_connect(address, headers={"Origin": admin.address}) as opened:
            assert (await opened.receive_json())["type"] == "hello"
    async with aiohttp.ClientSession(headers={"Origin": admin.address}) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(address)
        assert caught.value.status == 401

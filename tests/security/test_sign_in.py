"""People sign in at the platform's admin, by the real NextAuth 4 and Auth.js 5, and are known here by that alone."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from monitor.access.nextauth import Claims
from tests.access.minting import OTHER, SECRET, told
from tests.admin import USERS, Admin, Tab, Visitor
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
async def tab(browser, admin) -> AsyncIterator[Tab]:  # noqa: F811
    """A visitor who has never been here."""
    context = await browser.new_context(locale="en-GB")
    yield Tab(await context.new_page(), admin.address)
    await context.close()


@pytest.fixture
async def daemon(admin, platform, start_daemon, tmp_path) -> Daemon:
    """A daemon that only the admin leads to, below /hm/; the secret of its sessions is just being replaced."""
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{OTHER}\n{SECRET}\n", encoding="utf-8")
    access = [f'nextauth_secret_file = "{secrets}"', f'origins = ["{admin.address}"]', f'sign_in_url = "{SIGN_IN}"']
    await platform.write()
    await platform.connection.execute(
        "insert into users (id, name, email, role) values (4, 'Dewi', 'dewi@example.org', 'super_admin')"
    )
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/", access="\n".join(access), limits="sweep_s = 5")
    admin.leads_to(daemon.address)
    return daemon


@pytest.mark.e2e
@VERSIONS
async def test_browser(daemon, tab, version):
    """A visitor sees the board after signing in, live through the proxy; not before, and not after signing out."""
    assert await tab.status() == 401
    assert await tab.asks("health") == (401, "sign_in", "")
    await tab.sign_in(version, "ayu@example.org")
    await tab.lives()
    assert await tab.asks("session") == (200, "", "ayu@example.org")
    await tab.page.reload()
    await tab.lives()
    await tab.page.goto(f"{tab.origin}/{version}/api/auth/signout")
    async with tab.page.expect_navigation():
        await tab.page.get_by_role("button", name="Sign out").click()
    assert await tab.status() == 401
    assert await tab.asks("session") == (401, "sign_in", "")


@pytest.mark.prove
@pytest.mark.e2e
@VERSIONS
async def test_chunks(daemon, tab, version):
    """A session that the browser keeps in four cookies, longer than most servers take, is one here."""
    await tab.sign_in(version, "dewi@example.org")
    cookies = await tab.page.context.cookies(tab.origin)
    assert len([one for one in cookies if "session-token." in one["name"]]) == 4
    await tab.lives()
    assert await tab.asks("session") == (200, "", "dewi@example.org")


@pytest.mark.prove
@pytest.mark.e2e
@VERSIONS
async def test_wrong_role(daemon, tab, version):
    """Whoever may sign in at the platform, but not look at it, is told so, and is not asked to sign in again."""
    await tab.sign_in(version, "citra@example.org")
    assert await tab.asks("session") == (403, "wrong_role", "")
    assert await tab.asks("health") == (403, "wrong_role", "")
    assert await tab.status() == 403


@pytest.mark.prove
@pytest.mark.e2e
@VERSIONS
async def test_inactive(daemon, tab, platform, version):
    """Whoever is no longer active at the platform is out, though the session goes on there."""
    await tab.sign_in(version, "budi@example.org")
    await tab.lives()
    await platform.connection.execute("update users set is_active = false where id = 2")

    async def out() -> bool:
        return await tab.asks("session") == (403, "inactive", "")

    await tab.until(out, 15)
    assert await tab.status() == 403


@pytest.mark.prove
@pytest.mark.e2e
@VERSIONS
async def test_forged(platform, start_daemon, browser, version):  # noqa: F811
    """A session of another secret is none, though it comes by the same way."""
    admin = await Admin.start("a secret that the daemon was never told of")
    context = await browser.new_context(locale="en-GB")
    try:
        access = f'nextauth_secret = "{OTHER}"\norigins = ["{admin.address}"]'
        daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/", access=access)
        admin.leads_to(daemon.address)
        tab = Tab(await context.new_page(), admin.address)
        await tab.sign_in(version, "ayu@example.org")
        assert await tab.asks("session") == (401, "sign_in", "")
    finally:
        await context.close()
        await admin.stop()


@VERSIONS
async def test_other_site(admin, daemon, visitor, version):
    """A page of another origin cannot open the stream in the name of whoever is signed in; nor can nobody."""
    await visitor.sign_in(admin, version, "ayu@example.org")
    address = f"{admin.address}/hm/api/v1/stream"

    async def refused(cookies: str, origin: str | None) -> int:
        headers = {"Cookie": cookies, **({"Origin": origin} if origin else {})}
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await visitor.http.ws_connect(address, headers=headers)
        return caught.value.status

    for origin in ("https://evil.example", "null", admin.address.replace("127.0.0.1", "localhost"), None):
        assert await refused(visitor.header, origin) == 403, origin
    assert await refused("", admin.address) == 401
    headers = {"Cookie": visitor.header, "Origin": admin.address}
    async with visitor.http.ws_connect(address, headers=headers) as opened:
        assert (await opened.receive_json())["type"] == "hello"

"""People sign in by HTTPS, with the cookies that are for HTTPS alone, at the admin and the monitor behind one proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from tests import chromium
from tests.access.minting import SECRET
from tests.admin import Admin, Tab
from tests.deploy import front
from tests.deploy.front import HOST, ORIGIN

pytestmark = pytest.mark.e2e
NAMES = {"v4": "__Secure-next-auth.session-token", "v5": "__Secure-authjs.session-token"}


@pytest.fixture(params=["caddy", pytest.param("nginx", marks=pytest.mark.prove)])
async def tab(request, platform, start_daemon, tmp_path) -> AsyncIterator[Tab]:
    """A visitor of the admin whose name leads to the proxy, whose certificate this browser alone believes."""
    if front.program(request.param) is None:
        pytest.skip(f"there is no {request.param}")
    admin = await Admin.start()
    admin.seen_at(ORIGIN)
    secret = tmp_path / "nextauth"
    secret.write_text(SECRET, encoding="utf-8")
    access = [f'nextauth_secret_file = "{secret}"', f'origins = ["{ORIGIN}"]', 'trusted_proxies = ["127.0.0.1/32"]']
    await platform.write()
    daemon = await start_daemon(platform.monitor_dsn, base_path="/hm/", access="\n".join(access))
    ports = [urlsplit(address).port or 0 for address in (admin.address, daemon.address)]
    async with front.fronted(request.param, tmp_path, admin=ports[0], monitor=ports[1]) as proxy:
        leads = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{proxy.port}"
        async with chromium.running(leads, "--ignore-certificate-errors") as browser:
            context = await browser.new_context(locale="en-GB")
            yield Tab(await context.new_page(), ORIGIN)
    await admin.stop()


@pytest.mark.parametrize("version", NAMES)
async def test_secure(tab, version):
    """The cookie that came by HTTPS lets its owner in, live over the stream, until he signs out."""
    assert await tab.status() == 401
    await tab.sign_in(version, "ayu@example.org")
    await tab.lives()
    assert await tab.asks("session") == (200, "", "ayu@example.org")
    kept = {one["name"]: one for one in await tab.page.context.cookies(ORIGIN)}
    assert kept[NAMES[version]]["secure"]
    assert kept[NAMES[version]]["httpOnly"]
    await tab.page.goto(f"{ORIGIN}/{version}/api/auth/signout")
    async with tab.page.expect_navigation():
        await tab.page.get_by_role("button", name="Sign out").click()
    assert await tab.status() == 401
    await expect(tab.page.locator(".check#db")).to_have_count(0)

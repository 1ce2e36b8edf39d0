"""A daemon that lets in who is signed in: what the platform says of its users counts at once; an edit is everywhere."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest
import websockets

from monitor.demo.links import User
from monitor.demo.session_cookie import NAME, mint

SECRET = "a-secret-of-at-least-32-characters-"
ADMIN = User(1, "Super admin 1", "superadmin1@example.test", "super_admin")
OTHER = User(2, "System admin 1", "systemadmin1@example.test", "system_admin")
KEY = "system.anthropic_model"
SIGNAL_S = 2.0
"""A second after the platform's own event whoever may stay no longer is gone; a busy machine may need one more."""


def shown(user, ago_s=0.0):
    return {"Cookie": f"{NAME}={mint(SECRET, user, int(time.time() - ago_s))}"}


@pytest.fixture
async def daemon(platform, start_daemon):
    await platform.write()
    return await start_daemon(
        platform.monitor_dsn,
        edit_dsn=platform.editor_dsn,
        access=f'nextauth_secret = "{SECRET}"\n',
        limits="sweep_s = 30",
    )


def follow(daemon, user):
    address = daemon.address.replace("http://", "ws://") + "api/v1/stream"
    headers = {**shown(user), "Origin": daemon.address.rstrip("/")}
    # Nobody reads what comes: with a full queue it would not hear that it is ended.
    return websockets.connect(address, additional_headers=headers, proxy=None, compression=None, max_queue=None)


async def ask(daemon, user, method, path, **more):
    async with aiohttp.ClientSession() as http:
        headers = {**shown(user), **more.pop("headers", {})}
        async with http.request(method, f"{daemon.address}api/v1/{path}", headers=headers, **more) as response:
            return response.status, await response.json()


async def edit(daemon, user, version, value):
    own = {"X-Huph-Monitor": "1", "If-Match": f'"{version}"', "Origin": daemon.address.rstrip("/")}
    return await ask(daemon, user, "PATCH", f"settings/{KEY}", headers=own, json={"value": value})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update users set role = 'counselor' where id = 2", "wrong_role"),
        ("update users set is_active = false where id = 2", "inactive"),
    ],
)
async def test_demoted(platform, daemon, change, code):
    """With the event, not with the next sweep, whoever may stay no longer is gone, on every way in; others stay."""
    async with follow(daemon, OTHER) as socket, follow(daemon, ADMIN) as stays:
        await asyncio.gather(socket.recv(), stays.recv())
        await asyncio.sleep(0)
        await platform.connection.execute(change)
        async with asyncio.timeout(SIGNAL_S):
            await socket.wait_closed()
        assert socket.close_code == 4403
        assert stays.close_code is None
    status, said = await ask(daemon, OTHER, "GET", "health/full")
    assert (status, said["error"]["code"]) == (403, code)
    assert (await ask(daemon, ADMIN, "GET", "session"))[0] == 200


async def test_demoted_amid_a_crowd(platform, daemon):
    """However many look at the past of a setting, whoever may stay no longer is gone as soon."""
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject, at, detail) select 'x', 'setting.update', $1, to_timestamp(n),"
        " jsonb_build_object('old', repeat('o', 1500), 'new', repeat('n', 1500)) from generate_series(1, 60) n",
        KEY,
    )
    async with follow(daemon, OTHER) as socket:
        await socket.recv()
        looks = [asyncio.create_task(ask(daemon, ADMIN, "GET", f"settings/{KEY}/history")) for _ in range(30)]
        await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)
        await platform.connection.execute("update users set is_active = false where id = 2")
        await socket.wait_closed()
        assert not all(look.done() for look in looks)
        assert {status for status, _ in await asyncio.gather(*looks)} <= {200, 429, 503}


async def test_row_of_before(platform, daemon):
    """A session that was made before its user lost the role is found out by its very first question."""
    await platform.connection.execute("update users set role = 'counselor' where id = 2")
    assert (await ask(daemon, OTHER, "GET", "health/full"))[0] == 403


async def test_edit_is_fresh(platform, daemon):
    """An edit asks the row itself, in its own transaction: no memory of ours decides."""
    assert (await ask(daemon, OTHER, "GET", "session"))[0] == 200
    await platform.connection.execute("set session_replication_role = replica")  # past our triggers: no signal comes
    await platform.connection.execute("update users set is_active = false where id = 2")
    status, said = await edit(daemon, OTHER, 1, "claude-stolen")
    assert (status, said["error"]["code"]) == (403, "not_allowed")
    value = await platform.connection.fetchval("select value from system_settings where key = $1", KEY)
    assert value != "claude-stolen"


async def test_new_value_everywhere(platform, daemon):
    """A new value is on every screen by the platform's own event, and the audit log has its record."""
    async with follow(daemon, OTHER) as screen:
        status, said = await edit(daemon, ADMIN, 1, "claude-next")
        assert (status, said["version"]) == (200, 2)
        async with asyncio.timeout(2):
            while '"claude-next"' not in (text := await screen.recv()):
                pass
        assert json.loads(text)["type"] in {"diff", "snapshot"}
    record = await platform.connection.fetchrow("select actor, subject, detail from audit_log order by id desc limit 1")
    assert (record["actor"], record["subject"]) == (ADMIN.email, KEY)
    status, said = await edit(daemon, OTHER, 1, "claude-late")
    assert (status, said["error"]["current"]["value"]) == (409, "claude-next")
    _, past = await ask(daemon, OTHER, "GET", f"settings/{KEY}/history")
    assert [(one["by"], one["new"]) for one in past["changes"]] == [(ADMIN.email, "claude-next")]

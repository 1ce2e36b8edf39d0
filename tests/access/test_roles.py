"""The users table counts as soon as it was read; what a session says counts until then."""

from __future__ import annotations

import asyncio

import pytest

from monitor.access.roles import OUT_S, SEEN_S, Roles, Standing
from tests.fakes import Recorder

ADMIN = Standing("super_admin", True)


@pytest.fixture
def woken():
    return Recorder()


@pytest.fixture
def roles(woken):
    return Roles(("super_admin", "system_admin"), lambda: woken("woken"))


def test_session_alone(roles):
    """Before the row was read the session's own role decides."""
    assert roles.judge("1", "super_admin", 0) is None
    assert roles.judge("2", "counselor", 0) == "wrong_role"
    assert roles.judge("3", "", 0) == "wrong_role"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (ADMIN, None),
        (Standing("system_admin", True), None),
        (Standing("counselor", True), "wrong_role"),
        (Standing("super_admin", False), "inactive"),
        (None, "inactive"),
    ],
)
def test_row(roles, row, code):
    """Once the row was read it decides; who has none is nobody."""
    roles.judge("1", "super_admin", 0)
    roles.learn(["1"], {"1": row} if row is not None else {})
    assert roles.judge("1", "super_admin", 1) == code


def test_row_does_not_raise(roles):
    """A row that would let in does not help a session that has no such role: it must be renewed first."""
    roles.judge("1", "super_admin", 0)
    roles.learn(["1"], {"1": ADMIN})
    assert roles.judge("1", "counselor", 1) == "wrong_role"


def test_wakes_once(roles, woken):
    """A user who is new here is looked up at once, one who is known with the rest; whoever has no role is not."""
    roles.judge("2", "counselor", 0)
    assert woken.seen == []
    for now in (0, 1, 2):
        roles.judge("1", "super_admin", now)
    assert len(woken.seen) == 1


def test_kept_while_unread(roles):
    """What was read last goes on to count while the table cannot be read."""
    roles.judge("1", "super_admin", 0)
    roles.learn(["1"], {})
    assert [roles.judge("1", "super_admin", now) for now in (60, 600)] == ["inactive", "inactive"]
    assert roles.wanted(700) == ["1"]


def test_forgets(roles):
    """Who was not seen for a while is forgotten, with the row; nobody is remembered for ever."""
    for user in ("1", "2"):
        roles.judge(user, "super_admin", 0)
    roles.learn(["1", "2"], {"1": ADMIN})
    # Who may not come in must not become somebody new by waiting.
    assert roles.wanted(SEEN_S) == ["2"]
    assert roles.judge("2", "super_admin", SEEN_S) == "inactive"
    assert roles.wanted(SEEN_S + OUT_S) == []
    roles.learn(["2"], {"2": ADMIN})
    assert roles.judge("2", "super_admin", SEEN_S + OUT_S) is None


async def test_first_word(roles):
    """Whoever is new waits for his row: not for that of somebody else, and not where it cannot be read."""
    roles.readable = True
    roles.judge("1", "super_admin", 0)
    roles.judge("2", "super_admin", 0)
    waits = asyncio.create_task(roles.read("1"))
    await asyncio.sleep(0)
    roles.learn(["2"], {"2": ADMIN})
    await asyncio.wait_for(roles.read("2"), 0.5)
    await asyncio.sleep(0)
    assert not waits.done()
    roles.learn(["1"], {})
    await asyncio.wait_for(waits, 0.5)
    assert roles.judge("1", "super_admin", 0) == "inactive"
    roles.judge("3", "super_admin", 0)
    waits = asyncio.create_task(roles.read("3"))
    await asyncio.sleep(0)
    roles.lose()
    await asyncio.wait_for(waits, 0.5)
    await asyncio.wait_for(roles.read("3"), 0.5)


async def test_first_word_never_comes(roles, monkeypatch):
    """Nobody waits for long."""
    monkeypatch.setattr("monitor.access.roles.FIRST_S", 0.01)
    roles.readable = True
    await asyncio.wait_for(roles.read("1"), 0.5)

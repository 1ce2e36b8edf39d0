"""The rows of those who are signed in are read at once, again and again, and whenever a signal says so."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from monitor.access.roles import Roles
from monitor.refusals import Turned, Unavailable
from monitor.sources import users
from monitor.sources.queries import Query
from monitor.sources.users import UserRows, UserWatch
from tests.fakes import FakeClock, Recorder

NOW = FakeClock().now().wall
QUERY = Query("users.sql", "select", UserRows)


class Table:
    """A session that answers from a dictionary, or does not answer."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[str, bool]] = {"1": ("super_admin", True)}
        self.asked = Recorder()
        self.trouble: Exception | None = None

    async def ask(self, _: str, wanted: list[str]) -> tuple[list[dict[str, object]], float]:
        self.asked(list(wanted))
        if self.trouble is not None:
            raise self.trouble
        found = {user: self.rows[user] for user in wanted if user in self.rows}
        row = {
            "id": list(found),
            "role": [role for role, _ in found.values()],
            "active": [active for _, active in found.values()],
        }
        return [row], 1.0


@pytest.fixture
async def watched():
    """A table, the roles that are read from it, and what has been told of it; the watch runs with rests of 50 ms."""
    table, changed = Table(), Recorder()
    roles = Roles(("super_admin",), lambda: watch.wake())  # noqa: PLW0108 - it is made afterwards
    watch = UserWatch(QUERY, table, roles, FakeClock(), sweep_s=0.05, changed=lambda: changed("changed"))
    running = asyncio.create_task(watch.run())
    yield table, roles, watch, changed
    running.cancel()


async def test_nobody(watched):
    """While nobody is signed in the table is not asked."""
    table, *_ = watched
    await asyncio.sleep(0.15)
    assert table.asked.seen == []


async def test_new(watched):
    """Who comes in is looked up, and again with each round; what was read is told."""
    table, roles, _, changed = watched
    table.rows["1"] = ("counselor", True)
    assert roles.judge("1", "super_admin", NOW) is None
    await changed.until(2)
    assert roles.judge("1", "super_admin", NOW) == "wrong_role"
    assert table.asked.seen[0] == ["1"]


async def test_signal(watched):
    """A signal has it asked without waiting for the round."""
    table, roles, watch, changed = watched
    watch._rest_s = 60
    roles.judge("1", "super_admin", NOW)
    await changed.until(1)
    del table.rows["1"]
    watch.wake()
    await changed.until(2)
    assert roles.judge("1", "super_admin", NOW) == "inactive"


@pytest.mark.parametrize("trouble", [Unavailable(), Turned("permission", relation="users")])
async def test_unread(watched, trouble):
    """While the table cannot be read what was known counts; that is said once, and the next answer heals it."""
    table, roles, _, changed = watched
    table.rows["1"] = ("super_admin", False)
    roles.judge("1", "super_admin", NOW)
    await changed.until(1)
    with capture_logs() as said:
        table.trouble = trouble
        await table.asked.until(len(table.asked.seen) + 2)
    assert [(line["event"], line["log_level"]) for line in said] == [("users.unread", "warning")]
    assert roles.judge("1", "super_admin", NOW) == "inactive"
    assert not roles.readable
    table.trouble, table.rows["1"] = None, ("super_admin", True)
    await changed.until(len(changed.seen) + 1)
    assert roles.readable
    assert roles.judge("1", "super_admin", NOW) is None


def test_a_minute_at_most():
    """However rarely everything else is swept, a row is believed for a minute at most."""
    watch = UserWatch(QUERY, Table(), Roles(()), FakeClock(), sweep_s=3600, changed=lambda: None)
    assert watch._rest_s == users.RARELY_S == 60


async def test_again_soon(watched, monkeypatch):
    """Where the table could not be read, the next question does not wait for a whole round."""
    table, roles, watch, changed = watched
    watch._rest_s = 60
    monkeypatch.setattr(users, "AGAIN_S", 0.05)
    table.trouble, table.rows["1"] = Unavailable(), ("super_admin", False)
    roles.judge("1", "super_admin", NOW)
    await table.asked.until(2)
    table.trouble = None
    await changed.until(1)
    assert roles.judge("1", "super_admin", NOW) == "inactive"

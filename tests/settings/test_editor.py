"""The door of the settings: what never reaches the database, and what is said of answers that make no sense."""

from __future__ import annotations

import asyncio

import pytest

from monitor.access.caller import Caller, Level
from monitor.database import Target
from monitor.domain.checks.settings import Setting
from monitor.secret import Secret
from monitor.settings.edit import Change, Conflict, Edit, Edited, Refusal, Trail
from monitor.settings.editor import Editor
from monitor.sources.queries import Query
from tests.editing import KEY, USER, editor_of

NOWHERE = "postgresql://huph_monitor_editor@127.0.0.1:1/none"
CANARY = "canary-4711"


def wish(value="claude-x", key=KEY, caller=USER, **more):
    seen = {} if "old" in more else {"version": 1}
    return Edit(caller, key, Secret(value), **seen | more)


@pytest.mark.parametrize(
    ("edit", "refusal"),
    [
        pytest.param(wish(key="system.nowhere"), Refusal("no_such_setting"), id="not of the profile"),
        pytest.param(wish(caller=Caller("user", "x", Level.EDIT)), Refusal("not_allowed"), id="nobody's id"),
        pytest.param(wish(caller=Caller("break_glass", "x", Level.EDIT)), Refusal("not_allowed"), id="break-glass"),
        pytest.param(wish(caller=Caller("open", "x", Level.EDIT)), Refusal("not_allowed"), id="anybody"),
        pytest.param(wish(version=None), Refusal("precondition_required"), id="nothing seen"),
        pytest.param(
            wish(key="system.openai_api_key", old=Secret("x")), Refusal("precondition_required"), id="a secret's value"
        ),
        pytest.param(wish(""), Refusal("invalid_value", "empty"), id="empty"),
        pytest.param(wish("gpt"), Refusal("invalid_value", "pattern"), id="pattern"),
        pytest.param(wish("claude-\0"), Refusal("invalid_value", "pattern"), id="control character"),
        pytest.param(wish("claude-" + "x" * 2000), Refusal("invalid_value", "bounds"), id="too long"),
        pytest.param(wish("perhaps", "system.intent_llm_enabled"), Refusal("invalid_value", "type"), id="type"),
        # All is well with it, and nobody is there.
        pytest.param(wish(), Refusal("database_away"), id="nobody there"),
    ],
)
async def test_refused(edit, refusal):
    """What cannot be right is refused before a session is opened."""
    assert await editor_of(NOWHERE).edit(edit) == refusal


async def test_edits_off():
    """Without a role to edit with, or a query of the profile's, nothing is edited, and that is known beforehand."""
    door = editor_of(None)
    assert not door.edits
    assert await door.edit(wish()) == Refusal("edits_off")
    assert editor_of(NOWHERE).edits
    other = Editor((), Target.of(NOWHERE), Target.of(NOWHERE))
    assert not other.edits
    assert await other.edit(wish()) == Refusal("edits_off")
    assert await other.history(KEY) == Refusal("no_such_setting")


async def test_nothing_is_remembered():
    """Where the profile has no history there is none."""
    door = Editor((Setting(KEY),), Target.of(NOWHERE))
    assert await door.history(KEY) == ()


def test_nothing_is_printed():
    """An edit, what it ends in and what is told of the past print no value and no reason."""
    edit = wish(CANARY, reason=CANARY, old=Secret(CANARY))
    conflict, change = Conflict(1, 2.0, "x", CANARY), Change("1", 2.0, "x", "", secret=False, old=CANARY, new=CANARY)
    assert CANARY not in repr([edit, conflict, change])


async def test_a_turn(platform):
    """Edits wait for one another, but not for ever."""
    door = editor_of(platform.editor_dsn, platform.monitor_dsn, turn_s=0.2)
    await door._turn.acquire()
    assert await door.edit(wish()) == Refusal("busy")
    door._turn.release()
    assert (await door.edit(wish())).version == 2
    await door._past.acquire()
    assert await door.history(KEY) == Refusal("busy")
    door._past.release()
    assert len(await door.history(KEY)) == 1


class Odd:
    """A query that answers as a profile's should not."""

    def __init__(self, sql, facts):
        self.query = Query("odd.sql", sql, facts)
        self.sql = sql

    def read(self, rows):
        return self.query.read(rows)


ASKED = "($1::text, $2::text, $3::int8, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::bool)"


@pytest.mark.parametrize(
    ("sql", "refusal"),
    [
        pytest.param(f"select 1 as outcome where {ASKED} is not null or true", "unconfirmed", id="other columns"),
        pytest.param(
            "select 'perhaps' as outcome, 1::int8 as version, 1::float8 as changed_at, '' as changed_by, '' as value,"
            f" false as configured where {ASKED} is not null or true",
            "unconfirmed",
            id="other words",
        ),
        pytest.param(f"select no_such_function{ASKED}", "failed", id="no such function"),
        pytest.param("select $1::int8", "failed", id="other arguments"),
    ],
)
async def test_odd_answers(platform, capsys, sql, refusal):
    """A profile whose query does not fit is told of in the log; whether it wrote is not claimed to be known."""
    reading = Target.of(platform.monitor_dsn)
    door = Editor((Setting(KEY),), reading, Target.of(platform.editor_dsn), edit=Odd(sql, Edited), certain_s=0.3)
    assert await door.edit(wish(CANARY)) == Refusal(refusal)
    said = capsys.readouterr()
    assert "setting.failed" in said.out + said.err
    assert CANARY not in said.out + said.err


async def test_an_odd_history(platform):
    """A history that does not fit is no history."""
    reading = Target.of(platform.monitor_dsn)
    for sql in ("select $1::text as id, $2::bool, $3::int8", "select 1 / 0, $1::text, $2::bool, $3::int8"):
        assert await Editor((Setting(KEY),), reading, trail=Odd(sql, Trail)).history(KEY) == Refusal("failed")


async def test_cancelled(platform):
    """An edit whose caller has gone leaves no session behind, and the next one has its turn."""
    door = editor_of(platform.editor_dsn)
    async with platform.connection.transaction():
        await platform.connection.execute("lock table system_settings")
        task = asyncio.create_task(door.edit(wish()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await door.edit(wish("claude-y"))).version is not None

"""A process that edits one setting again and again, to be killed: python -m tests.editing DSN VERSION [torn]."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
import sys
from collections.abc import Awaitable, Callable
from random import Random

import asyncpg

from monitor.access.caller import Caller, Level
from monitor.config import load
from monitor.database import Target
from monitor.demo import schema
from monitor.plan import editor
from monitor.secret import Secret
from monitor.settings.edit import Done, Edit
from monitor.settings.editor import Editor
from tests.watched import Platform

KEY = "system.anthropic_model"
USER = Caller("user", "Super admin 1", Level.EDIT, "1", "super_admin")
STEP_S = 0.03
"""How long the platform takes at each step of an edit, so that a kill may fall between any two."""
STEPS = ("before update on system_settings", "after update on system_settings", "before insert on audit_log",
         "after insert on audit_log")  # fmt: skip


def editor_of(
    edit_dsn: str | None, monitor_dsn: str = "postgresql://nobody@127.0.0.1:1/none", **bounds: float
) -> Editor:
    """Make the editor of the HUPH profile; without the monitor's address it has no past."""
    config = load(None, {"HUPH_MONITOR_DATABASE_DSN": monitor_dsn, "HUPH_MONITOR_ACCESS_OPEN": "true"}, {})
    target = Target.of(edit_dsn) if edit_dsn is not None else None
    return editor(config.profile, config.database, target, **bounds)


async def whole(connection: asyncpg.Connection) -> tuple[int, int]:
    """Give the setting's version and how many edits are written down: one less, where no edit is torn.

    The last record is held against the setting, if it has details.
    """
    row = await connection.fetchrow(
        "select s.version, s.value, s.updated_at, l.at, l.detail ->> 'new' as new,"
        " (select count(*) from audit_log where subject = s.key) as edits"
        " from system_settings s"
        " left join audit_log l on l.subject = s.key and l.detail ->> 'version' = s.version::text where s.key = $1",
        KEY,
    )
    assert row is not None
    if row["new"] is not None:
        assert (row["new"], row["at"]) == (row["value"], row["updated_at"])
    return row["version"], row["edits"]


async def dawdle(platform: Platform) -> None:
    """Have the platform take its time at each step of an edit."""
    await platform.connection.execute(
        "create function dawdle() returns trigger language plpgsql as"
        f" $$ begin perform pg_sleep({STEP_S}); return new; end $$"
    )
    for number, step in enumerate(STEPS):
        await platform.connection.execute(
            f"create trigger dawdle_{number} {step} for each row execute function dawdle()"
        )


async def kill_amid(
    platform: Platform,
    chance: Random,
    *,
    end_session: bool = False,
    crash: Callable[[], Awaitable[None]] | None = None,
    torn: bool = False,
) -> None:
    """Start a process that edits, kill it at any moment, and wait until the database is through with what it was sent.

    `end_session` ends its session in the database as well, and `crash` the database itself, before the process; `torn`
    edits as nobody should.
    """
    version, _ = await whole(platform.connection)
    dsn = platform.dsn if torn else platform.editor_dsn
    words = ["-m", "tests.editing", dsn, str(version), *(["torn"] if torn else [])]
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline()
        await asyncio.sleep(chance.uniform(0, 1.5 * len(STEPS) * STEP_S))
        if crash is not None:
            await crash()
    finally:
        # In a crash it may have ended by itself.
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
    theirs = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and " + (
        "application_name = 'torn'" if torn else f"usename = '{schema.EDITOR}'"
    )
    if end_session:
        await platform.connection.execute(f"select pg_terminate_backend(pid) {theirs}")
    async with asyncio.timeout(10):
        while await platform.connection.fetchval(f"select count(*) {theirs}"):
            await asyncio.sleep(0.005)


async def edit_for_ever(dsn: str, version: int) -> None:
    door = editor_of(dsn)
    for number in itertools.count(version):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        outcome = await door.edit(Edit(USER, KEY, Secret(f"claude-{number}"), version=number))
        if not isinstance(outcome, Done):
            sys.exit(str(outcome))


async def edit_in_two_steps(dsn: str, version: int) -> None:
    """Edit as nobody should: the setting, and then the record."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "torn"})
    for number in itertools.count(version):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        await connection.execute("update system_settings set version = version + 1 where key = $1", KEY)
        await connection.execute(
            "insert into audit_log (actor, action, subject) values ('x', 'setting.update', $1)", KEY
        )


if __name__ == "__main__":
    run = edit_in_two_steps if sys.argv[3:] else edit_for_ever
    asyncio.run(run(sys.argv[1], int(sys.argv[2])))

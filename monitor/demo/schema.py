"""The platform's database: its roles, tables, triggers and rights, made whole at every start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from monitor.demo import jobs

if TYPE_CHECKING:
    from monitor.demo.postgres import EmbeddedPostgres

DATABASE = "huph"
OWNER = "huph_app"
OWNER_SESSION = "huph-api"  # the application_name of the platform's own sessions
MONITOR = "huph_monitor"
EDITOR = "huph_monitor_editor"
TIMEOUT = 10.0

_HERE = Path(__file__).parent
# The very files that an operator runs on a real platform: the demo proves them at every start.
_SQL = _HERE.parent / "profiles" / "huph" / "sql"
MONITOR_ROLE = _SQL / "monitor_role.sql"
EDIT_SETTING = _SQL / "edit_setting.sql"
CHANGES = _SQL / "monitor_changes.sql"


@dataclass(frozen=True)
class Trigger:
    """One realtime trigger: where it stands, and how it is made."""

    table: str
    statement: str


def _read_triggers() -> dict[str, Trigger]:
    text = (_HERE / "triggers.sql").read_text("utf-8")
    pattern = r"^create or replace trigger (\w+) after [\w ]+ on (\w+)\n[^;]+"
    return {found[1]: Trigger(found[2], found[0]) for found in re.finditer(pattern, text, re.MULTILINE)}


def _read_functions() -> dict[str, str]:
    text = (_HERE / "schema.sql").read_text("utf-8")
    pattern = r"^create or replace function (\w+)\(\) returns trigger[^$]+\$\$.+?^\$\$"
    return {found[1]: found[0] for found in re.finditer(pattern, text, re.MULTILINE | re.DOTALL)}


TRIGGERS = _read_triggers()
FUNCTIONS = _read_functions()


async def connect(dsn: str, application_name: str) -> asyncpg.Connection:
    return await asyncpg.connect(
        dsn, timeout=TIMEOUT, command_timeout=TIMEOUT, server_settings={"application_name": application_name}
    )


async def create_database(postgres: EmbeddedPostgres, password: str) -> None:
    """Make the platform's role and its empty database, where they are missing."""
    server = await connect(postgres.dsn(), "huph-demo")
    try:
        if not await server.fetchval("select 1 from pg_roles where rolname = $1", OWNER):
            await server.execute(f"create role {OWNER} login")
            await _set_password(server, OWNER, password)
        if not await server.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            await server.execute(f"create database {DATABASE} owner {OWNER}")
    finally:
        await server.close(timeout=TIMEOUT)


async def create_tables(owner: asyncpg.Connection) -> None:
    await owner.execute((_HERE / "schema.sql").read_text("utf-8"))


async def make_whole(owner: asyncpg.Connection) -> None:
    """Undo in the tables what a demo has left behind that was stopped while it was broken.

    Runs of jobs that it took away need nothing: the past is drawn anew from the last run of each job on.
    """
    await owner.execute("update users set is_active = true where role = 'counselor' and not is_active")
    statement = "update cron_runs set status = 'success', error_message = null where error_message = $1"
    await owner.execute(statement, jobs.BROKEN_TEMPLATE)


async def create_triggers(owner: asyncpg.Connection) -> None:
    """Make every trigger as it was on the first day, and enable it, whatever a broken demo has left behind."""
    for name, trigger in TRIGGERS.items():
        await owner.execute(trigger.statement)
        await owner.execute(f"alter table {trigger.table} enable trigger {name}")


async def grant_monitor(superuser: asyncpg.Connection) -> None:
    """Let the monitor in, by the role script of the profile, and count statements where the library is loaded."""
    await superuser.execute(MONITOR_ROLE.read_text("utf-8"))
    if "pg_stat_statements" in await superuser.fetchval("show shared_preload_libraries"):
        await superuser.execute("create extension if not exists pg_stat_statements")


async def grant_editor(superuser: asyncpg.Connection, password: str) -> None:
    """Let the monitor edit settings, by a role of its own, and tell it what changes there and among the users."""
    for script in (EDIT_SETTING, CHANGES):
        await superuser.execute(script.read_text("utf-8"))
    await _set_password(superuser, EDITOR, password)


async def _set_password(server: asyncpg.Connection, role: str, password: str) -> None:
    # Utility statements take no parameters; quote_literal knows the rules.
    secret = await server.fetchval("select quote_literal($1)", password)
    await server.execute(f"alter role {role} password {secret}")

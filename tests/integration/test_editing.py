"""Settings are edited in the real database: each outcome, by a role that can do nothing else."""

from __future__ import annotations

import asyncio
import json
from importlib import resources

import asyncpg
import pytest

from monitor import plan
from monitor.access.caller import Caller, Level
from monitor.config import load
from monitor.database import Session, Target
from monitor.demo import schema
from monitor.domain.checks.settings import Entries
from monitor.secret import Secret
from monitor.settings.edit import Conflict, Done, Edit, Refusal
from monitor.sources.queries import Query
from tests.editing import KEY, USER, editor_of, whole
from tests.proxy import BLACKHOLE, PASS, proxied

QUERIES = resources.files("monitor.profiles") / "huph" / "queries"
SETTINGS = Query.load(QUERIES, "settings", Entries)
TOKEN = Caller("token", "deploy", Level.EDIT)
NAME = "superadmin1@example.test"
"""Whom the users table has where a session says that it is Super admin 1."""
API_KEY = "system.anthropic_api_key"
FLAG = "system.intent_llm_enabled"
CANARY = 'canary-"4711\\é'


@pytest.fixture
async def door(platform):
    """The editor of this test's platform."""
    return editor_of(platform.editor_dsn, platform.monitor_dsn)


async def row(platform, key=KEY):
    return dict(await platform.connection.fetchrow("select * from system_settings where key = $1", key))


async def records(platform):
    rows = await platform.connection.fetch("select actor, action, subject, at, detail from audit_log order by id")
    return [dict(one) | {"detail": json.loads(one["detail"])} for one in rows]


def wish(value, key=KEY, caller=USER, **more):
    seen = {} if "old" in more else {"version": 1}
    return Edit(caller, key, Secret(value), **seen | more)


# Outcomes


async def test_done(platform, door):
    """The value is there, with the next version; the log has who, what, why and from where, at the same instant."""
    edit = wish("claude-next", reason=" new quota ", address="192.0.2.7")
    outcome = await door.edit(edit)
    now = await row(platform)
    assert outcome == Done(2, now["updated_at"].timestamp())
    assert (now["value"], now["version"]) == ("claude-next", 2)
    assert await records(platform) == [
        {
            "actor": NAME,
            "action": "setting.update",
            "subject": KEY,
            "at": now["updated_at"],
            "detail": {
                "version": 2,
                "old": "claude-haiku-4-5-20251001",
                "new": "claude-next",
                "user_id": "1",
                "reason": "new quota",
                "address": "192.0.2.7",
                "request_id": edit.request_id,
            },
        }
    ]
    # By the way that every screen sees it.
    reading = Session(Target.of(platform.monitor_dsn), "test", 5)
    facts = SETTINGS.read((await reading.ask(SETTINGS.sql, [KEY], []))[0])
    place = facts.key.index(KEY)
    assert (facts.value[place], facts.version[place]) == ("claude-next", 2)
    assert (facts.changed_by[place], facts.audited[place]) == (NAME, True)
    reading.drop()


async def test_a_service(platform, door):
    """A service edits by its token's name; a bool is written in one way."""
    assert isinstance(await door.edit(wish(" No ", FLAG, TOKEN)), Done)
    assert (await row(platform, FLAG))["value"] == "false"
    (record,) = await records(platform)
    assert record["actor"] == "token:deploy"
    assert record["detail"].keys() == {"version", "old", "new", "request_id"}


async def test_conflict(platform, door):
    """Who comes second is told what it is now, and by whom; nothing is written."""
    assert isinstance(await door.edit(wish("claude-mine")), Done)
    now = await row(platform)
    outcome = await door.edit(wish("claude-late", caller=TOKEN))
    assert outcome == Conflict(2, now["updated_at"].timestamp(), NAME, "claude-mine")
    assert await row(platform) == now
    assert await whole(platform.connection) == (2, 1)


async def test_two_at_once(platform):
    """Of two who have seen the same and save at the same instant one is done, and the other in conflict with it."""
    doors = [editor_of(platform.editor_dsn) for _ in range(2)]
    for number in range(1, 11):
        edits = [wish(f"claude-{number}-{n}", version=number) for n in range(2)]
        outcomes = await asyncio.gather(*(door.edit(edit) for door, edit in zip(doors, edits, strict=True)))
        assert sorted(type(one).__name__ for one in outcomes) == ["Conflict", "Done"]
        won = next(n for n in range(2) if isinstance(outcomes[n], Done))
        assert outcomes[1 - won].value == f"claude-{number}-{won}"
        assert (await row(platform))["value"] == f"claude-{number}-{won}"
        assert await whole(platform.connection) == (number + 1, number)


async def test_without_versions(platform, door):
    """Where no version is known the value that was seen is compared, in whichever way it is written."""
    await platform.connection.execute("update system_settings set value = 'Yes' where key = $1", FLAG)
    # As the page shows it.
    assert isinstance(await door.edit(wish("false", FLAG, old=Secret("true"))), Done)
    outcome = await door.edit(wish("true", FLAG, old=Secret("true")))
    assert (outcome.value, outcome.changed_by) == ("false", NAME)
    assert await door.edit(wish("sk-x", API_KEY, old=Secret("not-a-key-demo-only-1"))) == Refusal(
        "precondition_required"
    )


@pytest.mark.parametrize(
    ("change", "edit", "refusal"),
    [
        pytest.param(f"delete from system_settings where key = '{KEY}'", {}, "no_such_setting", id="gone"),
        pytest.param("update system_settings set editable = false", {}, "not_editable", id="not editable"),
        pytest.param("update users set is_active = false where id = 1", {}, "not_allowed", id="not active"),
        pytest.param("update users set role = 'counselor' where id = 1", {}, "not_allowed", id="no such role"),
        pytest.param(
            "select",
            {"caller": Caller("user", "x", Level.EDIT, "4711", "super_admin")},
            "not_allowed",
            id="no such user",
        ),
        pytest.param("select", {"caller": Caller("user", "x", Level.EDIT, "1 or")}, "not_allowed", id="no id"),
        pytest.param(
            "select", {"caller": Caller("user", "x", Level.EDIT, "01")}, "not_allowed", id="written otherwise"
        ),
        pytest.param(
            "update users set email = '', name = 'token:x' where id = 1", {}, "not_allowed", id="a token's name"
        ),
        pytest.param(
            "alter table system_settings add check (value <> 'claude-next')", {}, "invalid_value", id="a constraint"
        ),
    ],
)
async def test_refused(platform, door, change, edit, refusal):
    """What is not there, not editable, or not for this caller is refused in the transaction; nothing is written."""
    await platform.connection.execute(change)
    before = await platform.connection.fetch("select * from system_settings order by key")
    outcome = await door.edit(wish("claude-next", **edit))
    assert outcome.code == refusal
    assert await platform.connection.fetch("select * from system_settings order by key") == before
    assert await records(platform) == []


async def test_no_record_no_edit(platform, door):
    """Where the record cannot be written the setting stays as it was."""
    await platform.connection.execute("alter table audit_log add check (actor like 'token:%')")
    before = await row(platform)
    assert await door.edit(wish("claude-next")) == Refusal("invalid_value", "pattern")
    assert await row(platform) == before


@pytest.mark.parametrize("table", ["system_settings", "audit_log"])
async def test_taken_away(platform, door, table):
    """Where a trigger of the platform's quietly takes the edit or its record away, there is neither."""
    await trigger(platform, f"before insert or update on {table}", "return null")
    before = await row(platform)
    assert await door.edit(wish("claude-next")) == Refusal("failed")
    assert await row(platform) == before
    assert await records(platform) == []


async def test_written_otherwise(platform, door):
    """The record tells the value that stands, which a trigger of the platform's may have written otherwise."""
    await trigger(platform, "before update on system_settings", "new.value := lower(new.value); return new")
    assert isinstance(await door.edit(wish("claude-NEXT")), Done)
    assert ((await row(platform))["value"], (await records(platform))[0]["detail"]["new"]) == ("claude-next",) * 2


async def test_the_tables_name(platform, door):
    """The record names whom the users table has, whatever the session calls him; without an address by his name."""
    liar = Caller("user", "token:deploy", Level.EDIT, "1", "super_admin")
    assert isinstance(await door.edit(wish("claude-a", caller=liar)), Done)
    await platform.connection.execute("update users set email = '' where id = 1")
    assert isinstance(await door.edit(wish("claude-b", caller=liar, version=2)), Done)
    assert [one["actor"] for one in await records(platform)] == [NAME, "Super admin 1"]


async def test_no_version_column(platform):
    """A platform that keeps no versions: the value that was seen is compared, and a secret cannot be edited."""
    await platform.connection.execute("alter table system_settings drop column version cascade")
    await schema.grant_monitor(platform.connection)
    door = editor_of(platform.editor_dsn, platform.monitor_dsn)
    seen = Secret((await row(platform))["value"])
    outcome = await door.edit(wish("claude-a", old=seen))
    now = await row(platform)
    assert (outcome, now["value"]) == (Done(None, now["updated_at"].timestamp()), "claude-a")
    (record,) = await records(platform)
    assert (record["detail"]["new"], "version" in record["detail"]) == ("claude-a", False)
    late = await door.edit(wish("claude-b", old=seen))
    assert (late.version, late.value) == (None, "claude-a")
    assert (await door.edit(wish("claude-b", version=1))).value == "claude-a"
    await platform.connection.execute("update system_settings set is_secret = true where key = $1", KEY)
    assert (await door.edit(wish("claude-b", old=Secret("claude-a")))).configured
    reading = Session(Target.of(platform.monitor_dsn), "test", 5)
    facts = SETTINGS.read((await reading.ask(SETTINGS.sql, [KEY], []))[0])
    reading.drop()
    assert set(facts.version) == {-1}
    # The platform gets one afterwards, of whatever type.
    await platform.connection.execute("alter table system_settings add column version integer not null default 1")
    await schema.grant_monitor(platform.connection)
    assert (await editor_of(platform.editor_dsn).edit(wish("claude-c", version=1))).version == 2


async def test_no_version_yet(platform, door):
    """Where the platform keeps versions, and this setting has none yet, it is as if that were 0."""
    await platform.connection.execute("alter table system_settings alter column version drop not null")
    await platform.connection.execute("update system_settings set version = null where key = $1", API_KEY)
    assert (await door.edit(wish("sk-a", API_KEY, version=1))).version == 0
    assert (await door.edit(wish("sk-a", API_KEY, version=0))).version == 1


# Secrets


async def test_a_secret(platform, door):
    """The log tells that a secret was changed, by whom, and no more; a conflict and the history likewise."""
    await platform.connection.execute("update system_settings set is_secret = false where key = $1", API_KEY)
    assert isinstance(await door.edit(wish(CANARY, API_KEY)), Done)
    assert (await row(platform, API_KEY))["value"] == CANARY
    (record,) = await records(platform)
    assert record["detail"].keys() == {"version", "secret", "user_id", "request_id"}
    outcome = await door.edit(wish("other", API_KEY))
    assert (outcome.value, outcome.configured) == (None, True)
    (change,) = await door.history(API_KEY)
    assert (change.secret, change.old, change.new) == (True, None, None)
    reading = Session(Target.of(platform.monitor_dsn), "test", 5)
    # The platform's word has changed: what was a secret then is none to be shown now.
    rows, _ = await reading.ask("select * from huph_monitor_audit")
    reading.drop()
    assert CANARY not in repr([*map(tuple, rows), record, outcome, change])


@pytest.mark.parametrize(
    ("value", "reason", "kept"),
    [
        pytest.param("canary-4711 ", "set to canary-4711, as agreed", None, id="the new one"),
        pytest.param("canary", "instead of not-a-key-demo-only-1", None, id="the old one"),
        pytest.param("canary", "as agreed", "as agreed", id="neither"),
    ],
)
async def test_a_secret_in_the_reason(platform, door, value, reason, kept):
    """Of a reason that quotes a secret nothing is kept."""
    assert isinstance(await door.edit(wish(value, API_KEY, reason=reason)), Done)
    (record,) = await records(platform)
    assert record["detail"].get("reason") == kept


async def test_the_platforms_word(platform, door):
    """A value that only the platform calls a secret is not told either, and cannot be guessed by comparing."""
    await platform.connection.execute("update system_settings set is_secret = true where key = $1", KEY)
    guess = await door.edit(wish("claude-x", old=Secret("claude-haiku-4-5-20251001")))
    assert (guess.value, guess.configured) == (None, True)
    assert isinstance(await door.edit(wish("claude-x")), Done)
    assert "claude" not in json.dumps((await records(platform))[0]["detail"])


async def test_what_the_server_logs(platform, postgres, door):
    """No value reaches the server's log, however much it logs and whatever goes wrong, nor a view of what is asked."""
    settings = {"log_statement": "all", "log_min_duration_statement": "0", "log_error_verbosity": "verbose"}
    for name, value in settings.items():
        await platform.connection.execute(f"alter system set {name} = '{value}'")
    await platform.connection.execute("alter table system_settings add check (value <> 'refused-4711')")
    complaint = "if new.value like 'deferred%' then raise '%', new.value; end if; return null"
    await trigger(platform, "after update on system_settings deferrable initially deferred", complaint, "constraint ")
    await platform.connection.execute("create extension if not exists pg_stat_statements")
    await platform.connection.execute("select pg_reload_conf()")
    start = postgres.log.stat().st_size
    try:
        assert isinstance(await door.edit(wish("logged-4711", API_KEY)), Done)
        for bad in ("refused-4711", "deferred-4711"):
            assert (await door.edit(wish(bad, API_KEY, version=2))).code == "invalid_value"
        seen = await platform.connection.fetch(
            "select query from pg_stat_activity union all select query from pg_stat_statements"
        )
    finally:
        for name in settings:
            await platform.connection.execute(f"alter system reset {name}")
        await platform.connection.execute("select pg_reload_conf()")
    written = postgres.log.read_text(errors="replace")[start:]
    assert "huph_monitor_edit_setting" in written
    assert "the platform turned the edit of a setting away" in written
    for place in (written, repr([one["query"] for one in seen])):
        assert "logged-4711" not in place
        assert "deferred-4711" not in place
    # The constraint itself was written down before, with the value that it names.
    assert "Failing row" not in written


# Trouble


async def test_locked(platform, door):
    """A setting that the platform holds is waited for 200 ms; then nothing is written, and that is told."""
    async with platform.connection.transaction():
        await platform.connection.execute("update system_settings set value = 'theirs' where key = $1", KEY)
        started = asyncio.get_running_loop().time()
        assert await door.edit(wish("claude-next")) == Refusal("busy")
        assert asyncio.get_running_loop().time() - started < 1
    assert (await row(platform))["value"] == "theirs"
    assert await records(platform) == []


async def test_nobody_in(platform, door):
    """Where the role may not come in, nothing is written, and that is told."""
    await platform.connection.execute(f"alter role {schema.EDITOR} connection limit 0")
    try:
        assert await door.edit(wish("claude-next")) == Refusal("database_away")
    finally:
        await platform.connection.execute(f"alter role {schema.EDITOR} connection limit 2")
    assert await whole(platform.connection) == (1, 0)


async def test_the_answer_is_lost(platform, postgres, door):
    """An edit whose answer never comes is done once, and told as done."""
    await slow(platform, 0.6)
    async with proxied(postgres.port) as proxy:
        behind = editor_of(proxy.dsn(platform.editor_dsn))
        edit = wish("claude-next")
        task = asyncio.create_task(behind.edit(edit))
        await until(lambda: at_work(platform))
        await proxy.set(BLACKHOLE)
        await until(lambda: done(platform))
        await proxy.set(PASS)
        outcome = await task
    now = await row(platform)
    assert outcome == Done(2, now["updated_at"].timestamp())
    assert [one["detail"]["request_id"] for one in await records(platform)] == [edit.request_id]


async def test_the_session_is_ended(platform, door):
    """An edit whose session is ended amid it is asked for again, and done once."""
    await slow(platform, 0.5)
    task = asyncio.create_task(door.edit(wish("claude-next")))
    await until(lambda: at_work(platform))
    await platform.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", schema.EDITOR
    )
    assert isinstance(await task, Done)
    assert await whole(platform.connection) == (2, 1)


async def test_unconfirmed(platform, postgres):
    """Where the database does not come back, it is not said that nothing was written."""
    await slow(platform, 0.6)
    async with proxied(postgres.port) as proxy:
        task = asyncio.create_task(editor_of(proxy.dsn(platform.editor_dsn), certain_s=0.5).edit(wish("claude-next")))
        await until(lambda: at_work(platform))
        await proxy.set(BLACKHOLE)
        assert await task == Refusal("unconfirmed")
    await until(lambda: done(platform))
    assert await whole(platform.connection) == (2, 1)


async def slow(platform, seconds):
    """Have the platform take so long between the setting and its record."""
    await trigger(platform, "before insert on audit_log", f"perform pg_sleep({seconds}); return new")


async def trigger(platform, when, does, kind=""):
    """Give the platform a trigger of its own."""
    await platform.connection.execute(
        f"create function theirs() returns trigger language plpgsql as $$ begin {does}; end $$"
    )
    await platform.connection.execute(f"create {kind}trigger theirs {when} for each row execute function theirs()")


async def at_work(platform):
    return await platform.connection.fetchval(
        "select count(*) from pg_stat_activity where usename = $1 and wait_event = 'PgSleep'", schema.EDITOR
    )


async def done(platform):
    return await whole(platform.connection) == (2, 1)


async def until(what, within_s=8):
    async with asyncio.timeout(within_s):
        while not await what():
            await asyncio.sleep(0.01)


# The past


async def test_history(platform, door):
    """The edits of a setting are told, the newest first, with what others have written down as well."""
    await door.edit(wish("claude-a", reason="first"))
    await door.edit(wish("claude-b", version=2, caller=TOKEN))
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject, at) values ('Budi', 'setting.update', $1, 'epoch'),"
        " ('Budi', 'login', $1, now())",
        KEY,
    )
    changes = await door.history(KEY)
    told = [(one.by, one.reason, one.old, one.new, one.secret) for one in changes]
    assert told == [
        ("token:deploy", "", "claude-a", "claude-b", False),
        (NAME, "first", "claude-haiku-4-5-20251001", "claude-a", False),
        ("Budi", "", None, None, False),
    ]
    assert await door.history("system.nowhere") == Refusal("no_such_setting")


async def test_a_long_history(platform, door):
    """Of many edits the newest fifty are told."""
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject, at, detail)"
        " select 'x', 'setting.update', $1, to_timestamp(n), null from generate_series(1, 80) n",
        KEY,
    )
    changes = await door.history(KEY)
    assert [one.at for one in changes] == [float(n) for n in range(80, 30, -1)]
    # What came before costs little, however much it is.
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject, at)"
        " select 'x', 'setting.update', $1, to_timestamp(n) from generate_series(100, 50000) n",
        KEY,
    )
    assert [one.at for one in await door.history(KEY)][::49] == [50000.0, 49951.0]


async def test_history_out_of_reach(platform, door):
    """Where the database turns the question away or is gone, that is told."""
    await platform.connection.execute("drop view huph_monitor_audit")
    assert await door.history(KEY) == Refusal("failed")
    lost = editor_of(None)
    assert await lost.history(KEY) == Refusal("database_away")


async def test_a_platform_without_a_log(platform):
    """A platform that keeps no audit log is read all the same, and nothing is missing from what it does not keep."""
    await platform.connection.execute("drop view huph_monitor_audit")
    await platform.connection.execute("drop table audit_log")
    await schema.grant_monitor(platform.connection)
    await platform.connection.execute("update system_settings set version = 7")
    reading = Session(Target.of(platform.monitor_dsn), "test", 5)
    facts = SETTINGS.read((await reading.ask(SETTINGS.sql, [KEY], []))[0])
    reading.drop()
    assert (set(facts.audited), set(facts.changed_by)) == ({True}, {""})
    assert await editor_of(None, platform.monitor_dsn).history(KEY) == ()
    with pytest.raises(asyncpg.UndefinedTableError):
        await schema.grant_editor(platform.connection, "unused")


async def test_a_log_without_details(platform):
    """Where the log has no details it is said how to give it some; it is read as it is."""
    await platform.connection.execute("drop view huph_monitor_audit")
    await platform.connection.execute("alter table audit_log drop column detail")
    await schema.grant_monitor(platform.connection)
    await platform.connection.execute(
        "insert into audit_log (actor, action, subject) values ('Budi', 'setting.update', $1)", KEY
    )
    (change,) = await editor_of(None, platform.monitor_dsn).history(KEY)
    assert (change.by, change.reason, change.old, change.new) == ("Budi", "", None, None)
    with pytest.raises(asyncpg.RaiseError, match="alter table audit_log add column detail jsonb"):
        await schema.grant_editor(platform.connection, "unused")


# The role


DENIED = [
    "select value from system_settings",
    "select * from audit_log",
    "select id from users",
    "select * from huph_monitor_settings",
    "select * from huph_monitor_audit",
    "insert into audit_log (actor, action, subject) values ('x', 'y', 'z')",
    "insert into system_settings (key) values ('x')",
    "update system_settings set value = 'x'",
    "update users set role = 'super_admin'",
    "delete from audit_log",
    "truncate messages",
    "do $$ begin lock table system_settings; end $$",
    "copy system_settings to stdout",
    "copy system_settings to program 'true'",
    "copy audit_log from stdin",
    "create table t (x int)",
    "create view v as select 1",
    "create function f() returns int language sql as 'select 1'",
    "create schema s",
    "create database d",
    "create role r",
    "alter role huph_monitor_editor superuser",
    "drop function huph_monitor_edit_setting",
    "alter function huph_monitor_edit_setting security invoker",
    "create or replace function huph_monitor_edit_setting() returns int language sql as 'select 1'",
    "set role huph_monitor",
    "set role postgres",
    "set session authorization postgres",
    "set log_parameter_max_length = -1",
    "set session_replication_role = replica",
    "select pg_read_file('postgresql.conf')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' and pid <> 0",
    "alter table system_settings disable trigger all",
]


async def test_the_role_can_do_nothing_else(platform):
    """The editor's role may call its function; whatever else it tries is refused, also where it may write at all."""
    role = await asyncpg.connect(platform.editor_dsn)
    try:
        assert await role.fetchval("show default_transaction_read_only") == "off"
        for statement in DENIED:
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)):
                await (role.fetch(statement) if not statement.startswith("copy") else role.execute(statement))
        # Listening is harmless, and told to nobody.
        await role.execute("listen messages")
        functions = await role.fetch(
            "select proname from pg_proc where prosecdef and has_function_privilege(oid, 'execute')"
        )
        assert [one["proname"] for one in functions] == ["huph_monitor_edit_setting"]
        hidden = await role.fetch(
            "select query from pg_stat_activity where usename <> current_user and datid is not null"
        )
        assert {one["query"] for one in hidden} <= {"<insufficient privilege>"}
    finally:
        role.terminate()


async def test_nobody_else_may_edit(platform):
    """The function is the editor's alone: the monitor's reading role may not call it, nor anybody else."""
    reading = await asyncpg.connect(platform.monitor_dsn)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reading.fetch(
                "select * from huph_monitor_edit_setting('k', 'v', 1, '', 'token:x', null, '', '', '', false)"
            )
    finally:
        reading.terminate()
    found = await platform.connection.fetchrow(
        "select proacl::text as acl, prosecdef, proconfig, proowner = relowner as same from pg_proc, pg_class"
        " where proname = 'huph_monitor_edit_setting' and pg_class.oid = 'system_settings'::regclass"
    )
    assert found["acl"].count("=") == 2
    assert f"{schema.EDITOR}=X/" in found["acl"]
    assert (found["prosecdef"], found["same"]) == (True, True)
    assert found["proconfig"] == ["search_path=pg_catalog, pg_temp"]


async def test_a_table_of_ones_own_changes_nothing(platform):
    """Tables and functions of the caller's own are not taken for the platform's."""
    role = await asyncpg.connect(platform.editor_dsn)
    try:
        await role.execute("create temp table users (id int8, role text, is_active bool)")
        await role.execute("insert into users values (4711, 'super_admin', true)")
        await role.execute(
            "create function pg_temp.now() returns timestamptz language sql as $$ select to_timestamp(0) $$"
        )
        await role.execute("set search_path = pg_temp, public")
        call = "select outcome from huph_monitor_edit_setting($1, 'x', 1, null, 'Eve', $2, '', '', 'r', false)"
        assert await role.fetchval(call, KEY, "4711") == "not_allowed"
        assert await role.fetchval(call, KEY, "1") == "done"
    finally:
        role.terminate()
    assert (await row(platform))["updated_at"].year > 2000


async def test_every_query_by_its_role(platform):
    """Each query of the profile is answered to exactly the role that its script makes, as `plan` asks it."""
    config = load(None, {"HUPH_MONITOR_DATABASE_DSN": platform.monitor_dsn, "HUPH_MONITOR_ACCESS_OPEN": "true"}, {})
    await platform.connection.execute("create extension if not exists pg_stat_statements")
    reading = Session(config.database, "test", 5)
    asked = set()
    for pull in plan.pulls(config, reading, reading, lambda: 0.0):
        rows, _ = await reading.ask(pull.query.sql, *pull.arguments())
        pull.query.read(rows)
        asked.add(pull.query.name)
    others = {"users.sql": (["1", "x"],), "setting_history.sql": (KEY, False, 50), "flags.sql": ([KEY],)}
    for name, arguments in others.items():
        rows, _ = await reading.ask((QUERIES / name).read_text("utf-8"), *arguments)
        assert len(rows) == 1
    reading.drop()
    assert asked | others.keys() | {"edit_setting.sql"} == {file.name for file in QUERIES.iterdir()}


# Users, and what is told of them at once


async def test_users(platform):
    """A user's role and whether they are active are found by the index; what is no id, or nobody's, is left out."""
    await platform.connection.execute("update users set is_active = false where id = 2")
    await platform.connection.execute("analyze users")
    reading = await asyncpg.connect(platform.monitor_dsn)
    try:
        sql = (QUERIES / "users.sql").read_text("utf-8")
        odd = ["", "x", "01", " 1", "1 ", "-1", "1e3", "9" * 30, "1; drop table users", "999999999999999999", "\uff11"]
        found = dict(await reading.fetchrow(sql, ["1", "2", "11", "11", *odd]))
        assert found == {
            "id": ["1", "11", "2"],
            "role": ["super_admin", "counselor", "system_admin"],
            "active": [True, True, False],
        }
        assert dict(await reading.fetchrow(sql, [])) == {"id": [], "role": [], "active": []}
        one = sql.replace("$1", "array['1']")
        planned = await reading.fetch(f"explain {one}")
        assert "Index Scan using users_pkey" in repr(planned)
    finally:
        reading.terminate()


@pytest.fixture
async def heard(platform):
    """What comes on the channel of our own signals."""
    said = []
    ears = await asyncpg.connect(platform.monitor_dsn)
    await ears.add_listener("huph_monitor_changes", lambda *told: said.append(json.loads(told[3])))
    yield said
    ears.terminate()


@pytest.mark.parametrize(
    ("statement", "signals"),
    [
        ("update users set role = 'user' where id = 2", [{"table": "users", "id": "2"}]),
        ("update users set is_active = false where id = 11", [{"table": "users", "id": "11"}]),
        ("update users set is_active = is_active, name = 'x'", []),
        ("delete from users where id = 2", [{"table": "users", "id": "2"}]),
        ("insert into users (id, name, email, role) values (4711, 'x', 'x', 'user')", []),
        ("update system_settings set value = 'canary' where is_secret and key like '%anthropic%'", [{"key": API_KEY}]),
        ("insert into system_settings (key) values ('new')", [{"key": "new"}]),
        ("delete from system_settings where key like '%model'", [{"key": KEY}]),
        # A crowd is one signal.
        ("update users set is_active = false where role = 'user'", [{"table": "users"}]),
    ],
)
async def test_changes(platform, heard, statement, signals):
    """Each change of a role, of an account or of a setting is told by its key, and nothing else of it."""
    await platform.connection.execute(statement)
    await platform.connection.execute("""notify huph_monitor_changes, '{"end": 1}'""")
    await until(lambda: asyncio.sleep(0, heard and heard[-1] == {"end": 1}))
    heard.pop()
    if "role = 'user'" in statement and len(heard) > 1:
        assert len(heard) == 101
        heard[:] = heard[100:]
    wanted = [signal if "table" in signal else {"table": "system_settings", **signal} for signal in signals]
    assert heard == wanted


async def test_a_signal_that_cannot_be_sent(platform):
    """Where a signal cannot be sent, the platform's statement goes on."""
    await platform.connection.execute("revoke all on function pg_notify(text, text) from public")
    await platform.connection.execute("grant select, update on system_settings to huph_app")
    async with platform.connection.transaction():
        await platform.connection.execute("set local role huph_app")
        await platform.connection.execute("update system_settings set value = 'x' where key = $1", KEY)
    assert (await row(platform))["value"] == "x"

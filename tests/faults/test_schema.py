"""Rows 24 to 32: tables, rights, triggers, locks, slots and logins are not what they were."""

from __future__ import annotations

import asyncio

import asyncpg

from monitor.demo import schema
from tests.faults.suite import row

TRIGGER = "trg_messages_notify"


@row(
    "24", "a table is missing", short=8, full=35, telling=True,
    must=("unknown.schema",), never=("cluster_coverage.*",),
)  # fmt: skip
async def test_table_missing(scene):
    """A check whose table is gone is unknown, and names it; the others go on."""
    await scene.start()
    await scene.begin()
    execute = scene.platform.connection.execute
    await execute("alter table cluster_assignments rename to elsewhere")
    await scene.shows("unknown.schema", check="cluster_coverage", object="cluster_assignments")
    assert scene.follower.document["counts"]["ok"] == 6
    await execute("alter table elsewhere rename to cluster_assignments")
    await scene.healed(40)


@row(
    "25", "ALTER TABLE while running", short=4, full=4, excused=True,
    never=("unknown.schema", "unknown.error"),
)  # fmt: skip
async def test_altered(scene):
    """A migration that changes tables which we read changes nothing for us."""
    await scene.start()
    await scene.begin()
    for statement in (
        "alter table messages add column extra text",
        "alter table messages alter column body type varchar(100000)",
        "alter table cron_runs alter column error_message type varchar(10000)",
        "alter table messages drop column extra",
    ):
        await scene.platform.connection.execute(statement)
        await scene.passed(0.5)
    await scene.passed(scene.form.sweep_s)
    await scene.healed()


@row(
    "26", "a right is revoked", short=8, full=35,
    must=("unknown.permission",), never=("cluster_coverage.*", "db.*"),
)  # fmt: skip
async def test_right_revoked(scene):
    """A check that may no longer read is unknown, and names what it may not read."""
    await scene.start()
    await scene.begin()
    await scene.platform.connection.execute("revoke select (id, name) on clusters from huph_monitor")
    await scene.shows("unknown.permission", check="cluster_coverage")
    await scene.platform.connection.execute("grant select (id, name) on clusters to huph_monitor")
    await scene.healed(40)


@row(
    "27 (dropped)", "a trigger is dropped", short=8, full=35,
    must=("triggers.missing",), never=("realtime.broker_*",),
)  # fmt: skip
async def test_trigger_dropped(scene):
    """A trigger that is gone is missing, and its channel cannot be judged."""
    await scene.start()
    await scene.begin()
    await scene.platform.connection.execute(f"drop trigger {TRIGGER} on messages")
    await scene.shows("triggers.missing", trigger=TRIGGER)
    await scene.platform.connection.execute(schema.TRIGGERS[TRIGGER].statement)
    await scene.healed(40)


@row(
    "27 (disabled)", "a trigger is disabled", short=8, full=35, telling=True,
    must=("triggers.disabled",), may=("triggers.mute",), never=("realtime.broker_*",),
)  # fmt: skip
async def test_trigger_disabled(scene):
    """A trigger that is there and does not fire is disabled."""
    await scene.start()
    await scene.begin()
    await scene.platform.connection.execute(f"alter table messages disable trigger {TRIGGER}")
    await scene.shows("triggers.disabled", trigger=TRIGGER)
    await scene.platform.connection.execute(f"alter table messages enable trigger {TRIGGER}")
    await scene.healed(40)


@row(
    "27 (replaced)", "a trigger's function is replaced", short=8, full=35,
    must=("triggers.redefined", "triggers.mute"), never=("realtime.broker_*",),
)  # fmt: skip
async def test_trigger_replaced(scene):
    """A function that is not the accepted one is redefined; back to the old one, all is well."""
    await scene.start()
    await scene.begin()
    definition = await scene.platform.connection.fetchval("select pg_get_functiondef('notify_message'::regproc)")
    await scene.platform.connection.execute(
        "create or replace function notify_message() returns trigger language plpgsql as"
        " $$ begin perform 1; return null; end $$"
    )
    await scene.shows("triggers.redefined", trigger=TRIGGER)
    await scene.platform.connection.execute(definition)
    await scene.healed(40)


@row(
    "28", "too many connections", short=20, full=120, own=True,
    must=("db.saturated",), never=("db.refused", "db.login_refused"),
)  # fmt: skip
async def test_saturated(scene):
    """When all slots are taken our sessions go on, and it is the slots that are named."""
    await scene.platform.connection.execute("alter system set max_connections = 14")
    scene.platform.postgres.stop("fast")
    await scene.platform.postgres.start_beside()
    scene.platform.connection = await asyncpg.connect(scene.platform.dsn)
    await scene.start()
    await scene.begin()
    taken = []
    try:
        while True:
            taken.append(await asyncpg.connect(scene.platform.dsn))
    except asyncpg.TooManyConnectionsError:
        pass
    await scene.shows("db.saturated")
    for connection in taken:
        connection.terminate()
    await scene.healed(120)


@row(
    "29", "a long lock on messages", short=8, full=35, excused=True, telling=True,
    must=("unknown.timeout",), may=("db.blocked",), never=("recent_activity.silent", "db.hung"),
)  # fmt: skip
async def test_locked(scene):
    """Who may not read for a lock says so and waits for nobody; others who wait long make the database blocked."""
    await scene.start(limits="lock_wait_s = 2")
    await scene.begin()
    holder = await asyncpg.connect(scene.platform.dsn)
    await holder.execute("begin; lock table messages in access exclusive mode")
    await scene.shows("unknown.timeout", check="message_throughput", limit="lock")
    await holder.execute("rollback")
    holder.terminate()
    await scene.healed(40)


@row(
    "29 (others wait)", "a long lock on messages for which others wait", short=20, full=120, excused=True,
    must=("db.blocked",), may=("unknown.timeout",), never=("recent_activity.silent", "db.hung"),
)  # fmt: skip
async def test_blocked(scene):
    """Others who wait long for a lock make the database blocked, and the holder is named."""
    await scene.start(limits="lock_wait_s = 2")
    await scene.begin()
    holder, waiter = await asyncpg.connect(scene.platform.dsn), await asyncpg.connect(scene.platform.dsn)
    await holder.execute("begin; lock table messages in access exclusive mode")
    waiting = asyncio.create_task(waiter.execute("delete from messages where id = -1"), name="waiter")
    await scene.shows("db.blocked")
    await holder.execute("rollback")
    await waiting
    holder.terminate()
    waiter.terminate()
    await scene.healed(70)


@row(
    "30", "a slow count", short=12, full=40, excused=True,
    must=("unknown.timeout",), never=("db.slow", "message_throughput.drop"),
)  # fmt: skip
async def test_slow_count(scene):
    """A count that PostgreSQL gives up is not known, and slows nothing else down."""
    await scene.start()
    await scene.begin()
    execute = scene.platform.connection.execute
    await execute(
        "alter table messages rename to real_messages;"
        "create function wait_long() returns bool language plpgsql as"
        " $$ begin perform pg_sleep(5); return true; end $$;"
        "create view messages as select * from real_messages where (select wait_long());"
        "grant select on messages to huph_monitor"
    )
    await scene.shows("unknown.timeout", check="message_throughput", limit="statement")
    await execute("drop view messages; alter table real_messages rename to messages; drop function wait_long()")
    await scene.healed(70)


@row(
    "31", "failover to a read-only standby", short=10, full=40, own=True, excused=True,
    must=("db.read_only",), may=("db.refused", "db.starting"),
    never=("realtime.canary_lost", "realtime.reconnecting"),
)  # fmt: skip
async def test_standby(scene):
    """On a standby nobody can listen: the database is read-only, and realtime waits for it."""
    server = scene.platform.postgres
    await scene.start(direct=True)
    await scene.begin()
    server.stop("fast")
    (server.data / "standby.signal").touch()
    server._launch(20)
    admin = await hot(scene.platform.dsn)
    await scene.shows("db.read_only")
    await scene.shows("unknown.blocked_by", within=2, check="realtime", parent="db")
    # What was said while it was down is another row's.
    scene.now()
    await scene.passed(5)
    await admin.execute("select pg_promote()")
    admin.terminate()
    scene.platform.connection = await asyncpg.connect(scene.platform.dsn)
    await scene.healed(40)


async def hot(dsn):
    """Connect to a standby as soon as it lets readers in; its lock file never says "ready"."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await asyncpg.connect(dsn)
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.05)


@row(
    "32", "the password is changed", short=8, full=40, own=True,
    must=("db.login_refused",), never=("db.refused", "unknown.permission"),
)  # fmt: skip
async def test_password_changed(scene):
    """A login that is refused is no fault of the database; the password stands in no log."""
    old, new = "kept-secret-1", "kept-secret-2"
    own = scene.platform
    hba = own.postgres.base / "hba.conf"
    trusting = hba.read_text()
    await own.connection.execute(f"alter role huph_monitor password '{old}'")
    hba.write_text(f"host all huph_monitor 127.0.0.1/32 scram-sha-256\n{trusting}")
    await own.connection.execute("select pg_reload_conf()")
    dsn = own.monitor_dsn.replace("huph_monitor@", f"huph_monitor:{old}@")
    await scene.start(dsn=dsn)
    await scene.begin()
    await own.connection.execute(f"alter role huph_monitor password '{new}'")
    await own.connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'huph-monitor %'"
    )
    await scene.shows("db.login_refused", sqlstate="28P01")
    assert scene.follower.document["checks"]["db"]["verdict"] == "unknown"
    await own.connection.execute(f"alter role huph_monitor password '{old}'")
    await scene.healed(40)
    assert old not in scene.daemon.log
    assert old not in str(scene.follower.messages)

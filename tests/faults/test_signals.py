"""Rows 13 to 22: signals that get lost, lie, flood, or are not read."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import struct
from contextlib import asynccontextmanager

import asyncpg
import pytest

from monitor.demo import account, schema
from monitor.demo.port import HOST, free_port
from tests.faults.suite import row
from tests.proxy import PASS, stall
from tests.watched import Platform

POOLER = """
[databases]
{database} = host={host} port={port} dbname={database}
[pgbouncer]
listen_addr = {host}
listen_port = {own}
unix_socket_dir =
pool_mode = transaction
auth_type = trust
auth_file = {users}
ignore_startup_parameters = extra_float_digits,default_transaction_read_only,statement_timeout,lock_timeout,\
idle_in_transaction_session_timeout,idle_session_timeout,max_parallel_workers_per_gather,jit,enable_seqscan,work_mem,\
tcp_keepalives_idle,tcp_keepalives_interval,tcp_keepalives_count,tcp_user_timeout,client_connection_check_interval
"""


@asynccontextmanager
async def pooling(platform, folder):
    """Run a PgBouncer in transaction mode before this platform; give an address by way of it."""
    own = free_port()
    path, users = folder / "pgbouncer.ini", folder / "users.txt"
    for parent in (folder, *folder.parents[:3]):
        if account.is_root() and parent.is_relative_to("/tmp"):  # it is run as nobody
            parent.chmod(parent.stat().st_mode | 0o011)
    database, port = platform.database, platform.postgres.port
    path.write_text(POOLER.format(database=database, host=HOST, port=port, own=own, users=users))
    users.write_text(f'"{schema.MONITOR}" ""\n')
    for file in (path, users):
        file.chmod(0o644)
    log = (folder / "pgbouncer.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        "pgbouncer",
        path,
        stdout=log,
        stderr=log,
        env=account.environment() | {"PATH": "/usr/sbin"},
        **account.identity(),
    )
    try:
        dsn = f"postgresql://{schema.MONITOR}@{HOST}:{own}/{database}"
        async with asyncio.timeout(5):
            while True:
                try:
                    (await asyncio.open_connection(HOST, own))[1].close()
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        yield dsn
    finally:
        process.terminate()
        await process.wait()
        log.close()


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason="no pgbouncer on this machine")
@row(
    "13", "PgBouncer in transaction mode", short=8, full=15, telling=True,
    must=("realtime.pooler",), never=("realtime.canary_lost", "triggers.mute"),
)  # fmt: skip
async def test_pooler(scene):
    """Behind a pooler LISTEN seems to work: it is named as what it is, and realtime is never called ok."""
    async with pooling(scene.platform, scene.folder) as dsn:
        await scene.start(listen_dsn=dsn)
        scene.now()
        await scene.shows("realtime.pooler")
        await scene.passed(3)
        seen = {document["checks"]["realtime"]["verdict"] for document in scene.states()}
        assert "ok" not in seen
        await scene.held()
        await scene.daemon.stop()


@row(
    "14", "UNLISTEN on the listening session", short=4, full=10, telling=True,
    must=("realtime.channel_down",), never=("triggers.mute", "realtime.broker_*"),
)  # fmt: skip
async def test_unlistened(scene):
    """A subscription that is lost while the session lives is noticed, named, and taken up again."""
    await scene.start()
    await scene.begin()
    # A Query, and the CommandComplete and ReadyForQuery that answer it (PostgreSQL 18, 54.7).
    said = b"UNLISTEN *\0", b"UNLISTEN\0"
    query, done = (
        kind + struct.pack("!I", 4 + len(text)) + text for kind, text in zip((b"Q", b"C"), said, strict=True)
    )
    await scene.listening.say(query, answer=done + b"Z" + struct.pack("!I", 5) + b"I")
    await scene.shows("realtime.channel_down")
    await scene.healed()


@row(
    "15", "a storm of signals", short=8, full=8,
    must=("realtime.storm",), may=("realtime.odd_events",),
    never=("message_throughput.spike", "monitor.loop_stalled"),
)  # fmt: skip
async def test_storm(scene):
    """A storm is called a storm; no message was written, so nothing is unusual, and our loop keeps its pace."""
    # Our networks could not carry it.
    await scene.start(direct=True)
    await scene.begin()
    loop = asyncio.get_running_loop()
    # As fast as they can be sent, or so that the tests beside us have a core as well.
    lasts_s, rest_s = (60, 0.0) if scene.form.name == "full" else (5, 0.2)
    until = loop.time() + lasts_s

    async def flood():
        sender = await asyncpg.connect(scene.platform.dsn)
        number = 0
        while loop.time() < until:
            await sender.execute("select pg_notify('messages', (n + $1)::text) from generate_series(1, 2000) n", number)
            number += 2000
            await asyncio.sleep(rest_s)
        await sender.close()

    async with asyncio.TaskGroup() as group:
        group.create_task(flood())
        await scene.shows("realtime.storm")
    await scene.healed(20)


@row(
    "16", "payloads of 7,999 and of 8,000 bytes", short=3, full=3,
    may=("realtime.odd_events", "triggers.payload_hazard"), never=("triggers.mute",),
)  # fmt: skip
async def test_long_payloads(scene):
    """The longest payload is heard, a longer one is its sender's own error, and long messages come through."""
    await scene.start(limits="mute_settle_s = 1")
    await scene.begin()
    execute = scene.platform.connection.execute
    await execute("select pg_notify('notifications', repeat('x', 7999))")
    with pytest.raises(asyncpg.PostgresError, match="payload string too long"):
        await execute("select pg_notify('notifications', repeat('x', 8000))")
    await execute(
        "insert into messages (conversation_id, sender_type, body)"
        " select (select min(id) from conversations), 'user', repeat('é', 8000) from generate_series(1, 5)"
    )
    await scene.passed(3)
    await scene.healed()


@row(
    "17", "malformed payloads", short=3, full=3, telling=True,
    must=("realtime.odd_events",), never=("realtime.*",),
)  # fmt: skip
async def test_malformed(scene):
    """Whatever stands in a payload, it is counted as unreadable and hurts nobody."""
    await scene.start()
    await scene.begin()
    for text in ("{", "[1, 2]", '"text"', "1e400", "[" * 2000, '{"id": "x", "id": 2}', r'{"id": "\ud800"}', "null"):
        await scene.platform.connection.execute("select pg_notify('messages', $1)", text)
    await scene.shows("realtime.odd_events")
    await scene.healed()


@row(
    "18", "invalid UTF-8 in a payload", short=6, full=12, own=True,
    must=("realtime.reconnecting",), may=("realtime.odd_events",), never=("db.*",),
)  # fmt: skip
async def test_no_text(scene):
    """A payload in no encoding ends the session that hears it, is named as the cause, and the next session goes on."""
    server = scene.platform.postgres
    await scene.platform.connection.execute("create database bytes template template0 encoding 'SQL_ASCII'")
    connection = await asyncpg.connect(server.dsn("bytes"))
    await schema.create_tables(connection)
    await schema.create_triggers(connection)
    await schema.grant_monitor(connection)
    await connection.execute("insert into conversations (user_id, cluster_id) select min(id), 1 from users")
    scene.move(Platform(server, "bytes", connection))
    await scene.start()
    await scene.begin()
    await connection.execute("select pg_notify('messages', convert_from('\\xff'::bytea, 'SQL_ASCII'))")
    await scene.shows("realtime.reconnecting", cause="unreadable")
    await scene.healed()
    connection.terminate()


@row(
    "19", "a forged signal of another role", short=8, full=35, telling=True,
    must=("realtime.odd_events",), never=("realtime.*", "message_throughput.*"),
)  # fmt: skip
async def test_forged(scene):
    """Whoever may connect may shout; it makes us look, and changes no number."""
    await scene.start()
    await scene.platform.connection.execute(
        "do $$ begin create role nobody_special login; exception when duplicate_object then null; end $$"
    )
    await scene.begin()
    forger = await asyncpg.connect(scene.platform.postgres.dsn(scene.platform.database, "nobody_special"))
    for number in range(5):
        payload = f'{{"table": "messages", "op": "INSERT", "id": {10**12 + number}, "sender_type": "user"}}'
        await forger.execute("select pg_notify('messages', $1)", payload)
    forger.terminate()
    await scene.shows("realtime.odd_events")
    await scene.healed()


@row(
    "20", "merged payloads and rolled-back ones", short=4, full=4,
    never=("triggers.mute", "triggers.leaking", "monitor.drift"),
)  # fmt: skip
async def test_merged(scene):
    """Equal payloads of one transaction are one signal, rolled-back ones are none: no number and no trigger suffers."""
    await scene.start(limits="mute_settle_s = 1")
    await scene.begin()
    connection = scene.platform.connection
    for _ in range(5):
        async with connection.transaction():
            await connection.execute("update conversations set handled_by = handled_by")
            await connection.execute("update conversations set handled_by = handled_by")
            inner = connection.transaction()
            await inner.start()
            await connection.execute(
                "insert into messages (conversation_id, sender_type, body) values (1, 'user', 'x')"
            )
            await inner.rollback()
    await scene.passed(4)
    await scene.healed()


@row(
    "21", "commit order is not the order of the ids", short=4, full=4,
    never=("monitor.drift", "triggers.leaking", "triggers.mute"),
)  # fmt: skip
async def test_commit_order(scene):
    """A row whose transaction commits late is counted when it commits, and never missed."""
    await scene.start(limits="mute_settle_s = 1")
    await scene.begin()
    late = await asyncpg.connect(scene.platform.dsn)
    transaction = late.transaction()
    await transaction.start()
    await late.execute("insert into messages (conversation_id, sender_type, body) values (1, 'user', 'first')")
    await scene.platform.write(count=3)
    await scene.passed(2)
    await transaction.commit()
    late.terminate()
    await scene.passed(2)
    await scene.healed()


async def small_queue(platform):
    """Give PostgreSQL a queue of signals of 16 MB: one per cent of it is soon full."""
    await platform.connection.execute("alter system set max_notify_queue_pages = 2048")
    platform.postgres.stop("fast")
    await platform.postgres.start_beside()
    platform.connection = await asyncpg.connect(platform.dsn)


async def fill(platform, share):
    """Send until so much of the queue is in use."""
    sender = await asyncpg.connect(platform.dsn)
    for _ in range(200):
        await sender.execute(
            "select pg_notify('notifications', $1 || n || repeat('x', 1000)) from generate_series(1, 100) n",
            secrets.token_hex(4),
        )
        if await sender.fetchval("select pg_notification_queue_usage()") > share:
            break
    else:
        raise AssertionError("the queue does not fill")
    sender.terminate()


@row(
    "22", "our listener does not read", short=8, full=15, own=True,
    must=("monitor.queue_holder",),
    may=("realtime.reconnecting", "realtime.listener_hung", "realtime.storm", "realtime.odd_events"),
    never=("db.notify_queue",),
)  # fmt: skip
async def test_we_hold_the_queue(scene):
    """When it is we who do not read, we say so, and let the queue go."""
    await small_queue(scene.platform)
    await scene.start()
    await scene.begin()
    await scene.listening.set(stall("server"))
    await fill(scene.platform, 0.03)
    await scene.shows("monitor.queue_holder")
    await scene.listening.set(PASS)
    await scene.healed(20)


@row(
    "22 (another)", "another listener does not read", short=25, full=120, own=True,
    must=("db.notify_queue",), may=("realtime.storm", "realtime.odd_events"),
    never=("monitor.queue_holder",),
)  # fmt: skip
async def test_another_holds_the_queue(scene):
    """When it is another session that does not read, it is named."""
    await small_queue(scene.platform)
    await scene.start()
    await scene.begin()
    holder = await asyncpg.connect(scene.platform.dsn, server_settings={"application_name": "forgetful"})
    await holder.execute("listen notifications")
    await holder.execute("begin")
    await holder.execute("select 1")
    await fill(scene.platform, 0.03)
    await scene.shows("db.notify_queue")
    holder.terminate()
    await scene.healed(100)

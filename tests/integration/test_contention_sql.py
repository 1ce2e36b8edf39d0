"""What PostgreSQL says of who queues: for locks, for its turn to send signals, and the queue of signals itself."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from importlib import resources

import asyncpg
import pytest

from monitor.database import Session, Target
from monitor.domain.contention import Contention
from monitor.sources.queries import Query
from tests.bench.stage import stage

QUERIES = resources.files("monitor.profiles") / "huph" / "queries"
CONTENTION = Query.load(QUERIES, "contention", Contention)
LONG = 15.0


async def ask(held, heard=0):
    rows, _ = await held.ask(CONTENTION.sql, heard)
    return CONTENTION.read(rows)


async def until(held, truth, within=LONG):
    """Ask until it is true; give what was said then."""
    async with asyncio.timeout(within):
        while not truth(facts := await ask(held)):
            await asyncio.sleep(0.05)
    return facts


@asynccontextmanager
async def session(dsn, name="guest"):
    """Give a session of the platform's; it is ended however it stands."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": name}, statement_cache_size=0)
    try:
        yield connection
    finally:
        connection.terminate()


@asynccontextmanager
async def doing(connection, *statements):
    """Let a session be amid these statements, one after another."""

    async def work():
        for statement in statements:
            await connection.execute(statement)

    task = asyncio.get_running_loop().create_task(work())
    try:
        yield task
    finally:
        connection.terminate()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def held(platform):
    """A session of the monitor's role to this test's platform."""
    one = Session(Target.of(platform.monitor_dsn), "sweep", 5)
    yield one
    one.drop()


async def test_nobody_waits(held):
    """On a quiet platform nothing is said of anybody, and what was heard is given back."""
    assert await ask(held, 4711) == Contention(4711, 0, 0, [], [], [], [], 0.0, None, None, False, None)


async def test_a_table(platform, held):
    """Who waits for a table is named with whom it waits for, in line; who has just begun to wait is only counted."""
    async with session(platform.dsn) as first, session(platform.dsn) as second, session(platform.dsn) as third:
        pids = [one.get_server_pid() for one in (first, second, third)]
        await first.execute("begin; lock table conversations in access exclusive mode")
        async with doing(second, "select count(*) from conversations"):
            facts = await until(held, lambda facts: facts.lock_waits == 1)
            assert facts.blocked == []
            facts = await until(held, lambda facts: facts.blocked)
            async with doing(third, "begin; lock table conversations in share mode"):
                facts = await until(held, lambda facts: len(facts.blocked) == 2)
        assert facts.blocked == pids[1:]
        assert facts.blocker[0] == pids[0]
        assert facts.relation == ["conversations", "conversations"]
        assert facts.waiting_s[0] > facts.waiting_s[1] > 1
        assert facts.commit_waiters == 0
    await until(held, lambda facts: not facts.lock_waits)


@pytest.mark.parametrize(
    ("holds", "waits", "table"),
    [
        ("update users set name = name where id = 1", "update users set name = name where id = 1", "users"),
        ("select from clusters where id = 1 for update", "update clusters set name = name where id = 1", "clusters"),
        (
            "insert into clusters (id, name) values (99, 'x')",
            "insert into clusters (id, name) values (99, 'y')",
            "clusters",
        ),
    ],
)
async def test_a_row(platform, held, holds, waits, table):
    """Who waits for a row, or for the end of a transaction, is told by the table that it is about."""
    async with session(platform.dsn) as first, session(platform.dsn) as second:
        await first.execute(f"begin; {holds}")
        async with doing(second, f"begin; update cron_runs set status = status where false; {waits}"):
            facts = await until(held, lambda facts: facts.blocked)
            assert (facts.blocked, facts.blocker) == ([second.get_server_pid()], [first.get_server_pid()])
            assert facts.relation == [table]


async def test_only_this_database(platform, held, postgres):
    """Who waits in another database is none of this platform's, and neither is the monitor itself."""
    async with session(postgres.dsn("postgres")) as first, session(postgres.dsn("postgres")) as second:
        await first.execute("begin; create table other_platform (id int)")
        await first.execute("commit; begin; lock table other_platform")
        async with doing(second, "begin; lock table other_platform"):
            assert await until(held, lambda facts: facts.lock_waits)
            await asyncio.sleep(1.2)
            assert (await ask(held)).blocked == []
        await first.execute("drop table other_platform; commit")
    async with session(platform.dsn) as first, session(platform.dsn, "huph-monitor sweep") as ours:
        await first.execute("begin; lock table messages")
        async with doing(ours, "begin; lock table messages"):
            await asyncio.sleep(1.2)
            assert (await ask(held)).lock_waits == 0


@pytest.mark.prove
async def test_a_prepared_transaction():
    """A prepared transaction that holds a lock has no session: it is told as 0."""
    async with stage() as (own, _):
        await own.connection.execute("alter system set max_prepared_transactions = 2")
        own.postgres.stop("fast")
        own.postgres.start()
        held = Session(Target.of(own.monitor_dsn), "sweep", 5)
        async with session(own.dsn) as first, session(own.dsn) as second:
            await first.execute("begin; lock table clusters; prepare transaction 'x'")
            async with doing(second, "begin; lock table clusters"):
                facts = await until(held, lambda facts: facts.blocked)
                assert (facts.blocker, facts.relation) == ([0], ["clusters"])
            await first.execute("rollback prepared 'x'")
        held.drop()


async def test_the_turn_to_send_signals():
    """Sessions that commit signals wait for each other: those in line are counted, and nothing else is."""
    async with stage() as (own, _):
        # A commit that waits for a standby which never comes stands still with the lock in its hand.
        await own.connection.execute("alter system set synchronous_standby_names = 'nobody'")
        await own.connection.execute("select pg_reload_conf()")
        held = Session(Target.of(own.monitor_dsn), "sweep", 5)
        tasks = []
        writers = [await asyncpg.connect(own.dsn) for _ in range(5)]
        for number, writer in enumerate(writers):
            statement = f"begin; insert into clusters values ({90 + number}, 'x'); notify messages; commit"
            tasks.append(asyncio.get_running_loop().create_task(writer.execute(statement)))
        facts = await until(held, lambda facts: facts.commit_waiters == 4)
        assert (facts.lock_waits, facts.blocked) == (4, [])
        await own.connection.execute("alter system reset synchronous_standby_names")
        await own.connection.execute("select pg_reload_conf()")
        await until(held, lambda facts: facts.commit_waiters == 0)
        await asyncio.gather(*tasks)
        held.drop()
        for writer in writers:
            writer.terminate()


@pytest.fixture
async def narrow():
    """A platform whose queue of signals is small, and a session of the monitor's."""
    async with stage() as (own, _):
        await own.connection.execute("alter system set max_notify_queue_pages = 64")
        own.postgres.stop("fast")
        own.postgres.start()
        own.connection = await asyncpg.connect(own.dsn)
        held = Session(Target.of(own.monitor_dsn), "sweep", 5)
        yield own, held
        held.drop()
        own.connection.terminate()


async def fill(own, count):
    """Send so many signals of almost a page each."""
    for number in range(count):
        await own.connection.execute("select pg_notify('messages', $1)", f"{number} {'x' * 7000}")


@pytest.mark.parametrize(
    ("name", "ours"), [("huph-api", False), ("", False), ("huph-monitor listen", True)], ids=["api", "unnamed", "ours"]
)
async def test_a_listener_amid_a_transaction(narrow, name, ours):
    """Who listens and is amid a transaction is found to hold the queue, by its name or else its process."""
    own, held = narrow
    async with session(own.dsn, name) as listener, session(own.dsn, "bystander") as bystander:
        await bystander.execute("begin; select 1")
        await listener.execute("listen messages")
        await listener.execute("begin; listen messages")
        await fill(own, 8)
        facts = await until(held, lambda facts: facts.notify_queue_pct > 9)
        assert facts.queue_holder == (name or str(listener.get_server_pid()))
        assert facts.queue_holder_ours is ours
        assert facts.queue_holder_age_s >= 0
        await listener.execute("commit")
        await until(held, lambda facts: facts.notify_queue_pct == 0 and facts.queue_holder is None)


async def test_a_listener_that_does_not_read(narrow):
    """Who listens and does not read comes before all others, since its session is idle and yet stuck in writing."""
    own, held = narrow
    async with session(own.dsn, "huph-api") as listener, session(own.dsn, "bystander") as bystander:
        await listener.execute("listen messages")
        await bystander.execute("begin; select 1")
        listener._transport.pause_reading()
        try:
            for _ in range(40):
                # Once it is full, no more goes in.
                with contextlib.suppress(asyncpg.ProgramLimitExceededError):
                    await fill(own, 20)
                # Until its session is stuck in writing, it is one among those who may hold the queue.
                if (facts := await ask(held)).queue_holder == "huph-api" and facts.queue_holder_age_s is None:
                    break
        finally:
            listener._transport.resume_reading()
        assert facts.queue_holder == "huph-api"
        assert facts.queue_holder_age_s is None


@pytest.mark.prove
async def test_a_standby():
    """A standby says how far behind it is; nobody queues to send signals there."""
    async with stage() as (own, _):
        await own.connection.execute("create table marker (id int)")
        own.postgres.stop("fast")
        (own.postgres.data / "standby.signal").touch()
        own.postgres.start()
        held = Session(Target.of(own.monitor_dsn), "sweep", 5)
        facts = await ask(held)
        assert facts.replay_lag_s is None or facts.replay_lag_s >= 0
        assert (facts.notify_queue_pct, facts.commit_waiters) == (0, 0)
        held.drop()

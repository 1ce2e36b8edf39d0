"""Counting by our own triggers: each change of the messages is counted once, however it is made, without a query."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections import Counter
from importlib import resources

import asyncpg
import pytest

from tests.integration.test_exactness import compare, write_at_random

SCRIPT = (resources.files("monitor.profiles") / "huph" / "sql" / "monitor_triggers.sql").read_text(encoding="utf-8")
CONFIG = 'quiet_hours = ""\ndeltas = true'
RARELY = "sweep_s = 3600"
"""No sweep comes to help."""
INSERT = "insert into messages (conversation_id, sender_type, body, created_at) "
EQUAL = f"{INSERT} values (1, 'user', 'text', now())"
SELECT = "select 1, 'bot', 'text', "
ONE = f"{INSERT} values (1, 'user', 'text', clock_timestamp())"
COUNT = """
select floor(date_part('epoch', least(created_at, now() + interval '1 year')))::int8::text as second, count(*) as n
from messages where created_at >= to_timestamp(date_part('epoch', $1::text::timestamptz) - 300) group by 1
"""
CHANNEL = "huph_monitor_deltas"
FAR = int(time.time()) + 180 * 86_400


@pytest.fixture
async def deltas(platform):
    """A platform with our triggers, installed twice, and two messages."""
    await platform.connection.execute(SCRIPT)
    await platform.connection.execute(SCRIPT)
    await platform.write("user")
    await platform.write("bot", ago_s=200)
    return platform


def counts(seconds):
    """Give the counts per second, what lies far ahead as one: SQL says "in a year" of it, which moves."""
    folded = Counter()
    for second, count in seconds.items():
        folded[min(int(second), FAR)] += count
    return folded


async def counted(platform, daemon, within=3.0):
    """Wait until it reports, in sync, what SQL says; give the report."""
    report, rows, unlike = {}, {}, {}
    try:
        async with asyncio.timeout(within):
            while True:
                status, report = await daemon.get("api/v1/series/messages")
                if status == 200:
                    rows = {row["second"]: row["n"] for row in await platform.connection.fetch(COUNT, report["as_of"])}
                    unlike = counts(report.pop("seconds")), counts(rows)
                    if report["in_sync"] and unlike[0] == unlike[1]:
                        return report | {"count": unlike[0].total()}
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{report}: {unlike[0] - unlike[1]} too many, {unlike[1] - unlike[0]} missing") from None


async def in_sync(platform, daemon):
    """Wait until it counts by signals alone, then forbid it to look."""
    report = await counted(platform, daemon, 10)
    assert report["scheme"] == "deltas"
    # From here on a recount would be turned away.
    await platform.connection.execute("revoke select on messages from huph_monitor")
    return report


def recounts(daemon):
    return [event for event in daemon.events("query.turned_away") if event["query"] == "recount.sql"]


WAYS = {
    "a row": ONE,
    "several rows": f"{INSERT} {SELECT} now() - make_interval(secs => n) from generate_series(1, 30) n",
    "rows of the future": f"{INSERT} {SELECT} now() + make_interval(secs => n) from generate_series(1, 9) n",
    "rows of another hour": f"{INSERT} {SELECT} now() - interval '1 hour' from generate_series(1, 9) n",
    "no row": f"{INSERT} {SELECT} now() where false",
    "deleted": "delete from messages where id in (select id from messages order by created_at desc limit 5)",
    "into the window": "update messages set created_at = now() where created_at < now() - interval '30 minutes'",
    "out of the window": "update messages set created_at = now() - interval '1 hour' where sender_type = 'user'",
    "to another sender": "update messages set sender_type = 'counselor' where id = (select max(id) from messages)",
    "nothing that counts": "update messages set body = 'another text'",
    "an upsert": (
        "insert into messages (id, conversation_id, sender_type, body, created_at) overriding system value"
        " select unnest(array[max(id), 1000000]), 1, 'user', 'text', clock_timestamp() from messages"
        " on conflict (id) do update set created_at = excluded.created_at"
    ),
    "merged": (
        "merge into messages m using (select max(id) as id from messages) s on m.id = s.id"
        " when matched then update set created_at = m.created_at - interval '20 seconds'"
    ),
    "equal rows in a transaction": f"begin; {EQUAL}; {EQUAL}; {EQUAL}; commit",
    "a savepoint rolled back": f"begin; {ONE}; savepoint s; {ONE}; {ONE}; rollback to s; {ONE}; commit",
    "a savepoint kept": f"begin; savepoint s; {ONE}; release s; {ONE}; commit",
    "inserted and deleted": f"begin; {ONE}; delete from messages where id = (select max(id) from messages); commit",
    "rolled back": f"begin; {ONE}; {ONE}; rollback",
}


async def test_every_way(deltas, start_daemon):
    """Rows that come, go and move in every way are counted as SQL counts them, while no query of ours may look."""
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits=RARELY)
    before = await in_sync(deltas, daemon)
    for way, statement in WAYS.items():
        await deltas.connection.execute(statement)
        try:
            report = await counted(deltas, daemon)
        except AssertionError as failed:
            raise AssertionError(f"{way}: {failed}") from None
    rows = [(1, "bot", "text")] * 5000
    await deltas.connection.copy_records_to_table(
        "messages", records=rows, columns=("conversation_id", "sender_type", "body")
    )
    report = await counted(deltas, daemon)
    assert report["count"] > 5000
    assert report["snapshot"] != before["snapshot"]
    assert recounts(daemon) == []


async def test_a_late_commit(deltas, start_daemon):
    """What was written long ago and is committed now counts from now on, though younger transactions came before."""
    late = await asyncpg.connect(deltas.dsn)
    transaction = late.transaction()
    await transaction.start()
    await late.execute(ONE)
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits=RARELY)
    await in_sync(deltas, daemon)
    for _ in range(3):
        await deltas.connection.execute(ONE)
    assert (await counted(deltas, daemon))["count"] == 5
    await late.execute(ONE)
    await transaction.commit()
    await late.close()
    assert (await counted(deltas, daemon))["count"] == 7
    assert recounts(daemon) == []


ANEW = {
    "truncated": "truncate messages",
    "more seconds than a signal holds": (
        f"{INSERT} {SELECT} now() + make_interval(secs => n) from generate_series(1, 1601) n"
    ),
    "at infinity": f"{INSERT} values (1, 'bot', 'text', 'infinity')",
    "in another age": f"{INSERT} values (1, 'bot', 'text', '58863-01-01')",
    "a sender that nobody knows": f"{INSERT} values (1, e'odd \"one\" \\\\ \\n, %s ]!é🎓', 'text', now())",
    "senders without end": f"{INSERT} select 1, repeat(n::text, 900), 'text', now() from generate_series(1, 9) n",
    "nobody": f"{INSERT} values (1, null, 'text', now())",
    "a spoiled counter": f"begin; set local huph_monitor.q = 'spoiled'; {ONE}; commit",
    "not ours": f"select pg_notify('{CHANNEL}', 'nonsense')",
}


async def test_count_anew(deltas, start_daemon):
    """What no signal can tell fails no statement, and is counted anew at once: no sweep is waited for."""
    await deltas.connection.execute("alter table messages drop constraint messages_sender_type_check")
    await deltas.connection.execute("alter table messages alter sender_type drop not null")
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits=RARELY)
    await counted(deltas, daemon, 10)
    for way, statement in ANEW.items():
        await deltas.connection.execute(statement)
        await deltas.connection.execute("delete from messages where sender_type is null")
        try:
            await counted(deltas, daemon)
            await deltas.connection.execute(ONE)
            await counted(deltas, daemon)
        except AssertionError as failed:
            raise AssertionError(f"{way}: {failed}") from None


async def test_drift(deltas, start_daemon):
    """Rows that came past every trigger are found at the next sweep, told with their number, and counted from then."""
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits="sweep_s = 5")
    follower = await daemon.settled()
    await counted(deltas, daemon, 10)
    await deltas.write(count=77, quietly=True)
    # The sweep counts, the test signal after it proves.
    await follower.until(lambda d: d["monitor"].get("reason") == "monitor.drift", 16)
    monitor = follower.document["monitor"]
    assert (monitor["verdict"], monitor["params"]["rows"]) == ("ok", 77)
    assert (await counted(deltas, daemon))["count"] == 79
    assert follower.document["checks"]["message_throughput"]["detail"]["in_sync"] is True


@pytest.mark.prove
async def test_a_forged_signal(deltas, start_daemon):
    """A signal that anybody forged is believed no longer than to the next sweep, which finds it out."""
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits="sweep_s = 5")
    follower = await daemon.settled()
    await counted(deltas, daemon, 10)
    stranger = "begin; set local role huph_monitor;"
    signal = (
        """format('{"x":"%s","q":1,"d":[[%s,"user",5]]}', pg_current_xact_id(), floor(date_part('epoch', now())))"""
    )
    await deltas.connection.execute(f"{stranger} select pg_notify('{CHANNEL}', {signal}); commit")
    await follower.until(lambda d: d["checks"]["message_throughput"]["detail"]["count_5m"] == 7, 3)
    await follower.until(lambda d: d["monitor"].get("reason") == "monitor.drift", 16)
    assert follower.document["monitor"]["params"]["rows"] == 5
    await counted(deltas, daemon)


async def test_a_lost_listener(deltas, start_daemon):
    """While it hears nothing it is not in sync and says so; afterwards it counts what it has missed, by itself."""
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits=RARELY)
    follower = await daemon.settled()
    await counted(deltas, daemon, 10)
    await deltas.connection.execute("alter role huph_monitor nologin")
    try:
        await deltas.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'huph-monitor listen'"
        )
        await follower.until(lambda d: d["checks"]["message_throughput"]["detail"]["in_sync"] is False, 5)
        await deltas.connection.execute(ONE)
    finally:
        await deltas.connection.execute("alter role huph_monitor login")
    report = await counted(deltas, daemon, 10)
    assert report["count"] == 3
    assert "monitor.drift" not in str(follower.document["monitor"])


@pytest.mark.prove
async def test_reports_equal_an_independent_count(deltas, start_daemon):
    """Under random writers, 200 reports of different snapshots equal a count of the rows visible in each."""
    daemon = await start_daemon(deltas.monitor_dsn, config=CONFIG, limits=RARELY)
    await counted(deltas, daemon, 10)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as writers:
        for seed in range(4):
            writers.create_task(write_at_random(deltas.dsn, random.Random(seed), stop))
        equal = await compare(deltas, daemon, 200)
        stop.set()
    assert equal == 200
    await counted(deltas, daemon)


async def test_the_platform_never_fails(deltas):
    """Whoever may write may write, with no right on anything of ours; a failure within is kept from the platform."""
    owner = deltas.connection
    await owner.execute("revoke execute on function huph_monitor_deltas() from public")
    name = f"writer_{deltas.database}"
    await owner.execute(f"create role {name}; grant insert, select, delete on messages to {name}")
    heard = []
    await owner.add_listener(CHANNEL, lambda *arguments: heard.append(arguments[3]))
    # Whoever writes may have names of his own before those of PostgreSQL.
    await owner.execute("create function public.count(text) returns text language sql as 'select 1/0'")
    await owner.execute(f"set search_path = public, pg_catalog; set role {name}")
    try:
        await owner.execute(ONE)
        await owner.execute("delete from messages")
        await owner.execute("begin read write; set local time zone 'Asia/Jakarta'; set local datestyle = 'German'")
        await owner.execute(f"{ONE}; commit")
    finally:
        await owner.execute(f"reset role; revoke all on messages from {name}; drop role {name}")
    async with asyncio.timeout(3):
        while len(heard) < 3:
            await asyncio.sleep(0.01)
    said = [json.loads(text)["d"] for text in heard]
    assert [sum(count for _, _, count in rows) for rows in said] == [1, -3, 1]


async def test_taken_away(deltas):
    """The statement in the script's opening takes all of it away."""
    drop = re.search(r"drop function [^;]+;", SCRIPT)[0]
    await deltas.connection.execute(drop)
    names = await deltas.connection.fetch("select 1 from pg_trigger where tgname like 'huph_monitor_deltas%'")
    functions = await deltas.connection.fetch("select 1 from pg_proc where proname like 'huph_monitor_deltas%'")
    assert (names, functions) == ([], [])
    await deltas.connection.execute(ONE)


async def test_the_profile_names_what_the_script_makes(deltas):
    """The triggers of the profile are those that the script makes, on the channel that the function signals."""
    from monitor.config import load

    told = {"DELTAS": "true", "DATABASE_DSN": deltas.monitor_dsn, "ACCESS_OPEN": "true"}
    loaded = load(None, {f"HUPH_MONITOR_{key}": value for key, value in told.items()}, {})
    rows = await deltas.connection.fetch("select tgname from pg_trigger where tgname like 'huph_monitor_deltas%'")
    assert loaded.deltas is not None
    assert sorted(loaded.deltas.triggers) == sorted(row["tgname"] for row in rows)
    assert f"'{loaded.deltas.channel}'" in SCRIPT

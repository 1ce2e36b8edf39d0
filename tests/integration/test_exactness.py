"""The numbers are true: what is reported is what an independent count finds in the very snapshot that it names."""

from __future__ import annotations

import asyncio
import random

import asyncpg

COUNT = """
select floor(date_part('epoch', created_at))::int8::text as second, count(*) as n
from messages
where pg_visible_in_snapshot(xmin::text::xid8, $1::text::pg_snapshot)
  and created_at >= to_timestamp($2::float8 - 300)
group by 1
"""


async def write_at_random(dsn, chance, stop):
    """Write as platforms do: single rows, several at once, transactions that commit late, and ones that never do."""
    connection = await asyncpg.connect(dsn)
    sql = (
        "insert into messages (conversation_id, sender_type, body, created_at)"
        " select 1, $1, 'text', clock_timestamp() - make_interval(secs => $2) from generate_series(1, $3)"
    )
    while not stop.is_set():
        row = (chance.choice(["user", "bot", "counselor"]), chance.choice([0.0, 0.0, 3.0, 250.0, 299.0, -5.0]))
        kind = chance.random()
        if kind < 0.6:
            await connection.execute(sql, *row, 1)
        elif kind < 0.8:
            await connection.execute(sql, *row, chance.randint(2, 30))
        else:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(sql, *row, chance.randint(1, 5))
            await asyncio.sleep(chance.uniform(0, 0.15))
            await (transaction.commit() if kind < 0.95 else transaction.rollback())
        await asyncio.sleep(chance.expovariate(20))
    await connection.close()


async def compare(platform, daemon, times):
    """Compare so many reports, each of another snapshot, with the independent count; give how many were equal."""
    oracle = await asyncpg.connect(platform.dsn)
    equal, before = 0, ""
    for _ in range(times):
        async with asyncio.timeout(5):
            while (series := (await daemon.get("api/v1/series/messages"))[1])["snapshot"] == before:
                await asyncio.sleep(0.005)
        before = series["snapshot"]
        as_of = await oracle.fetchval("select date_part('epoch', $1::text::timestamptz)", series["as_of"])
        rows = await oracle.fetch(COUNT, before, as_of)
        equal += {row["second"]: row["n"] for row in rows} == series["seconds"]
    await oracle.close()
    return equal


async def test_reports_equal_an_independent_count(platform, start_daemon):
    """Under random writers, 50 of 50 reports of different snapshots equal a count of the rows visible in each."""
    daemon = await start_daemon(platform.monitor_dsn)
    await daemon.settled()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as writers:
        for seed in range(4):
            writers.create_task(write_at_random(platform.dsn, random.Random(seed), stop))
        equal = await compare(platform, daemon, 50)
        stop.set()
    assert equal == 50


async def test_at_rest_the_count_is_what_sql_says(platform, start_daemon):
    """When the writers have stopped, the count is the database's own within a moment, future rows included."""
    daemon = await start_daemon(platform.monitor_dsn)
    follower = await daemon.settled()
    await platform.write(count=7)
    await platform.write(count=3, ago_s=-20)
    await platform.write(count=5, ago_s=280)
    await platform.write(count=9, ago_s=310)
    await follower.until(lambda d: d["checks"]["message_throughput"]["detail"]["count_5m"] == 15, 1)

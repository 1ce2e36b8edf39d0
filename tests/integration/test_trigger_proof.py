"""Rows held against signals on a real PostgreSQL: what is mute, what leaks, and what must never be called either."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import asyncpg
import pytest

LIMITS = "sweep_s = 5\nsample_s = 1\nmute_settle_s = 0.5"
WITHIN = 14.0
"""A sweep, the settling and the test signal that proves it, and as much again for a busy machine."""
NAME = "trg_messages_notify"
WRITE = "insert into messages (conversation_id, sender_type, body) values (1, 'user', 'text') returning id"


def row(document):
    return document["checks"]["triggers"]["detail"]["triggers"][NAME]


def reasons(document):
    entry = document["checks"]["triggers"]
    return {entry.get("reason"), *entry.get("also", {})} - {None}


def ever(follower):
    """Give every reason of the triggers that was ever told."""
    text = json.dumps([message for _, message in follower.messages])
    return {code for code in ("triggers.mute", "triggers.leaking", "triggers.redefined") if f'"{code}"' in text}


async def judged(follower, platform):
    """Write now and then, until a row has been judged that is younger than all there are."""
    written = (await platform.connection.fetchval("select clock_timestamp()")).timestamp()

    def until():
        proof = row(follower.document).get("proof", {"to": "1970-01-01T00:00:00Z"})
        return datetime.fromisoformat(proof["to"]).timestamp()

    async with asyncio.timeout(3 * WITHIN):
        while until() <= written:
            await platform.connection.fetchval(WRITE)
            await asyncio.sleep(0.5)


@pytest.fixture
async def watched(platform, start_daemon):
    """A daemon that has judged a message: what is committed before its way is proven, it does not judge."""
    daemon = await start_daemon(platform.monitor_dsn, limits=LIMITS)
    follower = await daemon.settled()
    await judged(follower, platform)
    return follower


async def function(platform):
    return await platform.connection.fetchval("select pg_get_functiondef('notify_message'::regproc)")


async def replace(platform, body):
    await platform.connection.execute(
        "create or replace function notify_message() returns trigger language plpgsql"
        f" as $$ begin {body} return null; end $$"
    )


async def test_an_emptied_function_is_mute(platform, watched):
    """A trigger whose function was replaced by an empty one is redefined at the next look, and mute once rows tell."""
    source = await function(platform)
    await replace(platform, "")
    await watched.reason("triggers", "triggers.redefined", 7)
    assert watched.document["checks"]["triggers"]["verdict"] == "warn"
    await platform.write(count=5)
    await watched.reason("triggers", "triggers.mute", WITHIN)
    entry = watched.document["checks"]["triggers"]
    params = entry["params"]
    assert {key: params[key] for key in ("trigger", "table", "rows", "notifies")} == {
        "trigger": NAME, "table": "messages", "rows": 5, "notifies": 0,
    }  # fmt: skip
    assert (entry["verdict"], entry["headline"]) == ("fail", {"value": 3, "of": 4})
    assert set(entry["also"]) == {"triggers.redefined"}
    assert (row(watched.document)["state"], row(watched.document)["unsignalled_5m"]) == ("enabled", 5)
    # Rows of before may share the span.
    proof = row(watched.document)["proof"]
    assert proof["rows"] - proof["signals"] == 5
    await platform.connection.execute(source)
    await watched.until(lambda d: reasons(d) == {"triggers.mute"}, 7)
    await platform.write()
    await watched.reason("triggers", None, WITHIN)
    assert watched.document["checks"]["triggers"]["headline"] == {"value": 4, "of": 4}


@pytest.mark.prove
async def test_some_without_a_signal_leak(platform, watched):
    """Rows past the trigger among rows with their signals are counted one by one, and are not mute."""
    await platform.write(count=2)
    await platform.write(count=2, quietly=True)
    await platform.write()
    await watched.reason("triggers", "triggers.leaking", WITHIN)
    entry = watched.document["checks"]["triggers"]
    assert (entry["verdict"], entry["params"]["missing"]) == ("warn", 2)
    assert entry["params"]["from"] <= entry["params"]["to"]
    assert entry["headline"] == {"value": 4, "of": 4}
    assert row(watched.document)["unsignalled_5m"] == 2
    assert "triggers.mute" not in ever(watched)


@pytest.mark.prove
async def test_a_bulk_load_past_every_trigger(platform, watched):
    """A load in replica mode is mute as long as nothing comes after it, and heals with the next row."""
    await platform.write(count=77, quietly=True)
    await watched.reason("triggers", "triggers.mute", WITHIN)
    assert watched.document["checks"]["triggers"]["params"]["rows"] == 77
    await platform.write()
    await watched.reason("triggers", None, WITHIN)


@pytest.mark.prove
async def test_what_postgresql_does_is_no_fault(platform, watched):
    """Rolled back savepoints, late commits, updates, deletes and rows of one transaction never look like a loss."""
    own = platform.connection
    late = await asyncpg.connect(platform.dsn)
    begun = late.transaction()
    await begun.start()
    await late.fetchval(WRITE)
    await judged(watched, platform)
    async with own.transaction():
        await own.fetchval(WRITE)
        nested = own.transaction()
        await nested.start()
        await own.fetchval(WRITE)
        await nested.rollback()
        async with own.transaction():
            await own.fetchval(WRITE)
    gone = await own.fetchval(WRITE)
    await own.execute("delete from messages where id = $1", gone)
    changed = await own.fetchval(WRITE)
    await judged(watched, platform)
    await own.execute("update messages set body = 'other' where id = $1", changed)
    await begun.commit()
    await late.close()
    await judged(watched, platform)
    assert row(watched.document)["unsignalled_5m"] == 0
    assert ever(watched) == set()


@pytest.mark.prove
async def test_merged_signals_are_one(platform, watched):
    """Equal signals of one transaction are one signal: a trigger that names no row is redefined, and not mute."""
    await replace(platform, "perform pg_notify('messages', '{}');")
    await watched.reason("triggers", "triggers.redefined", 7)
    await platform.write(count=9)
    await judged(watched, platform)
    assert ever(watched) == {"triggers.redefined"}


@pytest.mark.prove
async def test_a_gap_is_not_judged(platform, watched):
    """What was written while the listener was away says nothing of the trigger."""
    await platform.connection.execute("alter role huph_monitor nologin")
    try:
        await platform.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'huph-monitor listen' and datname = current_database()"
        )
        await watched.reason("realtime", "realtime.reconnecting", 1)
        await platform.write(count=9)
    finally:
        await platform.connection.execute("alter role huph_monitor login")
    await watched.until(lambda d: d["checks"]["realtime"]["verdict"] == "ok", 10)
    await judged(watched, platform)
    assert ever(watched) == set()


@pytest.mark.prove
async def test_off_is_not_mute(platform, watched):
    """The rows of a time in which the trigger was off are explained by that, also once it is on again."""
    await platform.connection.execute(f"alter table messages disable trigger {NAME}")
    await watched.reason("triggers", "triggers.disabled", 7)
    await platform.write(count=9)
    await asyncio.sleep(6)  # a whole sweep in which those rows are seen
    await platform.connection.execute(f"alter table messages enable trigger {NAME}")
    await watched.reason("triggers", None, 7)
    await judged(watched, platform)
    assert "triggers.mute" not in ever(watched)
    assert "triggers.leaking" not in ever(watched)


@pytest.mark.prove
async def test_a_whole_row_in_a_signal(platform, start_daemon):
    """A trigger that sends whole rows is noted, with the longest signal that was heard."""
    await replace(platform, "perform pg_notify('messages', row_to_json(new)::text);")
    follower = await (await start_daemon(platform.monitor_dsn, limits=LIMITS)).settled()
    await follower.reason("triggers", "triggers.payload_hazard", 3)
    assert follower.document["checks"]["triggers"]["verdict"] == "ok"
    await platform.connection.execute(WRITE.replace("'text'", "repeat('x', 7000)"))
    await follower.until(lambda d: d["checks"]["triggers"]["params"]["longest_bytes"] > 7000, 7)
    assert row(follower.document)["hazard"] == "whole_row"
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await platform.connection.execute(WRITE.replace("'text'", "repeat('x', 8000)"))


@pytest.mark.prove
async def test_a_forged_signal(platform, watched):
    """What anybody may send on the channel changes no verdict."""
    for payload in ("", "x", "[]", '{"id": {}}', '{"id": 99999999999999999999999}', '{"id": "' + "9" * 7000 + '"}'):
        await platform.connection.execute("select pg_notify('messages', $1)", payload)
    await judged(watched, platform)
    assert ever(watched) == set()
    assert watched.document["checks"]["triggers"]["verdict"] == "ok"

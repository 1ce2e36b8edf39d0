"""The SQL behind the proof of the triggers: which rows were committed between two looks, and how triggers are made."""

from __future__ import annotations

import asyncpg
import pytest

from monitor import plan
from monitor.domain.catalogue import Catalogue, Committed
from monitor.sources.queries import Query
from tests.integration.test_other_platform import HUPH

MESSAGES = Query.load(HUPH / "queries", "rows_messages", Committed)
NOTIFICATIONS = Query.load(HUPH / "queries", "rows_notifications", Committed)
TRIGGERS = Query.load(HUPH / "queries", "triggers", Catalogue)
WRITE = "insert into messages (conversation_id, sender_type, body) values (1, 'user', 'text') returning id::text"


@pytest.fixture
async def watch(platform):
    """A session of the monitor's own role."""
    session = await asyncpg.connect(platform.monitor_dsn)
    yield session
    await session.close()


async def look(watch, since=None, query=MESSAGES, most=2000, keys=()):
    return query.read(await watch.fetch(query.sql, since, most, list(keys)))


async def test_since(platform, watch):
    """The first look finds nothing, each later one what was committed since, the newest first, and nothing twice."""
    await platform.connection.fetchval(WRITE)
    first = await look(watch)
    assert (first.identity, first.transaction, first.created) == ([], [], [])
    ids = [await platform.connection.fetchval(WRITE) for _ in range(3)]
    second = await look(watch, first.snapshot)
    assert second.identity == ids[::-1]
    assert len(set(second.transaction)) == 3
    assert first.now < second.created[2] < second.created[0] < second.now
    assert (await look(watch, second.snapshot)).identity == []


async def test_unexplained(platform, watch):
    """Of the keys that are looked for, those are counted that no row bears, whatever they are made of."""
    id_ = await platform.connection.fetchval(WRITE)
    strange = ["999999999999999999", "9" * 30, "-1", "x", "", "1e3", "drop table messages"]
    rows = await look(watch, keys=[str(id_), *strange])
    assert rows.unexplained == len(strange)


async def test_cap(platform, watch):
    """No more rows are looked at than were asked for, and those are the newest."""
    first = await look(watch)
    ids = [await platform.connection.fetchval(WRITE) for _ in range(5)]
    assert (await look(watch, first.snapshot, most=2)).identity == ids[:2:-1]


async def test_open_transactions(platform, watch):
    """What is not yet committed is found once it is, however long that takes, also from within a savepoint."""
    first = await look(watch)
    other = await asyncpg.connect(platform.dsn)
    begun = other.transaction()
    await begun.start()
    late = await other.fetchval(WRITE)
    soon = await platform.connection.fetchval(WRITE)
    second = await look(watch, first.snapshot)
    assert second.identity == [soon]
    async with other.transaction():
        nested = await other.fetchval(WRITE)
    rolled_back = other.transaction()
    await rolled_back.start()
    await other.fetchval(WRITE)
    await rolled_back.rollback()
    await begun.commit()
    third = await look(watch, second.snapshot)
    assert set(third.identity) == {late, nested}
    assert min(third.created) < second.now
    await other.close()


async def test_beyond_four_thousand_million(platform, watch):
    """A transaction's upper half is that of the newest one, unless that has just begun anew."""
    where = "pg_visible_in_snapshot("
    assert where in MESSAGES.sql
    # A snapshot of the next age: whatever has been written has been seen by it.
    await platform.connection.fetchval(WRITE)
    assert (await look(watch, f"{2**32 + 1000}:{2**32 + 1000}:")).identity == []
    # And of the beginning of time: nothing has.
    assert len((await look(watch, "3:3:")).identity) == 1


async def test_notifications(platform, watch):
    """Notifications are found without an index on their instant."""
    first = await look(watch, query=NOTIFICATIONS)
    id_ = await platform.connection.fetchval(
        "insert into notifications (user_id, kind) values (1, 'reply') returning id::text"
    )
    assert (await look(watch, first.snapshot, NOTIFICATIONS)).identity == [id_]


async def test_little_is_read(platform, watch):
    """Neither question reads the table: an index gives the newest, and no more than were asked for."""
    for query in (MESSAGES, NOTIFICATIONS):
        rows = await watch.fetch(f"explain {query.sql}", "3:3:", 2000, [])
        told = "\n".join(row[0] for row in rows)
        assert "Index Scan" in told
        assert "Limit" in told
        assert "Seq Scan" not in told


@pytest.mark.parametrize("instant", ["infinity", "-infinity", "58863-01-01"])
async def test_no_calendar(platform, watch, instant):
    """A row that a broken clock stamped is left out."""
    first = await look(watch)
    await platform.connection.execute(
        "insert into messages (conversation_id, sender_type, body, created_at)"
        " values (1, 'user', 'text', $1::text::timestamptz)",
        instant,
    )
    assert (await look(watch, first.snapshot)).identity == []


async def test_the_texts_stay_closed(platform, watch):
    """The role that counts rows may not read what is in them."""
    for column in ("body", "*"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await watch.fetch(f"select {column} from messages")


# How triggers are made


async def catalogue(watch, *tables):
    facts = TRIGGERS.read(await watch.fetch(TRIGGERS.sql, list(tables or ["messages"])))
    return {
        name: {field: getattr(facts, field)[number] for field in facts.__slots__}
        for number, name in enumerate(facts.trigger)
    }


def function(body):
    made = "create or replace function notify_message() returns trigger language plpgsql"
    return f"{made} as $$ begin {body} return null; end $$"


async def test_the_hash(platform, watch):
    """The hash changes with the trigger and with its function, comes back with them, and does not mind an owner."""
    name, owner = "trg_messages_notify", platform.connection
    first = (await catalogue(watch))[name]
    assert len(first["hash"]) == 32
    assert (first["notifies"], first["whole_row"], first["level"], first["partitioned"]) == (True, False, "row", False)
    source = await owner.fetchval("select pg_get_functiondef('notify_message'::regproc)")
    await owner.execute(function(""))
    empty = (await catalogue(watch))[name]
    assert empty["hash"] != first["hash"]
    assert not empty["notifies"]
    await owner.execute(source)
    assert (await catalogue(watch))[name] == first
    await owner.execute("alter table messages disable trigger trg_messages_notify")
    assert (await catalogue(watch))[name]["hash"] == first["hash"]
    trigger = "create or replace trigger trg_messages_notify after insert on messages"
    call = "execute function notify_message()"
    await owner.execute(f"{trigger} for each row when (new.sender_type = 'user') {call}")
    assert (await catalogue(watch))[name]["hash"] != first["hash"]
    await owner.execute(f"{trigger} for each row {call}")
    assert (await catalogue(watch))[name]["hash"] == first["hash"]


@pytest.mark.parametrize(
    ("body", "hazard"),
    [
        ("perform pg_notify('messages', row_to_json(new)::text);", True),
        ("perform pg_notify('messages', Row_To_JSON( new )::text);", True),
        ("perform pg_notify('messages', to_json(NEW)::text);", True),
        ("perform pg_notify('messages', to_jsonb ( old )::text);", True),
        ("perform pg_notify('messages', to_json(new.*)::text);", True),
        ("perform pg_notify('messages', to_json(new.id)::text);", False),
        ("perform pg_notify('messages', to_json(newest)::text);", False),
        ("perform pg_notify('messages', json_build_object('id', new.id)::text);", False),
        ("-- not row_to_json(new): it may be too long\n perform pg_notify('messages', '');", False),
    ],
)
async def test_whole_rows(platform, watch, body, hazard):
    """A function that sends a whole row is found by its source, not by its comments."""
    await platform.connection.execute(function(body))
    assert (await catalogue(watch))["trg_messages_notify"]["whole_row"] is hazard


async def test_partitions(platform, watch):
    """A statement's trigger on a partitioned table is told apart; rows straight into a partition do not fire it."""
    owner = platform.connection
    await owner.execute(
        "create table parted (id int) partition by list (id); create table part partition of parted for values in (1);"
        "create function tell() returns trigger language plpgsql as $$ begin notify parted; return null; end $$;"
        "create trigger one after insert on parted for each row execute function tell();"
        "create trigger all_ after insert on parted for each statement execute function tell()"
    )
    found = await catalogue(watch, "parted")
    assert {name: (one["level"], one["partitioned"]) for name, one in found.items()} == {
        "one": ("row", True),
        "all_": ("statement", True),
    }
    assert all(one["notifies"] for one in found.values())


def test_every_profile_query_is_loaded():
    """The daemon reads the files of all triggers with rows."""
    from monitor.config import load

    told = {"HUPH_MONITOR_DATABASE_DSN": "postgresql://a@b/c", "HUPH_MONITOR_ACCESS_OPEN": "true"}
    names = {query.name for query in plan.queries(load(None, told, {}).profile)}
    assert {"rows_messages.sql", "rows_notifications.sql"} <= names

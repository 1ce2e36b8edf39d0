"""The database as the platform made it, and as the monitor finds it."""

import json

import asyncpg
import pytest

from monitor.demo import schema

PAYLOADS = [
    (
        "insert into messages (conversation_id, sender_type, body) values ($1, 'user', 'a text') returning id",
        "messages",
        {"table": "messages", "op": "INSERT", "conversation_id": 1, "sender_type": "user"},
    ),
    ("update conversations set handled_by = 'counselor' where id = $1", "conversations", {"op": "UPDATE", "id": 1}),
    (
        "delete from cluster_assignments where cluster_id = 1 and user_id = 10 + $1",
        "conversations",
        {"table": "cluster_assignments", "op": "DELETE", "cluster_id": 1, "user_id": 11},
    ),
    (
        "insert into notifications (user_id, kind) values (10 + $1, 'test')",
        "notifications",
        {"op": "INSERT", "user_id": 11},
    ),
]


@pytest.mark.parametrize(("statement", "channel", "expected"), PAYLOADS)
async def test_a_change_rings_its_channel(huph, eventually, statement, channel, expected):
    """Each trigger says on its channel which row changed, in numbers, and never a text that somebody wrote."""
    await huph.execute("insert into conversations (id, user_id, cluster_id) values (1, 1001, 1)")
    heard = []
    await huph.add_listener(channel, lambda *said: heard.append(said[3]))
    await huph.execute(statement, 1) if "returning" not in statement else await huph.fetchval(statement, 1)
    await eventually(lambda: heard)
    payload = json.loads(heard[0])
    assert payload.items() >= expected.items()
    assert "a text" not in heard[0]


async def test_to_make_it_again_changes_nothing(huph):
    """Every start of a durable demo runs the same scripts; a setting that somebody edited stays edited."""
    await huph.execute("update system_settings set value = 'edited' where key = 'system.anthropic_model'")
    await schema.create_tables(huph)
    await schema.create_triggers(huph)
    await schema.grant_monitor(huph)
    await schema.grant_monitor(huph)
    assert await huph.fetchval("select value from system_settings where key = 'system.anthropic_model'") == "edited"
    assert await huph.fetchval("select count(*) from clusters") == 5
    assert await huph.fetchval("select count(*) from pg_trigger where not tgisinternal and tgenabled = 'O'") == 4


async def test_a_start_mends_the_triggers(huph):
    """What a demo broke before it was stopped is whole after its next start."""
    await huph.execute("drop trigger trg_messages_notify on messages")
    await huph.execute("alter table notifications disable trigger trg_notifications_notify")
    await schema.create_triggers(huph)
    assert await huph.fetchval("select count(*) from pg_trigger where not tgisinternal and tgenabled = 'O'") == 4


async def test_the_monitor_comes_in_and_may_not_write(huph, server):
    """The role script of the profile gives the demo's monitor the same narrow rights as on a real platform."""
    await schema.grant_monitor(huph)
    monitor = await schema.connect(server.dsn(schema.DATABASE, schema.MONITOR), "test")
    try:
        assert await monitor.fetchval("select count(*) from messages") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await monitor.fetchval("select body from messages")
        with pytest.raises(asyncpg.PostgresError):
            await monitor.execute("insert into messages (conversation_id, sender_type, body) values (1, 'user', 'x')")
    finally:
        monitor.terminate()


async def test_every_cluster_has_counselors_and_no_secret_is_one(huph):
    """The demo starts healthy, and what it calls a secret could never be mistaken for a real one."""
    covered = await huph.fetchval(
        "select count(distinct cluster_id) from cluster_assignments join users on id = user_id where is_active"
    )
    assert covered == 5
    secrets = await huph.fetch("select value from system_settings where is_secret")
    assert all(row["value"].startswith("not-a-key") for row in secrets)

"""Each check, from the database to a subscriber: the real cause turns it, and mending turns it back."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import pytest

SWEEP_S = 31.0
LEARNING = "message_throughput.learning"
"""The note of a platform without a history, as that of a test is: all else is well."""


def verdict(document, check):
    return document["checks"][check]["verdict"]


async def test_a_quiet_platform_is_well(platform, start_daemon):
    """With a message an instant ago everything is ok, and each card says what it saw."""
    await platform.write("user")
    await platform.write("bot")
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await follower.until(lambda d: d["status"] == "healthy", 3)
    checks = follower.document["checks"]
    assert list(checks) == [
        "db", "realtime", "triggers", "cluster_coverage", "recent_activity", "feature_flags", "message_throughput",
    ]  # fmt: skip
    assert checks["cluster_coverage"]["headline"] == {"value": 5, "of": 5}
    assert checks["feature_flags"]["headline"] == {"value": 8, "of": 8}
    assert checks["triggers"]["headline"] == {"value": 4, "of": 4}
    assert checks["realtime"]["headline"] == {"value": 3, "of": 3}
    assert checks["realtime"]["reason"] == "realtime.relay_unproven"
    assert checks["recent_activity"]["headline"]["value"] == 2
    assert checks["message_throughput"]["detail"]["by_sender"] == {"user": 1, "bot": 1}
    assert follower.document["counts"] == {"ok": 7, "warn": 0, "fail": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("harm", "mend", "code"),
    [
        ("drop trigger trg_messages_notify on messages", None, "triggers.missing"),
        pytest.param(
            "alter table notifications disable trigger trg_notifications_notify",
            "alter table notifications enable trigger trg_notifications_notify",
            "triggers.disabled",
            marks=pytest.mark.prove,
        ),
        pytest.param(
            "alter table messages enable replica trigger trg_messages_notify",
            "alter table messages enable always trigger trg_messages_notify",
            "triggers.disabled",
            marks=pytest.mark.prove,
        ),
    ],
)
async def test_a_broken_trigger_is_named_within_one_sweep(platform, start_daemon, harm, mend, code):
    """A trigger that is gone, off, or only for replication turns the check within one sweep; mending turns it back."""
    await platform.write()
    follower = await (await start_daemon(platform.monitor_dsn, limits="sweep_s = 5")).settled()
    await platform.connection.execute(harm)
    await follower.reason("triggers", code, 6)
    entry = follower.document["checks"]["triggers"]
    assert entry["verdict"] == "fail"
    assert entry["headline"]["value"] == 3
    assert entry["params"]["trigger"] in harm
    from monitor.demo.schema import TRIGGERS

    await platform.connection.execute(mend or TRIGGERS["trg_messages_notify"].statement)
    await follower.reason("triggers", None, 6)


@pytest.mark.prove
async def test_a_missing_table_is_the_checks_own_ignorance(platform, start_daemon):
    """A platform without one of the tables makes that one check unknown, names the table, and leaves the rest alone."""
    await platform.write()
    await platform.connection.execute("drop table notifications cascade")
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await follower.reason("triggers", "unknown.schema", 3)
    assert follower.document["checks"]["triggers"]["params"] == {"object": "notifications"}
    assert {verdict(follower.document, name) for name in ("db", "realtime", "message_throughput")} == {"ok"}


async def test_a_missing_right_is_the_checks_own_ignorance(platform, start_daemon):
    """A role that may not read a table makes the checks that need it unknown, and names the table."""
    await platform.connection.execute("revoke select (id, handled_by) on conversations from huph_monitor")
    await platform.write()
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await follower.reason("recent_activity", "unknown.permission", 3)
    params = follower.document["checks"]["recent_activity"]["params"]
    assert params == {"object": "conversations", "right": "SELECT"}
    assert verdict(follower.document, "message_throughput") == "ok"


async def test_too_many_messages_want_a_look(platform, start_daemon):
    """More than 300 messages in five minutes turn the check at once; when enough have left, it turns back by itself."""
    await platform.write(count=290, ago_s=294)
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await platform.write(count=20)
    await follower.reason("message_throughput", "message_throughput.above", 1)
    assert follower.document["checks"]["message_throughput"]["params"]["count"] == 310
    # No new row and no sweep: the window itself lets the old rows go, at their second.
    await follower.reason("message_throughput", LEARNING, 9)
    await follower.until(lambda d: d["checks"]["message_throughput"]["detail"]["count_5m"] == 20, 3)


@pytest.mark.prove
async def test_too_few_messages_want_a_look(platform, start_daemon):
    """No message in sixty minutes turns the check within one sweep; a message turns it back within a second."""
    await platform.write(ago_s=3590)
    follower = await (await start_daemon(platform.monitor_dsn, limits="sweep_s = 5")).settled()
    assert verdict(follower.document, "message_throughput") == "ok"
    await follower.reason("message_throughput", "message_throughput.below", 17)
    await platform.write()
    await follower.reason("message_throughput", LEARNING, 2.1)


async def test_silence_turns_at_its_second(platform, start_daemon):
    """Six hours without a message turn the check at their very second, without any question; a message mends it."""
    await platform.write(ago_s=6 * 3600 - 8)
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    assert follower.document["checks"]["recent_activity"]["reason"] == "recent_activity.quiet"
    await follower.reason("recent_activity", "recent_activity.silent", 9)
    at = follower.document["checks"]["recent_activity"]["since"]
    last = follower.document["checks"]["recent_activity"]["params"]["last_at"]
    assert (seconds(at) - seconds(last)) == pytest.approx(6 * 3600, abs=0.25)
    await platform.write()
    await follower.reason("recent_activity", None, 1)


async def test_an_hour_of_quiet_is_a_note(platform, start_daemon):
    """After an hour without a message the check says so, and stays ok."""
    await platform.write(ago_s=3597)
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await follower.reason("recent_activity", "recent_activity.quiet", 5)
    assert verdict(follower.document, "recent_activity") == "ok"


async def test_a_bot_that_does_not_answer_wants_a_look(platform, start_daemon):
    """Five users whom the bot does not answer turn the check; its answer turns it back within a second."""
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await platform.write("user", count=5)
    await follower.reason("recent_activity", "recent_activity.bot_silent", 2.1)
    await platform.write("bot")
    await follower.reason("recent_activity", None, 2.1)


async def test_nobody_ever_wrote(platform, start_daemon):
    """A platform without a single message is not silent from the first moment: the watch has only begun."""
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    assert verdict(follower.document, "recent_activity") == "ok"
    assert "last_at" not in follower.document["checks"]["recent_activity"]["detail"]


async def test_a_lost_listener_is_said_and_heals(platform, start_daemon):
    """A listening session that somebody ends makes realtime unknown at once; while no login is let in it stays so."""
    await platform.write()
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    await platform.connection.execute("alter role huph_monitor nologin")
    try:
        await platform.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'huph-monitor listen' and datname = current_database()"
        )
        assert await follower.reason("realtime", "realtime.reconnecting", 1) < 1
        await follower.until(lambda d: d["checks"]["realtime"]["params"].get("error") == "login_refused", 3)
        await follower.reason("db", "db.login_refused", 8)
        assert verdict(follower.document, "db") == "ok"
    finally:
        await platform.connection.execute("alter role huph_monitor login")
    await follower.reason("realtime", "realtime.relay_unproven", 7)
    # What was written while it was deaf is counted, because it listens before it looks.
    assert follower.document["checks"]["message_throughput"]["detail"]["count_5m"] == 1


@pytest.mark.parametrize(
    "when", ["58863-01-01", *(pytest.param(one, marks=pytest.mark.prove) for one in ("infinity", "-infinity"))]
)
async def test_a_row_from_no_calendar(platform, start_daemon, when):
    """A row that a broken clock stamped with an absurd instant is counted as SQL counts it, and ends nothing."""
    await platform.write()
    await platform.connection.execute(
        "insert into messages (conversation_id, sender_type, body, created_at)"
        " values (1, 'bot', 'text', $1::text::timestamptz)",
        when,
    )
    daemon = await start_daemon(platform.monitor_dsn)
    follower = await daemon.settled()
    expected = 1 if when == "-infinity" else 2
    await follower.until(lambda d: d["checks"]["message_throughput"]["detail"]["count_5m"] == expected, 3)
    await follower.until(lambda d: set(d["checks"]["recent_activity"]["detail"]["last"]) == {"user", "bot"}, 3)
    assert verdict(follower.document, "recent_activity") == "ok"


async def test_last_fired_is_the_moment_of_the_signal(platform, start_daemon):
    """Each trigger's last firing is what a listener of the test's own sees, to 50 ms."""
    heard = {}
    await platform.connection.add_listener(
        "conversations", lambda *arguments: heard.setdefault(arguments[3], time.time())
    )
    follower = await (await start_daemon(platform.monitor_dsn)).settled()
    apart = []

    def last_fired(document):
        row = document["checks"]["triggers"]["detail"]["triggers"]["trg_conversations_notify"]
        return row.get("last_fired")

    for _ in range(10):
        heard.clear()
        # Two signals of the same millisecond could not be told apart.
        await asyncio.sleep(0.01)
        before = last_fired(follower.document)
        await platform.connection.execute("update conversations set handled_by = handled_by where id = 1")
        await follower.until(lambda d, before=before: last_fired(d) not in {None, before}, 10)
        async with asyncio.timeout(10):
            while not heard:
                await asyncio.sleep(0.001)
        apart.append(abs(seconds(last_fired(follower.document)) - next(iter(heard.values()))))
    # One of them may have waited for a core.
    assert median(apart) < 0.05
    others = follower.document["checks"]["triggers"]["detail"]["triggers"]
    assert "last_fired" not in others["trg_cluster_assignments_notify"]


def seconds(text):
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()

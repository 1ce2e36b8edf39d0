"""Every kind of break really breaks, and its mend really mends."""

import asyncio

import asyncpg
import pytest

from monitor.demo import kinds, schema
from monitor.demo.kinds.triggers import LISTENER, TRIGGER
from monitor.errors import MonitorError


async def state_of_trigger(huph):
    return await huph.fetchval("select tgenabled from pg_trigger where tgname = $1", TRIGGER)


async def can_connect(server):
    session = await asyncpg.connect(server.dsn(schema.DATABASE), timeout=0.2)
    session.terminate()


async def test_drop_trigger(huph, mischief):
    """The trigger is gone, and comes back; twice is as good as once."""
    for _ in range(2):
        await mischief.break_("drop-trigger")
    assert await state_of_trigger(huph) is None
    assert mischief.broken() == ["drop-trigger"]
    for _ in range(2):
        await mischief.mend("drop-trigger")
    assert await state_of_trigger(huph) == b"O"
    assert mischief.broken() == []


async def test_disable_trigger(huph, mischief):
    """The trigger is there and says nothing, until it is enabled again."""
    for _ in range(2):
        await mischief.break_("disable-trigger")
    assert await state_of_trigger(huph) == b"D"
    for _ in range(2):
        await mischief.mend("disable-trigger")
    assert await state_of_trigger(huph) == b"O"


async def test_the_two_trigger_kinds_do_not_mend_each_other(huph, mischief):
    """A trigger that comes back is as it was when it went; what is not there cannot be disabled."""
    await mischief.break_("disable-trigger")
    await mischief.break_("drop-trigger")
    await mischief.mend("drop-trigger")
    assert await state_of_trigger(huph) == b"D"
    await mischief.break_("drop-trigger")
    with pytest.raises(MonitorError, match="mend drop-trigger first"):
        await mischief.break_("disable-trigger")
    await mischief.mend()
    assert await state_of_trigger(huph) == b"O"


async def test_mute_trigger(huph, mischief):
    """The trigger is there, enabled, and says nothing, until its function is what it was."""
    source = "select prosrc from pg_proc where proname = 'notify_message'"
    before = await huph.fetchval(source)
    for _ in range(2):
        await mischief.break_("mute-trigger")
    assert await state_of_trigger(huph) == b"O"
    assert await huph.fetchval(source) != before
    assert mischief.broken() == ["mute-trigger"]
    for _ in range(2):
        await mischief.mend("mute-trigger")
    assert await huph.fetchval(source) == before
    assert mischief.broken() == []


async def test_mute_trigger_beside_the_others(huph, mischief):
    """It neither mends nor is mended by what else may be wrong with the trigger."""
    await mischief.break_("mute-trigger")
    await mischief.break_("disable-trigger")
    await mischief.break_("drop-trigger")
    await mischief.mend("drop-trigger")
    assert mischief.broken() == ["disable-trigger", "mute-trigger"]
    assert await state_of_trigger(huph) == b"D"
    await mischief.mend("mute-trigger")
    assert await state_of_trigger(huph) == b"D"
    await mischief.mend()
    assert await state_of_trigger(huph) == b"O"


async def test_kill_listener(huph, mischief, server, eventually):
    """The sessions with the listener's name end at once, and no others."""
    listener = await schema.connect(server.dsn(schema.DATABASE), LISTENER)
    other = await schema.connect(server.dsn(schema.DATABASE), "huph-monitor sweep")
    await mischief.break_("kill-listener")
    await eventually(listener.is_closed)
    assert await other.fetchval("select 1") == 1
    assert mischief.broken() == []
    await mischief.mend("kill-listener")
    other.terminate()


async def test_crash_postgres(huph, mischief, server):
    """Nobody can connect until it is mended; then everything is as before."""
    for _ in range(2):
        await mischief.break_("crash-postgres")
    with pytest.raises(OSError):
        await can_connect(server)
    assert mischief.broken() == ["crash-postgres"]
    for _ in range(2):
        await mischief.mend("crash-postgres")
    await can_connect(server)


async def test_freeze_postgres(huph, mischief, server):
    """A connection is accepted by the kernel and answered by nobody; sessions go on where they stood."""
    for _ in range(2):
        await mischief.break_("freeze-postgres")
    with pytest.raises(TimeoutError):
        await can_connect(server)
    for _ in range(2):
        await mischief.mend("freeze-postgres")
    assert await huph.fetchval("select 1", timeout=2) == 1


async def test_mend_mends_all(huph, mischief, server):
    """One word puts everything right, in an order in which it can be done, and a second time changes nothing."""
    last = ("drop-trigger", "remove-flags", "freeze-postgres", "crash-postgres")
    for kind in (*(kind for kind in mischief.kinds if kind not in last), *last):
        await mischief.break_(kind)
    # A crash wakes the frozen, one mode of the traffic takes the other's place, and a dead listener is not mended.
    assert EVERY - set(mischief.broken()) == {"freeze-postgres", "kill-listener", "spike-traffic"}
    for _ in range(2):
        await mischief.mend()
        assert mischief.broken() == []
    again = await schema.connect(server.dsn(schema.DATABASE), "test")
    assert await state_of_trigger(again) == b"O"
    again.terminate()


async def test_what_cannot_be_mended_keeps_no_other_from_it(huph, mischief, whole):
    """Each refusal is said with its kind, and everything else is whole."""
    for kind in ("remove-flags", "slow-bot", "stop-service"):
        await mischief.break_(kind)
    port = whole.services["dify"].port
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
        with pytest.raises(MonitorError, match=f"^stop-service: dify cannot listen on port {port}"):
            await mischief.mend()
        assert mischief.broken() == ["stop-service"]
    await mischief.mend()
    assert mischief.broken() == []


INSIDE = (
    *("drop-trigger", "disable-trigger", "mute-trigger", "kill-listener"),
    *("deactivate-counselor", "fail-cron", "stop-scheduler"),
)


async def test_what_cannot_be_done_is_said(mischief):
    """Inside a PostgreSQL that is down nothing can be broken, and nothing counts as broken."""
    await mischief.break_("crash-postgres")
    for kind in (*INSIDE, "freeze-postgres"):
        with pytest.raises(MonitorError, match="PostgreSQL"):
            await mischief.break_(kind)
    assert mischief.broken() == ["crash-postgres"]


async def test_what_cannot_be_mended_stays_broken(huph, mischief):
    """While PostgreSQL is down nothing inside it is mended, and everything is once it is back."""
    inside = [kind for kind in INSIDE if kind not in {"kill-listener", "disable-trigger"}]
    for kind in inside:
        await mischief.break_(kind)
    await mischief.break_("crash-postgres")
    for kind in inside:
        with pytest.raises(MonitorError, match="PostgreSQL"):
            await mischief.mend(kind)
    assert set(mischief.broken()) == {*inside, "crash-postgres"}
    await mischief.mend()
    assert mischief.broken() == []


async def test_one_at_a_time(huph, mischief):
    """Two buttons at once are carried out one after the other."""
    async with asyncio.TaskGroup() as tasks:
        for deed in (mischief.break_, mischief.mend, mischief.break_, mischief.mend):
            tasks.create_task(deed("drop-trigger"))
    assert await state_of_trigger(huph) == b"O"


EVERY = {
    *("freeze-postgres", "crash-postgres", "drop-trigger", "disable-trigger", "mute-trigger", "kill-listener"),
    *("stop-broker", "deaf-broker", "refuse-token", "stop-service", "slow-service"),
    *("spike-traffic", "silence-traffic", "slow-bot", "fail-cron", "stop-scheduler"),
    *("remove-flags", "stale-flags", "deactivate-counselor"),
}


async def test_every_kind_by_its_name(mischief):
    """The names are part of the command line: there are these, each in a group and with a sentence."""
    assert set(mischief.kinds) == EVERY
    assert all(kind.group and kind.about for kind in mischief.kinds.values())
    assert mischief.broken() == []


async def test_without_traffic_there_is_none_to_change(whole):
    """A demo without traffic does not offer what it could not do."""
    offered = kinds.every(whole.postgres, None, whole.broker, whole.services, whole.flags)
    assert EVERY - set(offered) == {"spike-traffic", "silence-traffic", "slow-bot", "fail-cron", "stop-scheduler"}

"""Every kind of break really breaks, and its mend really mends."""

import asyncio

import asyncpg
import pytest

from monitor.clock import SystemClock
from monitor.demo import schema
from monitor.demo.mischief import LISTENER, TRIGGER, Mischief
from monitor.demo.traffic import Traffic
from monitor.errors import MonitorError


@pytest.fixture
def traffic(server, rhythm):
    return Traffic(server.dsn(schema.DATABASE, schema.OWNER), rhythm, SystemClock())


@pytest.fixture
def mischief(huph, server, traffic):
    return Mischief(server, traffic)


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


async def test_kill_listener(mischief, server, eventually):
    """The sessions with the listener's name end at once, and no others."""
    listener = await schema.connect(server.dsn(schema.DATABASE), LISTENER)
    other = await schema.connect(server.dsn(schema.DATABASE), "huph-monitor sweep")
    await mischief.break_("kill-listener")
    await eventually(listener.is_closed)
    assert await other.fetchval("select 1") == 1
    assert mischief.broken() == []
    await mischief.mend("kill-listener")
    other.terminate()


async def test_crash_postgres(mischief, server):
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


@pytest.mark.parametrize("mode", ["spike", "silence"])
async def test_traffic_kinds(mischief, traffic, mode):
    """They turn the traffic and turn it back; what they do to the messages is promised in test_traffic.py."""
    await mischief.break_(f"{mode}-traffic")
    assert traffic.mode == mode
    assert mischief.broken() == [f"{mode}-traffic"]
    await mischief.mend(f"{mode}-traffic")
    assert traffic.mode == "normal"


async def test_to_mend_one_kind_of_traffic_leaves_the_other(mischief, traffic):
    """Spike replaces silence; mending silence afterwards does not end the spike."""
    await mischief.break_("silence-traffic")
    await mischief.break_("spike-traffic")
    await mischief.mend("silence-traffic")
    assert mischief.broken() == ["spike-traffic"]
    assert traffic.mode == "spike"


async def test_mend_mends_all(huph, mischief, server):
    """One word puts everything right, in an order in which it can be done."""
    for kind in ("drop-trigger", "silence-traffic", "freeze-postgres", "crash-postgres"):
        await mischief.break_(kind)
    assert set(mischief.broken()) == {"drop-trigger", "silence-traffic", "crash-postgres"}
    await mischief.mend()
    assert mischief.broken() == []
    again = await schema.connect(server.dsn(schema.DATABASE), "test")
    assert await state_of_trigger(again) == b"O"
    again.terminate()


async def test_what_cannot_be_done_is_said(mischief):
    """Inside a PostgreSQL that is down nothing can be broken, and nothing counts as broken."""
    await mischief.break_("crash-postgres")
    for kind in ("drop-trigger", "freeze-postgres", "kill-listener"):
        with pytest.raises(MonitorError, match="PostgreSQL"):
            await mischief.break_(kind)
    assert mischief.broken() == ["crash-postgres"]


async def test_one_at_a_time(huph, mischief):
    """Two buttons at once are carried out one after the other."""
    async with asyncio.TaskGroup() as tasks:
        for deed in (mischief.break_, mischief.mend, mischief.break_, mischief.mend):
            tasks.create_task(deed("drop-trigger"))
    assert await state_of_trigger(huph) == b"O"


async def test_without_traffic_there_is_none_to_change(server):
    """A demo without traffic does not offer what it could not do."""
    assert not {"spike-traffic", "silence-traffic"} & set(Mischief(server, None).kinds)

"""The live traffic, against a real PostgreSQL."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from monitor.clock import SystemClock
from monitor.demo import schema
from monitor.demo.rhythm import Rhythm
from monitor.demo.traffic import Traffic
from monitor.domain.signal import At


class Morning:
    """The machine's clock, turned to ten o'clock of a working day in Jakarta."""

    def __init__(self, end):
        self._ahead = end.timestamp() - SystemClock().now().wall

    def now(self):
        real = SystemClock().now()
        return At(mono=real.mono, wall=real.wall + self._ahead)


@pytest.fixture
def morning(end):
    return Morning(end)


@pytest.fixture
def busy(rhythm):
    return Rhythm(rhythm.seed, rhythm.today, speed=400)


@asynccontextmanager
async def living(server, rhythm, clock, **options):
    traffic = Traffic(server.dsn(schema.DATABASE, schema.OWNER), rhythm, clock, **options)
    task = asyncio.get_running_loop().create_task(traffic.run(), name="traffic")
    try:
        yield traffic
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def messages(huph):
    return await huph.fetchval("select count(*) from messages")


async def test_it_lives_at_once_and_at_any_hour(huph, server, rhythm, morning, eventually):
    """However quiet the hour, somebody writes within the first seconds, and the bot answers."""
    asleep = Rhythm(rhythm.seed, rhythm.today, speed=1e-9)
    async with living(server, asleep, morning):
        await eventually(lambda: messages(huph), 2)
        question = "select application_name from pg_stat_activity where usename = $1"
        assert await huph.fetchval(question, schema.OWNER) == schema.OWNER_SESSION
        assert await huph.fetchval("select count(*) from notifications") >= 1
        replied = "select count(*) from messages where sender_type <> 'user'"
        await eventually(lambda: huph.fetchval(replied), 9)


async def test_without_the_floor_the_rhythm_rules_alone(huph, server, rhythm, morning, eventually):
    """A demo for measurements may be as quiet as the night."""
    asleep = Rhythm(rhythm.seed, rhythm.today, speed=1e-9)
    async with living(server, asleep, morning, floor=False):
        await eventually(lambda: huph.fetchval("select count(*) from pg_stat_activity where usename = 'huph_app'"))
        await asyncio.sleep(0.2)
        assert await messages(huph) == 0


async def test_a_spike_is_about_forty_a_second(huph, server, rhythm, morning, eventually):
    """The spike begins at once, keeps its rate, and ends at once."""
    async with living(server, rhythm, morning) as traffic:
        await eventually(lambda: messages(huph))
        before = await messages(huph)
        began = asyncio.get_running_loop().time()
        traffic.change("spike")
        await eventually(lambda: _grew(huph, before + 20))
        took = asyncio.get_running_loop().time() - began
        assert 0.4 < took < 1.5
        traffic.change("normal")
        await asyncio.sleep(0.05)
        after = await messages(huph)
        await asyncio.sleep(0.2)
        assert await messages(huph) <= after + 2


async def _grew(huph, to):
    return await messages(huph) >= to


async def test_silence_is_silent_and_ends(huph, server, busy, morning, eventually):
    """Nobody says anything, not even the answers that were due; afterwards somebody does."""
    async with living(server, busy, morning) as traffic:
        await eventually(lambda: _grew(huph, 5))
        traffic.change("silence")
        assert not any(entry.talk for entry in traffic._agenda)
        await asyncio.sleep(0.1)
        before = await messages(huph)
        await asyncio.sleep(0.2)
        assert await messages(huph) == before
        traffic.change("normal")
        await eventually(lambda: _grew(huph, before + 1))


async def test_it_survives_a_crash_of_postgresql(huph, server, busy, morning, eventually):
    """While PostgreSQL is down it waits, and goes on when it is back."""
    async with living(server, busy, morning):
        await eventually(lambda: messages(huph))
        server.kill()
        await asyncio.sleep(0.2)
        server.start()
        again = await schema.connect(server.dsn(schema.DATABASE), "test")
        try:
            before = await messages(again)
            await eventually(lambda: _grew(again, before + 3))
        finally:
            again.terminate()

"""The live traffic, against a real PostgreSQL."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from monitor.clock import SystemClock
from monitor.demo import jobs, schema
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
async def living(server, rhythm, clock):
    traffic = Traffic(server.dsn(schema.DATABASE, schema.OWNER), rhythm, clock)
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
    """However quiet the hour, somebody writes within the first seconds, and a counselor hears of it."""
    asleep = Rhythm(rhythm.seed, rhythm.today, speed=1e-9)
    async with living(server, asleep, morning):
        await eventually(lambda: messages(huph), 2)
        question = "select application_name from pg_stat_activity where usename = $1"
        assert await huph.fetchval(question, schema.OWNER) == schema.OWNER_SESSION
        assert await huph.fetchval("select count(*) from notifications") >= 1


async def test_the_bot_answers(huph, server, busy, morning, eventually):
    """Where many write, the first answers come within seconds."""
    async with living(server, busy, morning):
        await eventually(lambda: huph.fetchval("select count(*) from messages where sender_type = 'bot'"))


async def test_without_the_floor_the_rhythm_rules_alone(huph, server, rhythm, morning, eventually):
    """A demo for measurements may be as quiet as the night."""
    asleep = Rhythm(rhythm.seed, rhythm.today, speed=1e-9, floor=False)
    async with living(server, asleep, morning):
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


async def test_an_assignment_rings_its_trigger(huph, server, busy, morning, eventually):
    """Now and then a counselor is assigned anew, and whoever listens hears of it."""
    heard = []
    await huph.add_listener("conversations", lambda *said: heard.append(json.loads(said[3])))
    before = await huph.fetch("select cluster_id, user_id from cluster_assignments order by 1, 2")
    async with living(server, busy, morning):
        await eventually(lambda: [one for one in heard if one["table"] == "cluster_assignments"])
    assert await huph.fetch("select cluster_id, user_id from cluster_assignments order by 1, 2") == before


async def test_jobs_run_live(huph, server, rhythm, morning, eventually):
    """A stopped scheduler that goes on makes up for what it missed, and the run is told as done when it is."""
    since = SystemClock().now().wall
    async with living(server, rhythm, morning) as traffic:
        await eventually(lambda: messages(huph))
        traffic.scheduler.stop()
        traffic.scheduler._missed["daily_report"] = next(job for job in jobs.JOBS if job.name == "daily_report")
        traffic.scheduler.resume()
        run = await eventually(lambda: huph.fetchrow("select * from cron_runs where job = 'daily_report'"))
        assert (run["status"], run["finished_at"]) == ("running", None)
        assert run["started_at"].timestamp() > since

"""Every kind of break beside PostgreSQL's own really breaks, and its mend really mends."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
import socketio
from joserfc import jwt

from monitor.demo import jobs
from monitor.demo.kinds import cron

LATELY = "select count(*) from cron_runs where started_at > now() - interval '2 h'"
FAILED = "select count(*) from cron_runs where job = 'follow_up' and status = 'failed'"


async def health(service, timeout=4.0):
    limit = aiohttp.ClientTimeout(timeout)
    async with aiohttp.ClientSession(timeout=limit) as session, session.get(service.url) as answer:
        return await answer.json()


async def listens(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def twice(deed, kind):
    """To break the broken and to mend the whole change nothing."""
    for _ in range(2):
        await deed(kind)


async def test_stop_broker(whole, mischief):
    """Its port refuses connections, and accepts them again."""
    await twice(mischief.break_, "stop-broker")
    assert not await listens(whole.broker.port)
    assert mischief.broken() == ["stop-broker"]
    await twice(mischief.mend, "stop-broker")
    assert await listens(whole.broker.port)


@asynccontextmanager
async def inbox(broker):
    """A client with a good token, in the room that gets every signal, once the broker listens."""
    token = jwt.encode({"alg": "HS256"}, {"exp": int(time.time()) + 60}, broker._key)
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(broker.url, auth={"token": token}, transports=["websocket"], wait_timeout=2)
        await client.emit("join", "inbox")
        while not (await client.call("stats"))["listens"]:
            await asyncio.sleep(0.01)
        yield client


async def relays(client, huph):
    """Say whether a signal of the database comes through."""
    await huph.execute("""select pg_notify('messages', '{"id": 1}')""")
    try:
        return await client.receive(timeout=0.3) == ["message", {"id": 1}]
    except socketio.exceptions.TimeoutError:
        return False


async def test_deaf_broker(huph, whole, mischief):
    """Who is connected stays so and hears nothing, until it is mended; also when it was stopped in between."""
    async with inbox(whole.broker) as client:
        assert await relays(client, huph)
        await twice(mischief.break_, "deaf-broker")
        assert not await relays(client, huph)
        assert client.connected
        assert mischief.broken() == ["deaf-broker"]
        await twice(mischief.mend, "deaf-broker")
        assert await relays(client, huph)
    await mischief.break_("stop-broker")
    await mischief.break_("deaf-broker")
    await mischief.mend("stop-broker")
    async with inbox(whole.broker) as client:
        assert not await relays(client, huph)


async def test_refuse_token(huph, whole, mischief):
    """A good token is refused, until it is mended; also when the broker was stopped in between."""
    await twice(mischief.break_, "refuse-token")
    await mischief.break_("stop-broker")
    await mischief.mend("stop-broker")
    assert mischief.broken() == ["refuse-token"]
    with pytest.raises(socketio.exceptions.ConnectionError):
        async with inbox(whole.broker):
            pass
    await twice(mischief.mend, "refuse-token")
    async with inbox(whole.broker) as client:
        assert client.connected


async def test_stop_service(whole, mischief):
    """Dify refuses connections while all others answer, and answers again on its port."""
    await twice(mischief.break_, "stop-service")
    assert mischief.broken() == ["stop-service"]
    open_ = [name for name, service in whole.services.items() if await listens(service.port)]
    assert open_ == ["langfuse", "milvus", "huph-api", "admin"]
    await twice(mischief.mend, "stop-service")
    assert await health(whole.services["dify"]) == {"status": "ok"}


async def test_slow_service(whole, mischief):
    """Dify answers later than what counts as slow and sooner than what counts as dead; the others at once."""
    await twice(mischief.break_, "slow-service")
    began = time.monotonic()
    await health(whole.services["langfuse"])
    assert time.monotonic() - began < 0.5
    await health(whole.services["dify"])
    assert 2.0 < time.monotonic() - began < 3.0
    assert mischief.broken() == ["slow-service"]
    await twice(mischief.mend, "slow-service")
    await health(whole.services["dify"], timeout=0.5)


async def test_remove_flags(whole, mischief):
    """The file is away, and comes back as it was."""
    before = whole.flags.path.read_text(), whole.flags.path.stat().st_mtime
    await twice(mischief.break_, "remove-flags")
    assert not whole.flags.path.exists()
    assert mischief.broken() == ["remove-flags"]
    await twice(mischief.mend, "remove-flags")
    assert (whole.flags.path.read_text(), whole.flags.path.stat().st_mtime) == before
    assert mischief.broken() == []


async def test_stale_flags(whole, mischief):
    """The file is younger than huph-api, with another value; mended, huph-api is the younger one of the two."""
    api = whole.services["huph-api"]
    before = whole.flags.path.read_text()
    assert whole.flags.path.stat().st_mtime < api.started_at
    await asyncio.sleep(0.02)  # the clock of a file's time may be a tick behind
    await twice(mischief.break_, "stale-flags")
    assert whole.flags.path.stat().st_mtime > api.started_at
    changed = set(whole.flags.path.read_text().splitlines()) ^ set(before.splitlines())
    assert changed == {"MAX_BOT_TURNS=8", "MAX_BOT_TURNS=12"}
    assert mischief.broken() == ["stale-flags"]
    first = (await health(api))["started_at"]
    await mischief.mend("stale-flags")
    assert (await health(api))["started_at"] > first
    assert whole.flags.path.stat().st_mtime < api.started_at
    restarted = api.started_at
    await mischief.mend("stale-flags")
    assert api.started_at == restarted


async def test_deactivate_counselor(huph, mischief):
    """Both counselors of one cluster are inactive and still assigned; nobody else is."""
    inactive = """
        select clusters.name from clusters join cluster_assignments on cluster_id = clusters.id
        join users on users.id = user_id where not is_active
    """
    await twice(mischief.break_, "deactivate-counselor")
    assert [row["name"] for row in await huph.fetch(inactive)] == ["Hukum", "Hukum"]
    assert await huph.fetchval("select count(*) from users where not is_active") == 2
    assert mischief.broken() == ["deactivate-counselor"]
    await twice(mischief.mend, "deactivate-counselor")
    assert await huph.fetch(inactive) == []


@pytest.fixture
async def runs(huph, past, end):
    """A day of runs that ends now, and one that is under way."""
    now = await huph.fetchval("select now()")
    rows = [row for row in past.cron_runs if row[3] > end - timedelta(days=1)]
    shift = now - end
    rows = [(job, "success", None, started + shift, finished + shift) for job, _, _, started, finished in rows]
    columns = ("job", "status", "error_message", "started_at", "finished_at")
    await huph.copy_records_to_table("cron_runs", records=rows, columns=columns)
    await huph.execute("insert into cron_runs (job, status) values ('daily_report', 'running')")
    return len(rows) + 1


async def all_runs(huph):
    return await huph.fetch("select * from cron_runs order by id")


async def fail_in_earnest(huph):
    columns = "job, status, error_message, finished_at"
    statement = f"insert into cron_runs ({columns}) values ('follow_up', 'failed', $1, now()) returning *"
    return await huph.fetchrow(statement, jobs.BROKEN_TEMPLATE)


async def test_fail_cron(huph, whole, mischief, runs):
    """More runs have failed in 24 h than may, the newest just now, and every later one will; mended, none did."""
    before = await all_runs(huph)
    await twice(mischief.break_, "fail-cron")
    newest = await huph.fetchrow("select * from cron_runs where job = 'follow_up' order by started_at desc limit 1")
    assert (newest["status"], newest["error_message"]) == ("failed", jobs.BROKEN_TEMPLATE)
    assert await huph.fetchval(FAILED) == cron.FAILURES > 3
    assert await huph.fetchval("select max(finished_at) <= now() from cron_runs where status = 'failed'")
    assert whole.traffic.scheduler.broken_template == "follow_up"
    assert mischief.broken() == ["fail-cron"]
    # One more fails in earnest: it did run, so it stays, and counts as done.
    await fail_in_earnest(huph)
    await twice(mischief.mend, "fail-cron")
    assert await huph.fetchval(FAILED) == 0
    after = await all_runs(huph)
    assert after[:-1] == before
    assert (after[-1]["status"], after[-1]["error_message"]) == ("success", None)
    assert whole.traffic.scheduler.broken_template is None


async def test_stop_scheduler(huph, whole, mischief, runs):
    """Nothing has run for two hours, nor will; mended, the runs are back as they were, and none lasts for ever."""
    before = await all_runs(huph)
    assert await huph.fetchval(LATELY) > 8
    await twice(mischief.break_, "stop-scheduler")
    assert await huph.fetchval(LATELY) == 0
    assert whole.traffic.scheduler.stopped
    assert mischief.broken() == ["stop-scheduler"]
    await twice(mischief.mend, "stop-scheduler")
    after = await all_runs(huph)
    assert after[:-1] == before[:-1]
    assert after[-1]["id"] == before[-1]["id"]
    assert after[-1]["status"] == "success"
    assert after[-1]["started_at"] <= after[-1]["finished_at"] <= await huph.fetchval("select now()")
    assert not whole.traffic.scheduler.stopped


@pytest.mark.parametrize("first", ["fail-cron", "stop-scheduler"])
@pytest.mark.parametrize("mended", ["fail-cron", "stop-scheduler"])
async def test_the_two_cron_kinds_do_not_mend_each_other(huph, mischief, runs, first, mended):
    """In whatever order they are broken and mended, each looks as it should, and in the end everything is as before."""
    second = ({"fail-cron", "stop-scheduler"} - {first}).pop()
    left = ({"fail-cron", "stop-scheduler"} - {mended}).pop()
    before = await all_runs(huph)
    await mischief.break_(first)
    if first == "fail-cron":  # one fails in earnest before the scheduler is stopped
        before.append(await fail_in_earnest(huph))
    await mischief.break_(second)
    assert await huph.fetchval(LATELY) == 0
    await mischief.mend(mended)
    assert mischief.broken() == [left]
    failures = cron.FAILURES + (first == "fail-cron")
    assert await huph.fetchval(FAILED) == (failures if left == "fail-cron" else 0)
    assert (await huph.fetchval(LATELY) == 0) == (left == "stop-scheduler")
    await mischief.mend(left)
    assert [row["id"] for row in await all_runs(huph)] == [row["id"] for row in before]
    assert await huph.fetchval(FAILED) == 0


@pytest.mark.parametrize("mode", ["spike", "silence"])
async def test_traffic_kinds(whole, mischief, mode):
    """They turn the traffic and turn it back; what they do to the messages is promised in test_traffic.py."""
    await mischief.break_(f"{mode}-traffic")
    assert whole.traffic.mode == mode
    assert mischief.broken() == [f"{mode}-traffic"]
    await mischief.mend(f"{mode}-traffic")
    assert whole.traffic.mode == "normal"


async def test_to_mend_one_kind_of_traffic_leaves_the_other(whole, mischief):
    """Spike replaces silence; mending silence afterwards does not end the spike."""
    await mischief.break_("silence-traffic")
    await mischief.break_("spike-traffic")
    await mischief.mend("silence-traffic")
    assert mischief.broken() == ["spike-traffic"]
    assert whole.traffic.mode == "spike"


async def test_slow_bot(whole, mischief):
    """The bot is slow until it is mended; how slow is promised in test_scheduler.py."""
    await twice(mischief.break_, "slow-bot")
    assert whole.traffic.slow_bot
    assert mischief.broken() == ["slow-bot"]
    await twice(mischief.mend, "slow-bot")
    assert not whole.traffic.slow_bot

"""The questions about the jobs: equal to plain counts, read by the index alone, cheap however long the history is."""

from __future__ import annotations

import dataclasses
import json
import re
from importlib import resources
from itertools import takewhile

import asyncpg
import pytest

from monitor.domain.cron import Jobs, Last
from monitor.domain.runs import Runs
from monitor.sources.queries import Query

QUERIES = resources.files("monitor.profiles") / "huph" / "queries"
CRON, RUNS = Query.load(QUERIES, "cron", Jobs), Query.load(QUERIES, "runs", Runs)
KNOWN = ["follow_up", "retention_sweep", "nightly_sync", "embedding_refresh", "daily_report", "never_ran"]
DAY_S, AHEAD_S, FAR_S = 86_400.0, 300.0, 365.25 * 86_400
PAST = """
insert into cron_runs (job, status, error_message, started_at, finished_at)
select job, status, case when status = 'failed' then 'error ' || n || repeat('x', n % 500) end, started_at,
       case when status <> 'running' then started_at + make_interval(secs => 5 + (n * 7919) % 90 / 10.0) end
from (
    select job, n, now() - n * every - make_interval(secs => 40 + 10 * place) as started_at,
           case when n % 53 = 0 then 'running' when n % 17 = 3 then 'failed' else 'success' end as status
    from (values (1, 'follow_up', interval '7 minutes', 100000), (2, 'retention_sweep', interval '4 hours', 5000),
                 (3, 'nightly_sync', interval '1 day', 5000), (4, 'embedding_refresh', interval '1 hour', 10000),
                 (5, 'daily_report', interval '1 day', 5000), (0, 'forgotten', interval '3 minutes', 5000)
         ) j (place, job, every, most)
    cross join lateral generate_series(0, most - 1) n
) run
order by started_at
"""


@pytest.fixture
async def monitor(platform):
    """A session of the monitor's own role, as the profile's role script makes it."""
    session = await asyncpg.connect(platform.monitor_dsn)
    yield session
    session.terminate()


@pytest.fixture
async def past(platform):
    """The jobs have run 130,000 times, and a job that nobody knows is the one that ran last."""
    await platform.connection.execute(PAST)
    await platform.connection.execute("analyze cron_runs")


async def add(platform, job, status, ago_s, *, took_s=None, error=None):
    """Write one run that started so many seconds ago (or at an instant in PostgreSQL's words) and took so long."""
    started = f"'{ago_s}'::timestamptz" if isinstance(ago_s, str) else f"now() - make_interval(secs => {ago_s})"
    finished = "null" if took_s is None else f"{started} + make_interval(secs => {took_s})"
    await platform.connection.execute(
        f"insert into cron_runs (job, status, error_message, started_at, finished_at)"
        f" values ('{job}', '{status}', $1, {started}, {finished})",
        error,
    )


async def ask(session, query, *arguments):
    return query.read(await session.fetch(query.sql, *arguments))


def near(value, within=0.001):
    return pytest.approx(value, rel=0, abs=within)


def epoch(moment):
    return moment.timestamp()


def share(values, wanted):
    """Give the percentile by linear interpolation between the two nearest values."""
    values, place = sorted(values), wanted * (len(values) - 1)
    low = int(place)
    return values[low] + (place - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def plainly(rows, now):
    """Tell of one job what cron.sql must tell, from all of its rows."""
    rows = sorted(rows, key=lambda row: (row["started_at"], row["id"]), reverse=True)
    rows = [row for row in rows if epoch(row["started_at"]) <= now + AHEAD_S]
    if not rows:
        return Last()
    day = [row for row in rows if epoch(row["started_at"]) >= now - DAY_S]
    ended = [row for row in rows[:100] if row["status"] != "running"]
    failed = [row for row in rows if row["status"] == "failed"]
    took = [epoch(row["finished_at"]) - epoch(row["started_at"]) for row in rows[:100] if row["status"] == "success"]
    last = rows[0]
    return Last(
        started=epoch(last["started_at"]),
        finished=epoch(last["finished_at"]) if last["finished_at"] else 0.0,
        status=last["status"],
        error=failed[0]["error_message"][:300],
        failed=ended[0]["status"] == "failed",
        streak=len(list(takewhile(lambda row: row["status"] == "success", ended))),
        fails=sum(row["status"] == "failed" for row in day),
        runs=len(day),
        abandoned=sum(row["status"] == "running" for row in day if row is not last),
        usual_s=share(took, 0.95),
    )


async def test_equal_to_a_plain_count(monitor, past):
    """Of 130,000 runs, what both questions tell of each job is what a count of all rows tells."""
    async with monitor.transaction(isolation="repeatable_read"):
        jobs, runs = await ask(monitor, CRON, KNOWN), await ask(monitor, RUNS, KNOWN)
        rows = await monitor.fetch("select id, job, status, error_message, started_at, finished_at from cron_runs")
    assert len(rows) == 130_000
    assert jobs.job == KNOWN
    assert jobs.any_started == near(max(epoch(row["started_at"]) for row in rows))
    for job in KNOWN:
        want = plainly([row for row in rows if row["job"] == job], jobs.now)
        for key, value in dataclasses.asdict(want).items():
            told = getattr(jobs.last(job), key)
            assert told == (near(value) if isinstance(value, float) else value), (job, key)
    assert jobs.last("never_ran") == Last()
    assert jobs.last("follow_up").runs == 206
    day = sorted(
        (row for row in rows if row["job"] in KNOWN and epoch(row["started_at"]) >= jobs.now - DAY_S),
        key=lambda row: row["started_at"],
        reverse=True,
    )
    told = list(zip(runs.job, runs.started, runs.finished, runs.status, runs.error, strict=True))
    assert told == [
        (
            row["job"],
            near(epoch(row["started_at"])),
            near(epoch(row["finished_at"]) if row["finished_at"] else 0.0),
            row["status"],
            (row["error_message"] or "")[:300],
        )
        for row in day
    ]


async def test_any_job_counts_for_the_scheduler(monitor, platform, past):
    """A job that the profile does not know is not told of, but its run shows that the scheduler is alive."""
    jobs = await ask(monitor, CRON, KNOWN)
    assert "forgotten" not in jobs.job
    assert jobs.any_started > max(jobs.started)
    assert "forgotten" not in (await ask(monitor, RUNS, KNOWN)).job


@pytest.mark.parametrize("query", [CRON, RUNS], ids=["cron", "runs"])
@pytest.mark.parametrize("role", ["monitor", "superuser"])
async def test_by_the_index_alone(monitor, platform, past, query, role):
    """No plan reads the whole table, not even where nothing forbids it; few blocks are touched."""
    session = monitor if role == "monitor" else platform.connection
    text = await session.fetchval(f"explain (analyze, buffers, format json) {query.sql}", KNOWN)
    assert not re.search(r'"Node Type": "(Seq|Parallel Seq)', text)
    plan = json.loads(text)[0]["Plan"]
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 900


async def test_clocks_that_run_ahead(monitor, platform):
    """A run from five minutes ahead or more hides no run that follows; one that is a little ahead is the last run."""
    await add(platform, "a", "failed", 60, took_s=1, error="now")
    await add(platform, "a", "success", "infinity")
    await add(platform, "a", "success", -3600, took_s=1)
    await add(platform, "b", "success", -200, took_s=1)
    await add(platform, "c", "running", "-infinity")
    jobs = await ask(monitor, CRON, ["a", "b", "c"])
    assert jobs.last("a").status == "failed"
    assert (jobs.last("a").runs, jobs.last("a").fails) == (1, 1)
    assert jobs.last("b").started == near(jobs.now + 200, 5)
    assert jobs.any_started == jobs.last("b").started
    assert jobs.last("c").started == 0
    assert (await ask(monitor, RUNS, ["a", "b", "c"])).job == ["b", "a"]


async def test_instants_that_no_calendar_has(monitor, platform):
    """An end at 'infinity' is a year from now; nothing that is told is beyond counting."""
    await platform.connection.execute(
        "insert into cron_runs (job, status, started_at, finished_at)"
        " values ('a', 'success', now(), 'infinity'), ('b', 'success', now(), '-infinity')"
    )
    jobs, runs = await ask(monitor, CRON, ["a", "b"]), await ask(monitor, RUNS, ["a", "b"])
    assert jobs.last("a").finished == near(jobs.now + FAR_S, 2 * DAY_S)
    assert jobs.last("a").usual_s == near(FAR_S, 2 * DAY_S)
    assert (jobs.last("b").finished, jobs.last("b").usual_s) == (0, 0.001)
    assert sorted(runs.finished) == [0, near(jobs.now + FAR_S, 2 * DAY_S)]


async def test_the_last_failure(monitor, platform):
    """Its message is told however many runs of the day have succeeded since; after a day and 100 runs it is gone."""
    minute = (
        "insert into cron_runs (job, status, started_at, finished_at) select $1, 'success', now() - n * interval"
        " '1 minute', now() - n * interval '1 minute' + interval '2 s' from generate_series(1, $2::int) n"
    )
    for job, runs, ago_s in (("a", 150, 3 * 3600), ("b", 150, 30 * 3600), ("c", 20, 30 * 3600)):
        await platform.connection.execute(minute, job, runs)
        await add(platform, job, "failed", ago_s, took_s=1, error=f"template of {job}")
    await add(platform, "d", "success", 90)  # nobody wrote when it ended
    await add(platform, "d", "failed", 30, took_s=1)
    jobs = await ask(monitor, CRON, ["a", "b", "c", "d"])
    assert jobs.error == ["template of a", "", "template of c", ""]
    assert jobs.fails == [1, 0, 0, 1]
    assert jobs.failed == [False, False, False, True]
    assert jobs.streak == [100, 100, 20, 0]
    assert jobs.usual_s == [2, 2, 2, 0]


async def test_runs_that_are_under_way(monitor, platform):
    """The last run may be under way: the failure before it still is the last end; an older one was left behind."""
    await add(platform, "a", "failed", 600, took_s=1, error="first")
    await add(platform, "a", "running", 400)
    await add(platform, "a", "running", 200)
    await add(platform, "b", "running", 2 * DAY_S)
    await add(platform, "c", "running", 300)
    await add(platform, "c", "success", 300, took_s=3)
    jobs = await ask(monitor, CRON, ["a", "b", "c"])
    assert jobs.status == ["running", "running", "success"]
    assert jobs.abandoned == [1, 0, 1]
    assert jobs.failed == [True, False, False]
    assert jobs.runs == [3, 0, 2]
    assert jobs.finished[:2] == [0, 0]


async def test_runs_are_shared_fairly(monitor, platform):
    """Of more than a thousand runs the newest of each job are told, so a busy job hides no seldom one."""
    await platform.connection.execute(
        "insert into cron_runs (job, status, started_at) select 'busy', 'success', now() - n * interval '20 seconds'"
        " from generate_series(1, 1500) n"
    )
    await add(platform, "seldom", "failed", 20 * 3600, took_s=1, error="e" * 1000)
    runs = await ask(monitor, RUNS, ["busy", "seldom"])
    assert (len(runs.job), runs.job[-1], len(runs.error[-1])) == (1000, "seldom", 300)
    assert runs.started == sorted(runs.started, reverse=True)


async def test_nothing_at_all(monitor):
    """An empty table, and no job to ask for, give facts all the same."""
    jobs = await ask(monitor, CRON, ["a"])
    assert (jobs.any_started, jobs.last("a")) == (0, Last())
    assert (await ask(monitor, CRON, [])).job == []
    assert (await ask(monitor, RUNS, [])).job == []

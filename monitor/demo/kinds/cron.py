"""The cron jobs: one that fails every time, and a scheduler that starts none any more.

Jobs are rare, and nobody watches a button for hours: so each kind also makes the past look as if it had been pressed
some hours ago, and its mend gives back the past that was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.demo import jobs
from monitor.demo.mischief import Kind
from monitor.demo.statement import execute

if TYPE_CHECKING:
    from monitor.demo.postgres import EmbeddedPostgres
    from monitor.demo.scheduler import Scheduler

VICTIM = "follow_up"
FAILURES = 5
LOOKS_STOPPED = 2  # hours

# The newest is half a minute old; where nothing runs any more, none is newer than the last run.
_FAIL = """
    insert into cron_runs (job, status, error_message, started_at, finished_at)
    select $1, 'failed', $2, newest - n * interval '20 min', newest - n * interval '20 min' + interval '12 s'
    from generate_series(0, $3 - 1) n,
        (select coalesce(max(started_at) filter (where $4), now() - interval '30 s') as newest from cron_runs) last
    returning id
"""
# What failed while it was broken did run: it stays, as a success, or the next judgement would miss a run.
_MEND = """
    with written as (delete from cron_runs where id = any ($2::bigint[]))
    update cron_runs set status = 'success', error_message = null
    where error_message = $1 and not id = any ($2::bigint[])
"""
_COLUMNS = ("id", "job", "status", "error_message", "started_at", "finished_at")
_TAKE = "delete from cron_runs where started_at > now() - make_interval(hours => $1) returning *"
# A run that was under way when it was taken away is over by now, and nobody would ever write so.
_GIVE_BACK = """
    insert into cron_runs (id, job, status, error_message, started_at, finished_at)
    select id, job, case status when 'running' then 'success' else status end, error_message, started_at,
        coalesce(finished_at, least(now(), started_at + interval '10 s'))
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
        as taken (id, job, status, error_message, started_at, finished_at)
"""


class _Runs:
    """What the two kinds have done to the table, so that each can undo it while the other is still broken."""

    def __init__(self, postgres: EmbeddedPostgres, scheduler: Scheduler) -> None:
        self._postgres = postgres
        self._scheduler = scheduler
        self._written: list[int] = []
        self._taken: list[dict[str, Any]] = []

    async def fail(self) -> None:
        if self._scheduler.broken_template == VICTIM:
            return
        rows = await execute(self._postgres, _FAIL, VICTIM, jobs.BROKEN_TEMPLATE, FAILURES, self._scheduler.stopped)
        self._written = [row["id"] for row in rows]
        self._scheduler.broken_template = VICTIM

    async def succeed(self) -> None:
        if self._scheduler.broken_template is None:
            return
        self._scheduler.broken_template = None
        try:
            await execute(self._postgres, _MEND, jobs.BROKEN_TEMPLATE, self._written)
        except BaseException:
            self._scheduler.broken_template = VICTIM
            raise
        self._taken = [_mended(row) for row in self._taken if row["id"] not in self._written]
        self._written = []

    async def stop(self) -> None:
        if self._scheduler.stopped:
            return
        self._scheduler.stop()
        try:
            self._taken = [dict(row) for row in await execute(self._postgres, _TAKE, LOOKS_STOPPED)]
        except BaseException:
            self._scheduler.resume()
            raise

    async def resume(self) -> None:
        if not self._scheduler.stopped:
            return
        await execute(self._postgres, _GIVE_BACK, *([row[name] for row in self._taken] for name in _COLUMNS))
        self._taken = []
        self._scheduler.resume()


def _mended(row: dict[str, Any]) -> dict[str, Any]:
    failed = row["error_message"] == jobs.BROKEN_TEMPLATE
    return {**row, "status": "success", "error_message": None} if failed else row


def kinds(postgres: EmbeddedPostgres, scheduler: Scheduler) -> dict[str, Kind]:
    runs = _Runs(postgres, scheduler)
    return {
        "stop-scheduler": Kind(
            "cron",
            f"starts no cron job any more, and takes away the runs of the last {LOOKS_STOPPED} h",
            runs.stop,
            runs.resume,
            lambda: scheduler.stopped,
        ),
        "fail-cron": Kind(
            "cron",
            f"lets every run of {VICTIM} fail, and writes {FAILURES} failed runs of the last hours",
            runs.fail,
            runs.succeed,
            lambda: scheduler.broken_template is not None,
        ),
    }

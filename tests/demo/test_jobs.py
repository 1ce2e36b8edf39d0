"""The cron jobs and their rhythms."""

from datetime import UTC, datetime, timedelta

from monitor.demo import jobs
from monitor.demo.rhythm import PLACE

JOBS = {job.name: job for job in jobs.JOBS}


def test_intervals_count_from_midnight_in_jakarta():
    """Every twenty minutes, every four hours: on the clock of the platform's place, and strictly later."""
    noon = datetime(2026, 11, 20, 5, tzinfo=UTC)
    assert JOBS["follow_up"].next_after(noon) == noon + timedelta(minutes=20)
    assert JOBS["follow_up"].next_after(noon - timedelta(seconds=1)) == noon
    assert JOBS["retention_sweep"].next_after(noon).astimezone(PLACE).hour == 16


def test_daily_jobs_are_due_at_their_hour():
    """Today if it is still to come, else tomorrow."""
    before = datetime(2026, 11, 20, 21, 59, tzinfo=PLACE)
    due = JOBS["nightly_sync"].next_after(before)
    assert due == datetime(2026, 11, 20, 22, tzinfo=PLACE)
    assert JOBS["nightly_sync"].next_after(due) == due + timedelta(days=1)


def test_every_due_run_is_there_once(end):
    """A day of follow_up has 72 runs, and the last, still under way at the end, is told as done."""
    begin = end - timedelta(days=1)
    runs = list(jobs.runs_between(dict.fromkeys(JOBS, begin), end + timedelta(seconds=2), seed=1))
    assert sum(run.job == "follow_up" for run in runs) == 72
    assert all(run.started_at <= run.finished_at <= end + timedelta(seconds=2) for run in runs)
    assert runs == list(jobs.runs_between(dict.fromkeys(JOBS, begin), end + timedelta(seconds=2), seed=1))

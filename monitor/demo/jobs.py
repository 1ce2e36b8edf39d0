"""The platform's cron jobs: when each is due, how long it takes, and how seldom it fails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from random import Random
from typing import TYPE_CHECKING

from monitor.demo.rhythm import PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Job:
    """One job and its rhythm: every so long, counted from midnight in Jakarta, or daily at one hour there."""

    name: str
    seconds: float  # usual duration
    fails: float  # chance of a failure
    complaint: str
    every: timedelta | None = None
    at_hour: int = 0

    def next_after(self, moment: datetime) -> datetime:
        """Give the first due instant after the given one."""
        here = moment.astimezone(PLACE)
        midnight = datetime.combine(here.date(), time(), PLACE)
        if self.every is None:
            due = midnight + timedelta(hours=self.at_hour)
            return due if due > here else due + timedelta(days=1)
        return midnight + self.every * ((here - midnight) // self.every + 1)


JOBS = (
    Job("follow_up", 12, 0.003, "429 rate_limit_error from the language model (example)", every=timedelta(minutes=20)),
    Job(
        "retention_sweep", 45, 0.004, "canceling statement due to statement timeout (example)", every=timedelta(hours=4)
    ),
    Job("nightly_sync", 240, 0.02, "connection to the student register was reset (example)", at_hour=22),
    Job("embedding_refresh", 30, 0.006, "vector database answered 503 (example)", every=timedelta(hours=1)),
    Job("daily_report", 20, 0.01, "template 'daily' has no field 'faculty' (example)", at_hour=7),
)
BROKEN_TEMPLATE = "template 'follow_up' has no field 'program' (example)"
"""What every run of follow_up says as long as it is made to fail; none says so by chance: they can be found again."""


@dataclass(frozen=True)
class Run:
    """One run of a job as it turned out."""

    job: str
    started_at: datetime
    finished_at: datetime
    error: str | None


def run_of(job: Job, due: datetime, seed: int) -> Run:
    """Draw how the run that is due at one instant goes; the same seed gives the same run."""
    chance = Random(f"{seed}:{job.name}:{due.timestamp():.0f}")  # noqa: S311  a simulation
    started = due + timedelta(seconds=chance.uniform(0.1, 1.5))
    finished = started + timedelta(seconds=job.seconds * chance.lognormvariate(0, 0.25))
    return Run(job.name, started, finished, job.complaint if chance.random() < job.fails else None)


def runs_between(begins: Mapping[str, datetime], end: datetime, seed: int) -> Iterator[Run]:
    """Draw every run that was due from each job's own beginning on; one still under way at the end is over by then."""
    for job in JOBS:
        due = job.next_after(begins[job.name])
        while due < end:
            drawn = run_of(job, due, seed)
            yield replace(drawn, started_at=min(drawn.started_at, end), finished_at=min(drawn.finished_at, end))
            due = job.next_after(due)

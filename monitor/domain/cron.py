"""The scheduled jobs that a profile expects, when each is due, and what the platform's table of runs says of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice

from cronsim import CronSim

EARLY_S = 60.0
"""A run that starts so little before its due belongs to it: the clock of whoever starts it may be a little fast."""
UNITS = ((86_400, "d"), (3600, "h"), (60, "m"))


@dataclass(frozen=True, slots=True)
class Jobs:
    """Columns of cron.sql: one array element per asked job; instants in Unix seconds by the database's clock.

    `any_started` is the start of the last run of any job, asked for or not. `started`, `finished` and `status` are of
    the job's last run (0 and '' = none, or not yet). `error` is the message of its last failed run, `failed` whether
    that is the last run that came to an end, `streak` how many ended well since. `fails`, `runs` and `abandoned` (still
    "running" although a later run exists) count the last 24 h. `usual_s` is what 95 % of its last successful runs took
    at most, 0 when there is none.
    """

    now: float
    any_started: float
    job: list[str]
    started: list[float]
    finished: list[float]
    status: list[str]
    error: list[str]
    failed: list[bool]
    streak: list[int]
    fails: list[int]
    runs: list[int]
    abandoned: list[int]
    usual_s: list[float]

    def last(self, job: str) -> Last:
        """Give what is told of one job; of one that is not told of, that it never ran."""
        if job not in self.job:
            return Last()
        n = self.job.index(job)
        return Last(
            started=self.started[n],
            finished=self.finished[n],
            status=self.status[n],
            error=self.error[n],
            failed=self.failed[n],
            streak=self.streak[n],
            fails=self.fails[n],
            runs=self.runs[n],
            abandoned=self.abandoned[n],
            usual_s=self.usual_s[n],
        )


@dataclass(frozen=True, slots=True)
class Last:
    """What `Jobs` tells of one job."""

    started: float = 0.0
    finished: float = 0.0
    status: str = ""
    error: str = ""
    failed: bool = False
    streak: int = 0
    fails: int = 0
    runs: int = 0
    abandoned: int = 0
    usual_s: float = 0.0

    @property
    def running(self) -> bool:
        return self.status == "running"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the profile: it runs every so many seconds, or by a cron expression in a time zone.

    It is late `grace_s` after it was due. `by` says who switched off a job that is not `enabled`.
    """

    name: str
    every_s: float | None
    schedule: str | None
    zone: tzinfo
    grace_s: float
    enabled: bool = True
    by: str = "profile"

    @property
    def rhythm(self) -> str:
        """Write it as the profile does: "20m", or the cron expression."""
        if self.every_s is None:
            return self.schedule or ""
        unit = next((unit for unit in UNITS if self.every_s % unit[0] == 0), (1, "s"))
        return f"{self.every_s / unit[0]:g}{unit[1]}"

    def due_since(self, began: float) -> float:
        """Give the first due of a job that has not run since the watch began (Unix seconds)."""
        return began + self.every_s if self.every_s is not None else next(self._dues(began), math.inf)

    def due_after(self, started: float) -> float:
        """Give the due that follows a run which started then (Unix seconds); infinite when there is none any more."""
        if self.every_s is not None:
            return started + self.every_s
        first, second = (*islice(self._dues(started), 2), math.inf, math.inf)[:2]
        # Where dues are close together, a run belongs to the nearer one.
        return second if first - started <= min(EARLY_S, (second - first) / 2) else first

    def due_next(self, expected: float, now: float) -> float:
        """Give the first due after now; `expected` is one that is over."""
        if self.every_s is not None:
            return expected + self.every_s * (math.floor((now - expected) / self.every_s) + 1)
        return next(self._dues(now), math.inf)

    def _dues(self, after: float) -> Iterator[float]:
        for due in CronSim(self.schedule or "", datetime.fromtimestamp(after, self.zone)):
            # Where the end of summer time repeats an hour, cronsim begins with its first pass, which may be over; where
            # its beginning skips one, two dues may fall on the same instant.
            if due.timestamp() > after:
                after = due.timestamp()
                yield after

"""The platform's scheduler: it starts each cron job when it is due, and writes how the run went."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from monitor.demo import jobs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import asyncpg

    from monitor.clock import Clock
    from monitor.demo.jobs import Job

    Step = Callable[[asyncpg.Connection], Awaitable[None]]
    Plan = Callable[[float, Step], None]


class Scheduler:
    """Plans one step after the other on the agenda of the traffic; the runs are those that a past would have drawn."""

    def __init__(self, plan: Plan, clock: Clock, seed: int) -> None:
        self.stopped = False
        self.broken_template: str | None = None
        """The job of which every run fails from now on."""
        self._plan = plan
        self._clock = clock
        self._seed = seed
        self._missed: dict[str, Job] = {}

    def begin(self, since: datetime) -> None:
        """Plan every job from an instant on: where the drawn past ends, so that no due falls in between."""
        for job in jobs.JOBS:
            self._plan_run(job, since)

    def stop(self) -> None:
        """Start no job any more; what runs already goes on."""
        self.stopped = True

    def resume(self) -> None:
        """Go on, with one run at once of every job that was missed meanwhile."""
        self.stopped = False
        missed, self._missed = self._missed, {}
        for job in missed.values():
            self._plan(0, self._starting(job, self._wall()))

    def _plan_run(self, job: Job, after: datetime) -> None:
        due = job.next_after(after)
        start = self._starting(job, due)

        async def come_due(session: asyncpg.Connection) -> None:
            if self.stopped:
                self._missed[job.name] = job
            else:
                await start(session)
            # Late, since PostgreSQL was down, it is made up for once and not once for every due in between.
            self._plan_run(job, max(due, self._wall()))

        started_at = jobs.run_of(job, due, self._seed).started_at
        self._plan((started_at - self._wall()).total_seconds(), come_due)

    def _starting(self, job: Job, due: datetime) -> Step:
        drawn = jobs.run_of(job, due, self._seed)

        async def start(session: asyncpg.Connection) -> None:
            statement = "insert into cron_runs (job, status) values ($1, 'running') returning id"
            number = await session.fetchval(statement, job.name)
            if self.stopped:  # while PostgreSQL wrote it: it must not be the one run that started since
                await session.execute("delete from cron_runs where id = $1", number)
                self._missed[job.name] = job
                return
            self._plan((drawn.finished_at - drawn.started_at).total_seconds(), finishing(number))

        def finishing(number: int) -> Step:
            async def finish(session: asyncpg.Connection) -> None:
                error = jobs.BROKEN_TEMPLATE if job.name == self.broken_template else drawn.error
                await session.execute(
                    "update cron_runs set status = $2, error_message = $3, finished_at = now() where id = $1",
                    number,
                    "failed" if error else "success",
                    error,
                )

            return finish

        return start

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now().wall, UTC)

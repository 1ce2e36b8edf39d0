"""The scheduled jobs: how each is doing, and the runs of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from monitor.outputs.answers import answer, refusal
from monitor.outputs.hub import Hub
from monitor.outputs.routes.series import Read

NO_CRON = "No scheduled jobs are watched; the profile names them as [jobs.NAME]."


class Cron:
    """Every address is a 404 where the profile knows no jobs."""

    def __init__(self, hub: Hub, read: Read) -> None:
        self._hub = hub
        self._read = read

    @property
    def _entry(self) -> Mapping[str, Any] | None:
        entry = self._hub.document.get("cron")
        return entry if isinstance(entry, Mapping) else None

    async def all(self, _: web.Request) -> web.Response:
        entry = self._entry
        return refusal(404, "no_cron", NO_CRON) if entry is None else answer(entry)

    async def runs(self, request: web.Request) -> web.Response:
        """Give the runs of one job in the last 24 h, newest first."""
        entry = self._entry
        if entry is None:
            return refusal(404, "no_cron", NO_CRON)
        job, jobs = request.match_info["job"], entry.get("jobs", {})
        if jobs and job not in jobs:
            return refusal(404, "no_such_job", f"There is no job {job!r}; there are {', '.join(jobs)}.")
        runs = self._read(f"cron_runs:{job}") if jobs else None
        if runs is None:
            return refusal(503, "not_counted_yet", "The runs have not been read yet; ask again in a moment.")
        return answer(runs)

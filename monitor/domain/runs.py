"""The runs of the last 24 h, as REST lists those of one job, and their errors grouped by what they say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.domain.quoting import fingerprint, quoted
from monitor.domain.verdict import Scalar, instant

KINDS = 20
"""So many kinds of errors of one job are kept, the most frequent ones."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Columns of runs.sql: the runs of the last 24 h, newest first, 1000 at most; one array element per run.

    Instants in Unix seconds by the database's clock; `finished` 0 = not yet, `error` '' = none.
    """

    now: float
    job: list[str]
    started: list[float]
    finished: list[float]
    status: list[str]
    error: list[str]


def runs_of(runs: Runs, job: str) -> dict[str, object]:
    """Give the runs of one job, newest first, as of the instant at which they were read."""
    rows: list[dict[str, Scalar]] = []
    for name, started, finished, status, error in _rows(runs):
        if name != job:
            continue
        row: dict[str, Scalar] = {"started_at": instant(started)}
        if finished:
            row["finished_at"] = instant(finished)
        row["status"] = status
        if finished:
            row["duration_s"] = round(max(0.0, finished - started), 1)
        if error:
            row |= {"error": quoted(error), "fingerprint": fingerprint(error)}
        rows.append(row)
    return {"job": job, "as_of": instant(runs.now), "runs": rows}


def errors_of(runs: Runs) -> dict[str, dict[str, object]]:
    """Group the errors of each job by fingerprint: how many, the last of them and when it was; most frequent first."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    counts: dict[tuple[str, str], int] = {}
    for job, started, _, status, error in _rows(runs):
        if status != "failed" or not error:
            continue
        mark = fingerprint(error)
        counts[job, mark] = counts.get((job, mark), 0) + 1
        # Newest first: the first one seen is the last one that happened.
        found.setdefault(job, {}).setdefault(mark, {"error": quoted(error), "last_at": instant(started)})
    kept: dict[str, dict[str, object]] = {}
    for job, kinds in found.items():
        often = sorted(kinds, key=lambda mark: -counts[job, mark])[:KINDS]
        kept[job] = {mark: {"count": counts[job, mark], **kinds[mark]} for mark in often}
    return kept


def _rows(runs: Runs) -> Iterable[tuple[str, float, float, str, str]]:
    return zip(runs.job, runs.started, runs.finished, runs.status, runs.error, strict=True)

"""What the monitor knows of itself: its loop, its clocks, its size, who is connected, and how long a round took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Vitals:
    """One sample of our own condition.

    `lag_ms` is what the loop lagged by in at least 3 of the last 5 seconds. Since the sample before: `longest_ms` is
    its longest lag, `stood_still_s` is how long the whole process (`pause`) or the machine (`suspend`) did not run,
    `clock_step_s` is by how much the wall clock moved against the one that only runs, all of them 0 as a rule.
    `refused` counts the subscribers turned away or dropped in the last 5 min, by why. `database_clock_s` is by how much
    the database's clock is ahead of ours, None while that is not known.
    """

    lag_ms: float
    longest_ms: float
    stood_still_s: float
    clock_step_s: float
    memory_mb: float
    subscribers: int
    refused: Mapping[str, int]
    database_clock_s: float | None = None
    still: Literal["pause", "suspend"] = "pause"


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the sweep: how long it took in all, its slowest question, and how many were left out of it.

    A question is left out when it was still at work since the round before.
    """

    ms: float
    slowest: str
    skipped: int = 0

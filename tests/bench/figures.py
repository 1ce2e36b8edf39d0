"""What a benchmark gives: named figures with their unit, and a goal where there is one."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value; `goal` is the most that is wanted, or the least."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool | None:
        if self.goal is None:
            return None
        return self.value >= self.goal if self.at_least else self.value <= self.goal

    def entry(self) -> dict[str, object]:
        entry: dict[str, object] = {"name": self.name, "value": round(self.value, 3), "unit": self.unit}
        if self.goal is not None:
            entry |= {"goal": self.goal, "holds": self.holds}
        return entry

    def line(self, width: int) -> str:
        bound = ">=" if self.at_least else "<="
        told = "" if self.goal is None else f"   goal {bound} {self.goal:g}   {'holds' if self.holds else 'MISSED'}"
        return f"  {self.name:<{width}}  {self.value:>10.2f} {self.unit:<12}{told}"


def machine() -> str:
    """Name what it ran on, without naming the machine."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def percentile(values: list[float], share: float) -> float:
    """Give the value below which this share of all lies (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

"""The rows of one trigger's table, asked for again and again: each time those that were committed since the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from monitor.domain.catalogue import Committed, RowsSeen

CAP = 2000
"""Rows of one answer at most; of a bulk load beyond that only the newest are judged."""


class Rows:
    """Remembers up to which snapshot the rows of a trigger have been told.

    `unclaimed` gives the keys of signals that no row has explained so far.
    """

    def __init__(self, trigger: str, unclaimed: Callable[[str], Sequence[str]] = lambda _: ()) -> None:
        self._trigger = trigger
        self._unclaimed = unclaimed
        self._told: str | None = None

    def arguments(self) -> tuple[str | None, int, list[str]]:
        """Give what the query takes: the snapshot of the last answer, how many rows at most, and keys to look for."""
        return self._told, CAP, list(self._unclaimed(self._trigger))

    def dress(self, rows: Committed, asked: float) -> RowsSeen:
        """Make the facts of an answer that is emitted now."""
        since, self._told = self._told, rows.snapshot
        return RowsSeen(self._trigger, asked, since, rows)

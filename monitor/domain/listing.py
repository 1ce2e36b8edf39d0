"""Names that stand in a sentence: a few of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

AT_MOST = 5


def listed(names: Sequence[str]) -> str:
    """Join names for a reason's parameter: "A, B, C, D, E +2"."""
    more = len(names) - AT_MOST
    return ", ".join(names[:AT_MOST]) + (f" +{more}" if more > 0 else "")

"""What one signal did to the document; what leaves the board is frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.domain.transitions import Transition

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Change:
    """The whole document after the change, the merge patch that leads to it, and its place in line.

    `look_again` names the checks that must be looked at at once, because what hid them is gone; a change that is no
    more than that has an empty patch and no number of its own.
    """

    epoch: int
    seq: int
    at: float
    patch: Mapping[str, object]
    document: Document
    transitions: tuple[Transition, ...] = ()
    look_again: frozenset[str] = frozenset()


Publish = Callable[[Change], None]
"""How an output listens."""

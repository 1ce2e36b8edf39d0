"""Which signals a row explains: the keys that were heard, until a row is seen that bears them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

CAP, ASKED = 1000, 100
"""Keys that wait for a row, the oldest goes first; and those that are looked for at once."""


@dataclass(frozen=True, slots=True)
class Claims:
    """`waiting` maps each key to the monotonic second at which it was heard, the oldest first."""

    waiting: Mapping[str, float] = field(default_factory=dict)

    def add(self, keys: Iterable[str], mono: float) -> Claims:
        """Remember keys that were heard just now."""
        waiting = {**self.waiting, **dict.fromkeys(keys, mono)}
        for key in list(waiting)[: max(0, len(waiting) - CAP)]:
            del waiting[key]
        return Claims(waiting)

    def due(self, before: float) -> list[str]:
        """Give those that were heard before this monotonic second, as many as are looked for at once."""
        return [key for key, heard in self.waiting.items() if heard < before][:ASKED]

    def without(self, keys: Iterable[str]) -> Claims:
        """Let go of these: a row bears them, or it is known that none does."""
        gone = frozenset(keys)
        return Claims({key: heard for key, heard in self.waiting.items() if key not in gone}) if gone else self

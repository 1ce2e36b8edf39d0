"""The keys of the signals that were heard, bounded: which rows brought theirs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

BLOCK, BLOCKS = 64, 256
"""So many keys are kept in blocks, that one more costs little however many there are; the oldest block goes first."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The keys of one trigger's last signals.

    `forgotten` is the monotonic second of the youngest key that was let go, `keyless` that of the last signal that
    named no row.
    """

    recent: tuple[str, ...] = ()
    blocks: tuple[tuple[float, frozenset[str]], ...] = ()
    forgotten: float = -math.inf
    keyless: float = -math.inf

    def add(self, key: str | None, mono: float) -> Heard:
        """Remember one more signal, heard now."""
        if key is None:
            return replace(self, keyless=mono)
        recent = (*self.recent, key)
        if len(recent) < BLOCK:
            return replace(self, recent=recent)
        blocks = (*self.blocks, (mono, frozenset(recent)))
        gone = blocks[:-BLOCKS]
        forgotten = gone[-1][0] if gone else self.forgotten
        return replace(self, recent=(), blocks=blocks[-BLOCKS:], forgotten=forgotten)

    def miss(self, mono: float) -> Heard:
        """Remember that keys went by which nobody kept."""
        return replace(self, forgotten=mono)

    def among(self, keys: Iterable[str]) -> frozenset[str]:
        """Give those of the keys that were heard."""
        wanted = frozenset(keys)
        return wanted.intersection(self.recent).union(*(wanted & block for _, block in self.blocks))

"""What was heard on a channel, read as far as a flood allows: beyond its share of a second it is counted, not read."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.ledger import Deltas
from monitor.domain.signal import At, Burst, Event
from monitor.sources import payload

READ_PER_S = 2000
"""Notifications of one channel that are read per second."""


class Reading:
    """Reads payloads, and remembers how many of each channel it has read in this second."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[int, int]] = {}

    def signals(self, at: At, channel: str, texts: Sequence[str]) -> Event | Burst:
        """Read what the platform's triggers say, all that came at once on a channel."""
        size = len(max(texts, key=len).encode())
        read = [payload.read(text) for text in texts[: self._share(at, channel, len(texts))]]
        payloads = tuple(facts if facts is not None else {} for facts in read)
        unreadable = sum(facts is None for facts in read)
        if len(texts) == 1 and payloads:
            return Event(at, channel, payloads[0], readable=not unreadable, size=size)
        return Burst(at, channel, payloads, unreadable, len(texts) - len(payloads), size)

    def deltas(self, at: At, channel: str, texts: Sequence[str]) -> list[Deltas]:
        """Read what our own triggers say; where not all is read, nobody may count on it."""
        share = self._share(at, channel, len(texts))
        told = [payload.read_deltas(text) for text in texts[:share]]
        return told if share == len(texts) else [*told, payload.ANEW]

    def _share(self, at: At, channel: str, wanted: int) -> int:
        """Say how many of these may be read, and take them off what is left of this second."""
        second = int(at.mono)
        since, read = self._read.get(channel, (second, 0))
        if since != second:
            read = 0
        granted = min(wanted, max(0, READ_PER_S - read))
        self._read[channel] = (second, read + granted)
        return granted

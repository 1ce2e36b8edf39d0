"""What the listening connection says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """The listener's own account: the channels that PostgreSQL says we hear, and the test signal's way in ms."""

    channels: frozenset[str]
    test_signal_ms: float

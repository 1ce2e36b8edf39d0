"""What the listening connection says of itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listening:
    """The listener's own account: the channels that PostgreSQL says we hear, and the test signal's way in ms.

    The test signal was sent at the monotonic second `sent`. Signals come in the order of the commits, so whatever was
    committed and seen before it was sent has been heard: it is a barrier.
    """

    channels: frozenset[str]
    test_signal_ms: float
    sent: float = -math.inf

"""The one door to the machine's time."""

from __future__ import annotations

import time
from typing import Protocol

from monitor.domain.signal import At


class Clock(Protocol):
    """Whatever can say what time it is; tests bring their own."""

    def now(self) -> At:
        """Give this instant, on both clocks, in seconds."""
        ...


class SystemClock:
    """The machine's monotonic and wall clock, read together."""

    def now(self) -> At:
        return At(mono=time.monotonic(), wall=time.time())

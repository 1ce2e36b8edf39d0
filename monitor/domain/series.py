"""The long series that REST serves and the document does not carry: rates of 24 h, latency of the last hour."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.domain.counting import Counting
from monitor.domain.usual import Band
from monitor.domain.verdict import instant
from monitor.domain.window import Window

STEP_S = 300
DAY_S = 86_400
HOUR_S = 3600


@dataclass(slots=True)
class MessageRates:
    """Messages per sender in the 5-minute windows of the last 24 h; windows are keyed by their Unix start."""

    senders: Sequence[str]
    windows: dict[int, dict[str, int]] = field(default_factory=dict)
    now: float = 0.0

    def take(self, *, now: float, since: float, rows: list[tuple[int, str, int]]) -> None:
        """Replace every window that begins at `since` (Unix seconds) or later, and let go of yesterday.

        The window in which `since` lies was counted only in part: what was counted of it before stays.
        """
        self.now = now
        oldest = int(now) // STEP_S * STEP_S - DAY_S + STEP_S
        self.windows = {start: row for start, row in self.windows.items() if oldest <= start < since}
        for start, sender, count in rows:
            if start >= max(oldest, since):
                self.windows.setdefault(start, {})[sender] = count

    def read(self, band: Band | None = None) -> dict[str, object]:
        """Give the whole day, oldest window first, the current one last; with what is usual, where that is known."""
        last = int(self.now) // STEP_S * STEP_S
        starts = range(last - DAY_S + STEP_S, last + STEP_S, STEP_S)
        counts = {who: [self.windows.get(start, {}).get(who, 0) for start in starts] for who in self.senders}
        told = {"as_of": instant(self.now), "start": instant(starts[0]), "step_s": STEP_S, "counts": counts}
        if band is None:
            return told
        edges = zip(*([round(edge, 1) for edge in band(start)] for start in starts), strict=True)
        return told | {"band": dict(zip(("low", "usual", "high"), map(list, edges), strict=True))}


@dataclass(slots=True)
class Latency:
    """The database's latency in ms, one point per sample, of the last hour."""

    points: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=1024))

    def take(self, unix: float, latency_ms: float) -> None:
        self.points.append((unix, latency_ms))
        while self.points[0][0] < unix - HOUR_S:
            self.points.popleft()

    def read(self, unix: float) -> dict[str, object]:
        points = [[round(when, 1), round(ms, 2)] for when, ms in self.points]
        return {"as_of": instant(unix), "points": points}


def message_seconds(counting: Counting, window: Window, mono: float) -> dict[str, object]:
    """Give the counted seconds of a window with the snapshot that they are true of, so that anyone can check them."""
    return {
        "as_of": instant(window.as_of(mono)),
        "snapshot": counting.snapshot,
        "scheme": counting.scheme,
        "in_sync": counting.in_sync,
        "seconds": {str(second): count for second, count in window.within(mono).items()},
    }

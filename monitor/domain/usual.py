"""What is usual in one quarter of an hour, and from which counts on chance no longer explains a window."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from monitor.domain.baseline import ALL, LEAST_RATE, SCALES, SLOT_S, Baseline
from monitor.domain.tails import too_few, too_many
from monitor.domain.verdict import instant

TESTS = 6
"""Each of the three windows is tested upward and downward."""
Band = Callable[[int], tuple[float, float, float]]
"""Gives what the 5-minute window that begins at a Unix second usually holds: lower edge, usual, upper edge."""
LEAST_OF_A_SPIKE = {5: 10, 15: 15, 60: 30}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one series usually counts in one window: `spike_from` and more is a spike, `drop_to` and less a drop.

    The limits are those of the moment of the slot at which most, or least, is expected, which is `least`. No `drop_to`
    = at this volume no count is low enough to be told from chance.
    """

    expected: float
    variance: float
    least: float
    spike_from: int
    drop_to: int | None

    @classmethod
    def of(cls, baseline: Baseline, series: str, minutes: int, begin: int, alpha: float) -> Bounds:
        """Reckon them for the slot that begins at an instant (Unix seconds)."""
        slot = baseline.slot(begin)

        def expected_at(now: float) -> float:
            return max(baseline.expected(series, now - 60 * minutes, now), LEAST_RATE * minutes)

        def variance(expected: float) -> float:
            return baseline.variance(series, expected, minutes, slot)

        usual = expected_at(begin + SLOT_S / 2)
        # In between it runs straight.
        least, most = sorted((expected_at(begin), expected_at(begin + SLOT_S)))
        return cls(
            expected=usual,
            variance=variance(usual),
            least=least,
            spike_from=max(too_many(most, variance(most), alpha), LEAST_OF_A_SPIKE[minutes]),
            drop_to=too_few(least, variance(least), alpha),
        )

    @property
    def spread(self) -> float:
        """One standard deviation."""
        return math.sqrt(self.variance)

    def told(self, count: int) -> dict[str, float]:
        """Give the numbers that a reader sees."""
        told = {"count": count, "usual": shown(self.expected), "spread": shown(self.spread)}
        told["spike_from"] = self.spike_from
        return told if self.drop_to is None else told | {"drop_to": self.drop_to}


@dataclass(frozen=True, slots=True)
class Usual:
    """The bounds of every series and window in the slot that begins at `slot` (Unix seconds).

    What is shown is that of its middle and holds for all of it: the numbers stand still for a quarter of an hour.
    """

    slot: int
    bounds: Mapping[str, Mapping[int, Bounds]]
    alpha: float

    @classmethod
    def of(cls, baseline: Baseline, unix: float, alpha: float) -> Usual:
        """Reckon the slot in which an instant lies; `alpha` is what the whole check may err."""
        begin = int(unix) // SLOT_S * SLOT_S
        bounds = {}
        for series in baseline.courses:
            each = share(alpha) if series == ALL else share(alpha) / len(baseline.senders)
            bounds[series] = {minutes: Bounds.of(baseline, series, minutes, begin, each) for minutes in SCALES}
        return cls(begin, bounds, alpha)

    def told(self, counts: Mapping[int, int]) -> dict[str, object]:
        """Give the drill-down: what was counted in each window against what is usual, and in which slot."""
        windows = {f"w{minutes}": bounds.told(counts[minutes]) for minutes, bounds in self.bounds[ALL].items()}
        return {**windows, "slot": instant(self.slot)}


def share(alpha: float) -> float:
    """Give what one test may err: all messages spend alpha, the answers as much, and the senders as much together."""
    return alpha / TESTS


def shown(number: float) -> float:
    """Round an expectation to what a reader can use: whole messages, tenths where there are few."""
    return round(number) if number >= 10 else round(number, 1)


def band(baseline: Baseline, start: int) -> tuple[float, float, float]:
    """Give what the 5-minute window that begins at `start` usually holds: the usual, and two spreads around it."""
    minutes = SCALES[0]
    usual = max(baseline.expected(ALL, start, start + 60 * minutes), LEAST_RATE * minutes)
    spread = math.sqrt(baseline.variance(ALL, usual, minutes, baseline.slot(start)))
    return max(0.0, usual - 2 * spread), usual, usual + 2 * spread

"""What deviates from the usual: too many messages, too few, none for too long, or questions that nobody answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.baseline import ALL, ANSWERS, SCALES, WINDOW_S, Baseline
from monitor.domain.tails import at_most, none_at_all
from monitor.domain.usual import Bounds, Usual, share, shown
from monitor.domain.verdict import instant

LONGEST_S = 7 * 86_400.0
"""A silence is reckoned over a week at most."""
STEP_MIN = 5
"""How long a silence has lasted is told in such steps."""
_NEARLY_ALL = 0.9


@dataclass(frozen=True, slots=True)
class Counts:
    """What SQL counted up to `now` (the database's clock): per window and sender, and who spoke last.

    `newest` is the last message of all, `answered` the last one of anybody but the first sender (both Unix seconds,
    0.0 = never), and `unanswered` how often the first sender spoke since. `blind` are stretches in which the database
    could not be asked. `windows` are the 5-minute windows of the last hour: start, sender, count.
    """

    now: float
    by: Mapping[int, Mapping[str, int]]
    newest: float = 0.0
    answered: float = 0.0
    unanswered: int = 0
    blind: Sequence[tuple[float, float]] = ()
    windows: Sequence[tuple[int, str, int]] = ()

    def of(self, series: str, minutes: int) -> int:
        counted = self.by[minutes]
        return sum(counted.values()) if series == ALL else counted.get(series, 0)

    def blind_s(self, begin: float, end: float) -> float:
        return sum(max(0.0, min(until, end) - max(since, begin)) for since, until in self.blind)


@dataclass(frozen=True, slots=True)
class Deviation:
    """One finding: how many messages of whom ("all" is everybody) in which window, against what is usual."""

    count: int
    minutes: int
    usual: float
    spread: float
    sender: str = "all"


@dataclass(frozen=True, slots=True)
class Episode:
    """A deviation as it was last seen, in the slot of that time; `calm_at` is since when all has been usual again."""

    last: Deviation
    slot: int
    calm_at: float = math.inf

    @classmethod
    def after(
        cls, before: Episode | None, found: Deviation | None, slot: int, mono: float, calm_s: float
    ) -> Episode | None:
        """Begin, go on, or end: when nothing has been found for `calm_s` seconds."""
        if found is not None:
            return cls(found, slot)
        if before is None or mono >= before.calm_at + calm_s:
            return None
        return before if before.calm_at < math.inf else replace(before, calm_at=mono)

    def params(self) -> dict[str, str | int | float]:
        """Give the values of its sentence."""
        return {
            "count": self.last.count,
            "window_min": self.last.minutes,
            "slot": instant(self.slot),
            "usual": shown(self.last.usual),
            "spread": shown(self.last.spread),
            "sender": self.last.sender,
        }


def spike(usual: Usual, counts: Counts) -> Deviation | None:
    """Find the first window that holds more than chance explains: of all, else of one sender.

    A flood of two minutes is told by the shortest window, and over when that is usual again. The longer ones look for
    what goes on: in them it counts no more than the usual.
    """
    for series, minutes, bounds in _windows(usual):
        count = counts.of(series, minutes)
        if count >= bounds.spike_from and count - _bursts(usual, counts, series, minutes) >= bounds.spike_from:
            return _told(usual, counts, series, minutes, up=True)
    return None


def _bursts(usual: Usual, counts: Counts, series: str, minutes: int) -> int:
    """Give what the 5-minute windows that are spikes on their own hold beyond the usual."""
    if minutes == SCALES[0]:
        return 0
    windows: dict[int, int] = {}
    for start, sender, count in counts.windows:
        if start + WINDOW_S > counts.now - 60 * minutes and series in (ALL, sender):
            windows[start] = windows.get(start, 0) + count
    bounds = usual.bounds[series][SCALES[0]]
    return sum(count - round(bounds.expected) for count in windows.values() if count >= bounds.spike_from)


def drop(baseline: Baseline, usual: Usual, counts: Counts) -> Deviation | None:
    """Find what is missing: answers to what is asked, else messages of all, else any message for too long.

    One sender's silence alone is no finding: at a quiet hour a counselor's conversation is often the only one.
    """
    if found := _unanswered(baseline, usual, counts, share(usual.alpha)):
        return found
    for minutes, bounds in usual.bounds[ALL].items():
        count = counts.of(ALL, minutes)
        if bounds.drop_to is None or count > bounds.drop_to:
            continue
        # What could not be seen is not missing: only the rest of the window was expected to hold anything.
        seen = 1 - counts.blind_s(counts.now - 60 * minutes, counts.now) / (60 * minutes)
        expected = bounds.least * seen
        variance = baseline.variance(ALL, expected, minutes, baseline.slot(usual.slot))
        if seen == 1 or _rare(count, expected, variance, share(usual.alpha)):
            return _told(usual, counts, ALL, minutes, up=False)
    return _silence(baseline, usual, counts, share(usual.alpha))


def _windows(usual: Usual) -> Iterator[tuple[str, int, Bounds]]:
    for series, windows in usual.bounds.items():
        for minutes, bounds in windows.items():
            yield series, minutes, bounds


def _rare(count: int, expected: float, variance: float, alpha: float) -> bool:
    # The scatter is never so little that a count of half the usual could be rare.
    return (
        2 * count < expected and none_at_all(expected, variance) < alpha and at_most(count, expected, variance) < alpha
    )


def _told(usual: Usual, counts: Counts, series: str, minutes: int, *, up: bool) -> Deviation:
    """Name whose deviation it is: a sender's, when nearly all of it is its own and the others go on as usual."""
    if series == ALL:
        series = _whose(usual, counts, minutes, up=up)
    bounds = usual.bounds[series][minutes]
    sender = "all" if series == ALL else series
    return Deviation(counts.of(series, minutes), minutes, bounds.expected, bounds.spread, sender)


def _whose(usual: Usual, counts: Counts, minutes: int, *, up: bool) -> str:
    whole = usual.bounds[ALL][minutes].expected
    strayed = abs(counts.of(ALL, minutes) - whole)
    for series, windows in usual.bounds.items():
        count, expected = counts.of(series, minutes), windows[minutes].expected
        own = count - expected if up else expected - count
        others_go_on = up or counts.of(ALL, minutes) - count >= (whole - expected) / 2
        if series != ALL and own >= _NEARLY_ALL * strayed and others_go_on:
            return series
    return ALL


def _unanswered(baseline: Baseline, usual: Usual, counts: Counts, alpha: float) -> Deviation | None:
    """Find that the first sender's messages are not answered, in one of the windows or ever since the last answer.

    How much is asked swings from hour to hour, how many answers a question brings hardly does: so this finds a dead
    bot long before the whole grows unusually quiet.
    """
    slot, shares = baseline.slot(usual.slot), _shares(usual, baseline.senders[1:])
    flooded = [
        minutes
        for minutes, bounds in usual.bounds[baseline.asking].items()
        if counts.of(baseline.asking, minutes) >= bounds.spike_from
    ]
    if SCALES[0] in flooded:
        # A flood of questions is told as what it is.
        return None
    for minutes in SCALES:
        asked = counts.of(baseline.asking, minutes)
        expected = baseline.answers(asked)
        variance = baseline.variance(ANSWERS, expected, minutes, slot)
        if minutes not in flooded and _rare(counts.of(ALL, minutes) - asked, expected, variance, alpha):
            return _whose_answers(shares, counts.by[minutes], minutes, expected, variance)
    expected, waited = baseline.answers(counts.unanswered), min((counts.now - counts.answered) / 60, SCALES[-1])
    variance = baseline.variance(ANSWERS, expected, waited, slot)
    if expected > 0 and none_at_all(expected, variance) < alpha:
        return _whose_answers(shares, {}, lasting(waited), expected, variance)
    return None


def _shares(usual: Usual, answering: Sequence[str]) -> Mapping[str, float]:
    """Give each one's part of the usual answers."""
    parts = {name: usual.bounds[name][SCALES[-1]].expected for name in answering}
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def _whose_answers(
    shares: Mapping[str, float], came: Mapping[str, int], minutes: int, expected: float, variance: float
) -> Deviation:
    """Name the sender most of whose answers are missing, and its part of what is expected."""
    name = max(shares, key=lambda one: expected * shares[one] - came.get(one, 0))
    return Deviation(came.get(name, 0), minutes, expected * shares[name], math.sqrt(variance) * shares[name], name)


def _silence(baseline: Baseline, usual: Usual, counts: Counts, alpha: float) -> Deviation | None:
    """Find that nobody at all has spoken for longer than chance explains."""
    begin = max([counts.newest, counts.now - LONGEST_S, *(until for _, until in counts.blind)])
    minutes = (counts.now - begin) / 60
    expected = baseline.expected(ALL, begin, counts.now)
    variance = baseline.variance(ALL, expected, minutes, baseline.slot(usual.slot))
    if not counts.newest or expected <= 0 or none_at_all(expected, variance) >= alpha:
        return None
    return Deviation(0, lasting(minutes), expected, math.sqrt(variance))


def lasting(minutes: float) -> int:
    """Round the length of a silence to what is told of it."""
    return max(STEP_MIN, int(minutes) // STEP_MIN * STEP_MIN)

"""What is usual at this hour: the rate of each quarter of an hour of the week, and how far counts scatter around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from monitor.domain.scatter import Scatter

SLOT_S = 900
WINDOW_S = 300
SLOTS, SLOTS_OF_DAY = 672, 96
SCALES = (5, 15, 60)
"""The lengths of the windows that are judged, in minutes."""

ALL, ANSWERS = "*", "?"
"""Two series beside the senders' own: everybody together, and what the others say to the words of the first sender."""

LEAST_RATE = 0.05
"""Messages a minute: what nobody ever wrote at some hour is still not impossible."""
PULL = 0.3
"""How far one week pulls the rate of a slot: the weight of an exponentially weighted mean."""
_WEEKS_HELD = (2 - PULL) / PULL
_LITTLE = 0.2
_ASSUMED = {ANSWERS: Scatter.assumed(1.0, 0.1, least=0.3, phi_least=0.005)}
_ASSUMED_OF_OTHERS = Scatter.assumed(10.0, 0.1, least=1.2)


@dataclass(frozen=True, slots=True)
class Course:
    """The rates of one series, in messages a minute: per slot of the week, and per slot of the day."""

    week: Sequence[float]
    day: Sequence[float]


@dataclass(frozen=True, slots=True)
class Baseline:
    """All that was learned up to `until` (Unix seconds, where the next slot to learn begins). Learning makes a new one.

    `weeks` and `days` say how often each slot of the week and of the day was learned; `asked` and `answered` count the
    first sender's messages and the others'; `trail` is what was expected and what came in the last slots.
    `passed_over` are the slots of the week that were not learned the last time because they were unusually silent, and
    `hushed` is how much was expected since the last message, over how many minutes.
    """

    zone: tzinfo
    senders: tuple[str, ...]
    until: int | None
    weeks: Sequence[int]
    days: Sequence[int]
    courses: Mapping[str, Course]
    scatter: Mapping[str, tuple[Scatter, Scatter, Scatter]]
    asked: float = 0.0
    answered: float = 0.0
    trail: tuple[Mapping[str, tuple[float, float]], ...] = ()
    passed_over: frozenset[int] = frozenset()
    hushed: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def empty(cls, zone: tzinfo, senders: Sequence[str]) -> Baseline:
        """Know nothing yet."""
        series = (ALL, *senders)
        blank = Course((0.0,) * SLOTS, (0.0,) * SLOTS_OF_DAY)
        return cls(
            zone,
            tuple(senders),
            until=None,
            weeks=(0,) * SLOTS,
            days=(0,) * SLOTS_OF_DAY,
            courses=dict.fromkeys(series, blank),
            scatter={name: (_ASSUMED.get(name, _ASSUMED_OF_OTHERS),) * 3 for name in (*series, ANSWERS)},
        )

    @property
    def asking(self) -> str:
        """Name the sender whom the others answer: the first one of the profile."""
        return self.senders[0]

    def slot(self, unix: float) -> int:
        """Give the slot of the week on the platform's own clock; Monday's first one is 0."""
        here = datetime.fromtimestamp(unix, self.zone)
        return here.weekday() * SLOTS_OF_DAY + here.hour * 4 + here.minute // 15

    def rate(self, series: str, slot: int) -> float:
        """Give the usual messages a minute in a slot of the week; where it was never seen, in that slot of the day."""
        return smoothed(self.courses[series], self.weeks, self.days, slot)

    def expected(self, series: str, begin: float, end: float) -> float:
        """Give how many messages usually come between two instants (Unix seconds)."""
        total, at = 0.0, begin
        while at < end:
            edge = min((at // SLOT_S + 1) * SLOT_S, end)
            total += self.rate(series, self.slot(at)) * (edge - at) / 60
            at = edge
        return total

    def answers(self, asked: float) -> float:
        """Give how many answers usually come to so many messages of the first sender."""
        return asked * self.answered / self.asked if self.asked else 0.0

    def variance(self, series: str, expected: float, minutes: float, slot: int) -> float:
        """Give how far a count strays from what is expected of it, as a variance, with the doubt about that itself."""
        # How many answers a question brings is learned at all hours: there is no doubt about it.
        weeks = math.inf if series == ANSWERS else confidence(self.weeks, self.days, slot)
        return variance_of(self.scatter[series], expected, minutes, weeks)


def smoothed(course: Course, weeks: Sequence[int], days: Sequence[int], slot: int) -> float:
    """Give a slot's rate with its neighbours', 1-2-1, as far as seen; else the day's, else the one over all.

    A neighbour of quite another kind is left out: where a day begins sharply, its first slot must not be worn off.
    """
    if not weeks[slot]:
        if days[slot % SLOTS_OF_DAY]:
            return course.day[slot % SLOTS_OF_DAY]
        return sum(course.day) / max(1, sum(map(bool, days)))
    own = course.week[slot]
    total, weight = 2 * own, 2
    for beside in (slot - 1, (slot + 1) % SLOTS):
        rate = course.week[beside]
        if weeks[beside] and rate == bounded(rate, own, 1) and own == bounded(own, rate, 1):
            total, weight = total + rate, weight + 1
    return total / weight


def bounded(count: float, expected: float, minutes: float) -> float:
    """Let a flood count for three times the usual and one message a minute more, at most."""
    return min(count, 3 * expected + minutes)


def confidence(weeks: Sequence[int], days: Sequence[int], slot: int) -> float:
    """Give how many weeks' worth of knowledge there is of a slot."""
    if weeks[slot]:
        return min(weeks[slot], _WEEKS_HELD)
    return 0.5 * min(days[slot % SLOTS_OF_DAY], _WEEKS_HELD) or _LITTLE


def variance_of(scatter: Sequence[Scatter], expected: float, minutes: float, weeks: float) -> float:
    """Give the variance of a count of so many minutes, of which so much is expected by so many weeks' knowledge.

    Between two scales it lies between theirs.
    """
    above = next((index for index, scale in enumerate(SCALES) if minutes <= scale), len(SCALES) - 1)
    variance = scatter[above].variance(expected)
    if above and minutes < SCALES[above]:
        share = (minutes - SCALES[above - 1]) / (SCALES[above] - SCALES[above - 1])
        variance = share * variance + (1 - share) * scatter[above - 1].variance(expected)
    return variance * (1 + 1 / weeks)

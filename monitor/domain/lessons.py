"""How the baseline learns: from counted 5-minute windows, one quarter of an hour after the other, in bounded parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.baseline import (
    ALL,
    ANSWERS,
    LEAST_RATE,
    PULL,
    SLOT_S,
    SLOTS_OF_DAY,
    WINDOW_S,
    Baseline,
    Course,
    bounded,
    confidence,
    smoothed,
    variance_of,
)
from monitor.domain.tails import none_at_all

KEEP = 0.5 ** (SLOT_S / (6 * 7 * 86_400))
"""What a quarter of an hour leaves of the weight of older scatter: half of it in six weeks."""
SILENT = 1e-4 / 6
"""A silence less probable than this is no evidence of what is usual, the first time."""
MINUTES = SLOT_S // 60
_KEEP_FIVE = KEEP ** (1 / 3)
_SLOTS_OF_AN_HOUR = 4
_NONE = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class Slot:
    """A quarter of an hour and its three 5-minute counts per sender.

    `seen` is false where the platform's database could not be asked: then nothing is learned of it. `usual` is false
    where something was missing by the judgement of that time: then it is learned only if it is so for a second week.
    """

    start: int
    counts: Mapping[str, Sequence[int]]
    seen: bool = True
    usual: bool = True


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of 5-minute windows (start, sender, count; ascending) that cover all slots from `begin` up to `end`."""

    begin: int
    end: int
    start: Sequence[int]
    sender: Sequence[str]
    count: Sequence[int]
    row: int = 0

    @classmethod
    def of(cls, begin: float, end: float, start: Sequence[int], sender: Sequence[str], count: Sequence[int]) -> Counted:
        """Keep the slots that lie between two instants as a whole."""
        return cls(-(-int(begin) // SLOT_S) * SLOT_S, int(end) // SLOT_S * SLOT_S, start, sender, count)

    def part(self, slots: int) -> tuple[list[Slot], Counted]:
        """Give the first slots, at most so many, and the rest."""
        row, last = self.row, min(self.begin + slots * SLOT_S, self.end)
        while row < len(self.start) and self.start[row] < self.begin:
            row += 1
        told = []
        for begin in range(self.begin, last, SLOT_S):
            counts: dict[str, list[int]] = {}
            while row < len(self.start) and self.start[row] < begin + SLOT_S:
                counts.setdefault(self.sender[row], [0, 0, 0])[(self.start[row] - begin) // WINDOW_S] += self.count[row]
                row += 1
            told.append(Slot(begin, counts))
        return told, replace(self, begin=max(self.begin, last), row=row)


def taught(baseline: Baseline, slots: Iterable[Slot]) -> Baseline:
    """Learn the slots, one after the other, each later than all before it."""
    desk = _Desk(baseline)
    for slot in slots:
        desk.take(slot)
    return desk.learned()


class _Desk:
    """What is being learned now, in lists that may change; nobody else sees it."""

    def __init__(self, baseline: Baseline) -> None:
        self._from = baseline
        self._until = baseline.until
        self._weeks, self._days = list(baseline.weeks), list(baseline.days)
        self._week = {name: list(one.week) for name, one in baseline.courses.items()}
        self._day = {name: list(one.day) for name, one in baseline.courses.items()}
        self._courses = {name: Course(self._week[name], self._day[name]) for name in self._week}
        self._scatter = dict(baseline.scatter)
        self._asked, self._answered = baseline.asked, baseline.answered
        self._trail = list(baseline.trail)
        self._passed_over = set(baseline.passed_over)
        self._hushed = baseline.hushed

    def learned(self) -> Baseline:
        return replace(
            self._from,
            until=self._until,
            weeks=tuple(self._weeks),
            days=tuple(self._days),
            courses={name: Course(tuple(one.week), tuple(one.day)) for name, one in self._courses.items()},
            scatter=self._scatter,
            asked=self._asked,
            answered=self._answered,
            trail=tuple(self._trail),
            passed_over=frozenset(self._passed_over),
            hushed=self._hushed,
        )

    def take(self, slot: Slot) -> None:
        index = self._from.slot(slot.start)
        if slot.start != self._until or not slot.seen:
            self._trail, self._hushed = [], (0.0, 0.0)
        self._until = slot.start + SLOT_S
        if not slot.seen:
            return
        counts = self._by_series(slot)
        rates = {name: smoothed(course, self._weeks, self._days, index) for name, course in self._courses.items()}
        silent = self._silent(rates[ALL], sum(counts[ALL]), index)
        if (silent or not slot.usual) and index not in self._passed_over:
            self._passed_over.add(index)
            self._trail = []
            return
        self._passed_over.discard(index)
        if self._weeks[index]:
            # In its first week a slot is compared with other days of the week: that would teach too wide a scatter.
            self._learn_scatter(rates, counts)
        else:
            self._trail = []
        self._learn_rates(rates, counts, index)

    def _by_series(self, slot: Slot) -> dict[str, Sequence[int]]:
        counts: dict[str, Sequence[int]] = {name: slot.counts.get(name, _NONE) for name in self._from.senders}
        # Senders that the profile does not name are part of the whole.
        counts[ALL] = [sum(three) for three in zip(*slot.counts.values(), strict=True)] or _NONE
        counts[ANSWERS] = [every - asked for every, asked in zip(counts[ALL], counts[self._from.asking], strict=True)]
        return counts

    def _silent(self, rate: float, count: int, index: int) -> bool:
        """Say whether the silence that this slot belongs to is an unusual one."""
        if count or not self._weeks[index]:
            # Where nothing is known of the slot itself, its silence is the first that is learned of it.
            self._hushed = (0.0, 0.0)
            return False
        expected, minutes = self._hushed[0] + rate * MINUTES, self._hushed[1] + MINUTES
        self._hushed = (expected, minutes)
        weeks = confidence(self._weeks, self._days, index)
        variance = variance_of(self._scatter[ALL], expected, minutes, weeks)
        # Long after the last message of the day, an hour in which nobody ever writes is as silent as always.
        return rate * MINUTES >= 1 and none_at_all(expected, variance) < SILENT

    def _learn_scatter(self, rates: Mapping[str, float], counts: Mapping[str, Sequence[int]]) -> None:
        fives: dict[str, Sequence[float]] = {name: (5 * max(rate, LEAST_RATE),) * 3 for name, rate in rates.items()}
        per_word = self._answered / self._asked if self._asked else 0.0
        fives[ANSWERS] = [per_word * asked for asked in counts[self._from.asking]]
        self._trail = [*self._trail[-3:], {name: (sum(five), sum(counts[name])) for name, five in fives.items()}]
        for name, five in fives.items():
            of_five, of_fifteen, of_sixty = self._scatter[name]
            for mean, count in zip(five, counts[name], strict=True):
                of_five = of_five.seen(mean, bounded(count, mean, 5), _KEEP_FIVE)
            mean, came = self._trail[-1][name]
            of_fifteen = of_fifteen.seen(mean, bounded(came, mean, 15), KEEP)
            if len(self._trail) == _SLOTS_OF_AN_HOUR:
                mean, came = (sum(both) for both in zip(*(slot[name] for slot in self._trail), strict=True))
                of_sixty = of_sixty.seen(mean, bounded(came, mean, 60), KEEP)
            self._scatter[name] = (of_five, of_fifteen, of_sixty)

    def _learn_rates(self, rates: Mapping[str, float], counts: Mapping[str, Sequence[int]], index: int) -> None:
        of_day = index % SLOTS_OF_DAY
        for name, rate in rates.items():
            came = sum(counts[name]) / MINUTES
            if self._days[of_day]:
                came = bounded(came, rate, 1)
            week, day = self._week[name], self._day[name]
            week[index] += (came - week[index]) * (PULL if self._weeks[index] else 1)
            day[of_day] += (came - day[of_day]) * (PULL if self._days[of_day] else 1)
        self._weeks[index] += 1
        self._days[of_day] += 1
        self._asked = self._asked * KEEP + sum(counts[self._from.asking])
        self._answered = self._answered * KEEP + sum(counts[ANSWERS])

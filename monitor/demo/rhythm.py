"""How people write to HUPH: the curve of a day, the bursts of a conversation, the differences between days.

At night the rhythm is as quiet as a real platform's, which would show a visitor nothing. So there is a floor: a
conversation begins at once when none is under way, which makes two to four messages a minute at any hour. Both the
drawn past and the live traffic keep to it; without it, the rhythm rules alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PLACE = ZoneInfo("Asia/Jakarta")
Sender = Literal["user", "bot", "counselor"]

# Share of the day's peak at each full hour in Jakarta; between them it runs straight.
_CURVE = (
    *(0.004, 0.002, 0.002, 0.002, 0.004, 0.03, 0.12, 0.35),
    *(0.70, 0.95, 1.00, 0.95, 0.72, 0.85, 0.95, 0.90),
    *(0.75, 0.60, 0.55, 0.68, 0.62, 0.38, 0.14, 0.02),
)
_WEEKDAY = (1.05, 1.03, 1.0, 1.0, 0.92, 0.55, 0.45)  # Monday first
_DAY_EFFECT = 0.2  # coefficient of variation between two days of the same kind
_GROWTH_PER_WEEK = 0.015

_CONTINUES = 0.8  # chance of one more message from the user: geometric, mean 5
_TAKEN_OVER = 0.10
# An ordinary peak carries 3 messages a minute, and a conversation about 10, half of them answers.
_PEAK_CONVERSATIONS_PER_MINUTE = 0.3
_DAY = 24 * 3600.0


class Line(NamedTuple):
    """One message of a conversation, so many seconds after its start."""

    after: float
    sender: Sender


class Conversation(NamedTuple):
    """What is said in one conversation, and when a counselor takes it over, if one does."""

    lines: Sequence[Line]
    taken_over_after: float | None

    @property
    def lasts(self) -> float:
        return self.lines[-1].after


def conversation(chance: Random) -> Conversation:
    """Draw one: bursts of the user, answers of the bot within 1-8 s, or of a counselor within minutes.

    Eight weeks hold some forty thousand of them, hence the plainest calls that draw the same.
    """
    draw, log = chance.random, math.log
    turns = 1
    while draw() < _CONTINUES:
        turns += 1
    taken_at = int(draw() * turns) if draw() < _TAKEN_OVER else turns
    lines: list[Line] = []
    clock, taken_over_after = 0.0, None
    for turn in range(turns):
        lines.append(Line(clock, "user"))
        if turn < taken_at:
            # The second least of six even draws: a beta(2, 5), mostly two or three seconds, now and then eight.
            answer = clock + 1 + 7 * sorted((draw(), draw(), draw(), draw(), draw(), draw()))[1]
            lines.append(Line(answer, "bot"))
        else:
            if taken_over_after is None:
                taken_over_after = clock + 5 + 25 * draw()
            answer = clock + 30 - 45 * log(1 - draw())
            lines.append(Line(answer, "counselor"))
        # Some people read the answer first, some write on while they wait for it.
        clock = max(clock + 2, answer - 3 - 40 * log(1 - draw()))
    lines.sort()
    return Conversation(lines, taken_over_after)


@dataclass(frozen=True)
class Rhythm:
    """The law of one demo: the same seed draws the same days, whenever they are asked for."""

    seed: int
    today: date  # growth is counted from here: this day has the level that the numbers above speak of
    speed: float = 1.0
    floor: bool = True

    def conversations_per_minute(self, at: datetime) -> float:
        """Give the rate at which people come, at one instant; the floor is not in it."""
        here = at.astimezone(PLACE)
        return self._highest(here.date()) * _curve(here.hour * 60 + here.minute + here.second / 60)

    def starts(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Conversation]]:
        """Draw the conversations that start in a span: each day from its own chance, so the cut decides nothing."""
        day = begin.astimezone(PLACE).date()
        while day <= end.astimezone(PLACE).date():
            midnight = datetime.combine(day, time(), PLACE).astimezone(UTC)
            for second, said in self._day(day):
                at = midnight + timedelta(seconds=second)
                if begin <= at < end:
                    yield at, said
            day += timedelta(days=1)

    def _highest(self, day: date) -> float:
        """Give the rate of a day's peak, per minute."""
        weeks = (day - self.today).days / 7
        level = _day_effect(self.seed, day) * _WEEKDAY[day.weekday()] * math.exp(_GROWTH_PER_WEEK * weeks)
        return _PEAK_CONVERSATIONS_PER_MINUTE * level * self.speed

    def _day(self, day: date) -> Iterator[tuple[float, Conversation]]:
        """Draw one day, in seconds from its midnight. There the floor begins anew, whoever may still be talking."""
        chance = Random(f"{self.seed}:day:{day}")  # noqa: S311  a simulation
        over = 0.0  # when everything that was begun so far will have been said
        for second in (*self._arrivals(day), _DAY):
            while self.floor and over < second:
                said = conversation(chance)
                yield over, said
                over += said.lasts
            if second < _DAY:
                said = conversation(chance)
                yield second, said
                over = max(over, second + said.lasts)

    def _arrivals(self, day: date) -> Iterator[float]:
        """Thin out an even stream of the day's highest rate, which gives the right rate at every instant."""
        chance = Random(f"{self.seed}:arrivals:{day}")  # noqa: S311  a simulation
        highest = self._highest(day)
        second = 0.0
        while (second := second + 60 * chance.expovariate(highest)) < _DAY:
            if chance.random() < _curve(second / 60):
                yield second


def _curve(minute: float) -> float:
    """Give the share of the day's peak at one minute of the day."""
    hour, past = divmod(minute, 60)
    before, after = _CURVE[int(hour)], _CURVE[(int(hour) + 1) % 24]
    return before + (after - before) * past / 60


@cache
def _day_effect(seed: int, day: date) -> float:
    return Random(f"{seed}:effect:{day}").lognormvariate(0, _DAY_EFFECT)  # noqa: S311  a simulation

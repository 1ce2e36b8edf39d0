"""How people write to HUPH: the curve of a day, the bursts of a conversation, the differences between days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Literal
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


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation, so many seconds after its start."""

    after: float
    sender: Sender


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is said in one conversation, and when a counselor takes it over, if one does."""

    lines: Sequence[Line]
    taken_over_after: float | None


def conversation(chance: Random) -> Conversation:
    """Draw one: bursts of the user, answers of the bot within 1-8 s, or of a counselor within minutes."""
    turns = 1
    while chance.random() < _CONTINUES:
        turns += 1
    taken_at = chance.randrange(turns) if chance.random() < _TAKEN_OVER else turns
    lines: list[Line] = []
    clock, taken_over_after = 0.0, None
    for turn in range(turns):
        lines.append(Line(clock, "user"))
        if turn < taken_at:
            answer = clock + 1 + 7 * chance.betavariate(2, 5)
            lines.append(Line(answer, "bot"))
        else:
            if taken_over_after is None:
                taken_over_after = clock + chance.uniform(5, 30)
            answer = clock + 30 + chance.expovariate(1 / 45)
            lines.append(Line(answer, "counselor"))
        # Some people read the answer first, some write on while they wait for it.
        clock = max(clock + 2, answer + chance.expovariate(1 / 40) - 3)
    return Conversation(sorted(lines, key=lambda line: line.after), taken_over_after)


@dataclass(frozen=True)
class Rhythm:
    """The law of one demo: the same seed draws the same days, whenever they are asked for."""

    seed: int
    today: date  # growth is counted from here: this day has the level that the numbers above speak of
    speed: float = 1.0

    def conversations_per_minute(self, at: datetime) -> float:
        """Give the rate of new conversations at one instant."""
        here = at.astimezone(PLACE)
        hour, share = here.hour, (here.minute * 60 + here.second) / 3600
        curve = _CURVE[hour] + (_CURVE[(hour + 1) % 24] - _CURVE[hour]) * share
        return _PEAK_CONVERSATIONS_PER_MINUTE * curve * self._level(here.date()) * self.speed

    def starts(self, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Conversation]]:
        """Draw the conversations that start in a span: each day from its own chance, so the cut decides nothing."""
        day = begin.astimezone(PLACE).date()
        while day <= end.astimezone(PLACE).date():
            for at, said in self._day(day):
                if begin <= at < end:
                    yield at, said
            day += timedelta(days=1)

    def _level(self, day: date) -> float:
        weeks = (day - self.today).days / 7
        return _day_effect(self.seed, day) * _WEEKDAY[day.weekday()] * math.exp(_GROWTH_PER_WEEK * weeks)

    def _day(self, day: date) -> Iterator[tuple[datetime, Conversation]]:
        """Thin out an even stream of the day's highest rate, which gives the right rate at every instant."""
        chance = Random(f"{self.seed}:day:{day}")  # noqa: S311  a simulation
        midnight = datetime.combine(day, time(), PLACE).astimezone(UTC)
        highest = _PEAK_CONVERSATIONS_PER_MINUTE * self._level(day) * self.speed
        minute = 0.0
        while (minute := minute + chance.expovariate(highest)) < 24 * 60:
            at = midnight + timedelta(minutes=minute)
            keep, said = chance.random(), conversation(chance)
            if keep * highest < self.conversations_per_minute(at):
                yield at, said


@cache
def _day_effect(seed: int, day: date) -> float:
    return Random(f"{seed}:effect:{day}").lognormvariate(0, _DAY_EFFECT)  # noqa: S311  a simulation

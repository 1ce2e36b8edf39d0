"""Learning: the weeks before at the start, then each quarter of an hour, and never what is known to be untrue."""

from __future__ import annotations

import pytest

from monitor.domain.baseline import ALL
from monitor.domain.learning import DAY_S, LATE_S, PART, Learning
from tests.domain.build import JAKARTA, unix

MONDAY = int(unix("2026-11-22T17:00:00Z"))
NEW = Learning.begin(JAKARTA, ("user", "bot"))


def rows(begin, end, count=10):
    """Windows of 5 minutes, each with so many messages of the user."""
    starts = list(range(begin, end, 300))
    return starts, ["user"] * len(starts), [count] * len(starts)


def learned(learning):
    while learning.lesson is not None:
        learning = learning.step()
    return learning


def slots(learning):
    """Say how many slots were learned."""
    return sum(learning.baseline.weeks)


def test_history_in_parts():
    """The weeks before are learned in parts, and nothing is thrown away in between."""
    now = MONDAY + 10 * DAY_S + LATE_S
    learning = NEW.take(now, MONDAY, *rows(MONDAY, int(now)))
    assert slots(learning) == 0
    learning = learning.step()
    assert slots(learning) == PART
    assert slots(learned(learning)) == 960
    assert learned(learning).step() is not None
    assert learned(learning).baseline.rate(ALL, 40) == 2.0
    assert learned(learning).days(now) == pytest.approx(10, abs=0.01)


def test_then_each_slot_once():
    """Afterwards only what is new and over is learned, a minute after its end, each slot once."""
    learning = learned(NEW.take(MONDAY + DAY_S, MONDAY, *rows(MONDAY, MONDAY + 86_400)))
    assert slots(learning) == 95
    for late, expected in ((0, 95), (LATE_S - 1, 95), (LATE_S, 96), (LATE_S + 30, 96)):
        now = MONDAY + DAY_S + late
        learning = learned(learning.take(now, now - 3600, *rows(int(now) - 3600, int(now))))
        assert slots(learning) == expected


def test_one_lesson_at_a_time():
    """While the history is being learned, other lessons are turned away."""
    learning = NEW.take(MONDAY + 9 * DAY_S, MONDAY, *rows(MONDAY, MONDAY + 9 * 86_400))
    assert learning.take(MONDAY + 9 * DAY_S, MONDAY, *rows(MONDAY, MONDAY + 900)) is learning


def test_before_the_platform():
    """What lies before the first message is no silence; an empty table is known from now on."""
    learning = learned(NEW.take(MONDAY + DAY_S, MONDAY - 50 * DAY_S, *rows(MONDAY + 1000, MONDAY + 86_400)))
    assert slots(learning) == 94
    assert learning.days(MONDAY + DAY_S) == pytest.approx(1, abs=0.02)
    empty = NEW.take(MONDAY + DAY_S, MONDAY, [], [], [])
    assert (empty.lesson, empty.days(MONDAY + 3 * DAY_S)) == (None, 2.0)
    assert NEW.days(MONDAY) == 0.0


def test_late_history():
    """A history that comes late, with weeks more than were learned in the meantime, is learned from its beginning."""
    learning = learned(NEW.take(MONDAY + 86_400, MONDAY, *rows(MONDAY, MONDAY + 86_400, 3)))
    now = MONDAY + DAY_S + LATE_S
    late = learned(learning.take(now, now - 30 * DAY_S, *rows(MONDAY - 20 * 86_400, MONDAY + 86_400)))
    assert slots(late) == 21 * 96
    assert late.days(now) == pytest.approx(21, abs=0.01)
    again = learned(late.take(now + 900, now - 30 * DAY_S, *rows(MONDAY - 20 * 86_400, MONDAY + 87_300)))
    assert slots(again) == 21 * 96 + 1


def test_blind():
    """A slot in which the database could not be asked for a while teaches nothing."""
    learning = NEW.blinded(MONDAY + 1000, MONDAY + 1100).blinded(MONDAY + 2000, MONDAY + 2800)
    learning = learned(learning.take(MONDAY + 9000, MONDAY, *rows(MONDAY, MONDAY + 9000)))
    assert learning.baseline.weeks[:6] == (1, 0, 0, 0, 1, 1)


def test_missing():
    """A slot in which a drop was told is learned only when the next week is like it."""
    end = MONDAY + 14 * 86_400 + 9000
    learning = NEW.missed(MONDAY + 1000, MONDAY + 1100)
    for week in (1, 2):
        learning = learning.missed(MONDAY + week * 7 * DAY_S + 1000, MONDAY + week * 7 * DAY_S + 1100)
    learning = learned(learning.take(end, MONDAY, *rows(MONDAY, end)))
    assert learning.baseline.weeks[:3] == (3, 1, 3)


def test_stretches():
    """A stretch that goes on is drawn out; of very many only the last are remembered."""
    learning = NEW.missed(10, 20).missed(15, 30).missed(16, 25).missed(5, 30)
    assert learning.missing == ((10, 30), (5, 30))
    for number in range(300):
        learning = learning.blinded(1000 + 10 * number, 1005 + 10 * number)
    assert len(learning.blind) == 100
    assert learning.blind[-1] == (3990, 3995)

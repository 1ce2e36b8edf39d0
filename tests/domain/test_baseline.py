"""The baseline: which slot an instant lies in, what is usual there, and how sure that is."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from monitor.domain.baseline import ALL, ANSWERS, SLOT_S, SLOTS, Baseline, Course
from tests.domain.build import JAKARTA, unix

EMPTY = Baseline.empty(JAKARTA, ("user", "bot"))
MONDAY = unix("2026-11-22T17:00:00Z")
"""Monday, 00:00 in Jakarta."""


def known(week=(), day=(), *, weeks=None, days=None):
    """A baseline that knows the rates of the first slots of the week and of the day, each seen three times."""
    course = Course((*week, *(0.0,) * (SLOTS - len(week))), (*day, *(0.0,) * (96 - len(day))))
    return replace(
        EMPTY,
        courses=dict.fromkeys(EMPTY.courses, course),
        weeks=weeks or (*(3,) * len(week), *(0,) * (SLOTS - len(week))),
        days=days or (*(3,) * len(day), *(0,) * (96 - len(day))),
    )


@pytest.mark.parametrize(
    ("when", "slot"),
    [
        ("2026-11-22T17:00:00Z", 0),
        ("2026-11-22T16:59:59Z", SLOTS - 1),
        ("2026-11-22T17:14:59.999Z", 0),
        ("2026-11-22T17:15:00Z", 1),
        ("2026-11-24T02:07:00Z", 96 + 36),
    ],
)
def test_slot(when, slot):
    """A slot is a quarter of an hour of the week on the platform's own clock; the week begins on its Monday."""
    assert EMPTY.slot(unix(when)) == slot


def test_summer_time():
    """Where clocks are put forward, nine o'clock stays nine o'clock."""
    berlin = Baseline.empty(ZoneInfo("Europe/Berlin"), ("user",))
    for date in (dt.date(2026, 3, 22), dt.date(2026, 3, 29)):
        nine = dt.datetime.combine(date, dt.time(9), berlin.zone).timestamp()
        assert berlin.slot(nine) == 6 * 96 + 36


def test_smoothed():
    """A slot's rate is smoothed with its neighbours', 1-2-1, round the end of the week as well."""
    baseline = known([4.0, 8.0, 3.0] + [5.0] * (SLOTS - 4) + [6.0])
    assert baseline.rate(ALL, 1) == (4 + 16 + 3) / 4
    assert baseline.rate("bot", 0) == (6 + 8 + 8) / 4
    assert baseline.rate(ALL, SLOTS - 1) == (5 + 12 + 4) / 4


def test_sharp_edge():
    """A neighbour of another kind smooths nothing: a day that begins and ends sharply keeps its edges."""
    baseline = known([20.0, 0.0, 0.0, 20.0, 22.0, *[0.0] * (SLOTS - 5)])
    assert baseline.rate(ALL, 1) == 0.0
    assert baseline.rate(ALL, 3) == (40 + 22) / 3
    assert known([1.0, 0.0, 0.0]).rate(ALL, 1) == 0.25


def test_unseen_neighbours():
    """A neighbour that was never seen smooths nothing away."""
    weeks = (1, 0, 1, 1, *(0,) * (SLOTS - 4))
    baseline = known([4.0, 0.0, 6.0, 3.0], weeks=weeks)
    assert baseline.rate(ALL, 0) == 4.0
    assert baseline.rate(ALL, 2) == (12 + 3) / 3


def test_fallback():
    """A slot of the week that was never seen is as that of any day; one that no day showed is as all the others."""
    baseline = known(day=[3.0, 1.0])
    assert baseline.rate(ALL, 5 * 96) == 3.0
    assert baseline.rate(ALL, 5 * 96 + 2) == 2.0
    assert EMPTY.rate(ALL, 0) == 0.0


def test_expected():
    """What is expected between two instants is reckoned slot by slot, to the second."""
    baseline = known([2.0] * SLOTS)
    assert baseline.expected(ALL, MONDAY + 100, MONDAY + 3700) == pytest.approx(120)
    steps = known([0.0] * 4 + [3.0] * 4 + [0.0] * (SLOTS - 8))
    assert steps.expected(ALL, MONDAY + 5 * SLOT_S + 60, MONDAY + 5 * SLOT_S + 120) == pytest.approx(3.0)
    assert steps.expected(ALL, MONDAY + 3 * SLOT_S, MONDAY + 5 * SLOT_S) == pytest.approx(15 * (0.75 + 2.25))
    assert steps.expected(ALL, MONDAY, MONDAY) == 0.0


def test_confidence():
    """The doubt about the usual widens the variance: by weeks seen, else by days, most where nothing is known."""
    certain = EMPTY.scatter[ALL][1].variance(10.0)

    def doubt(baseline):
        return baseline.variance(ALL, 10.0, 15, 0) / certain - 1

    assert doubt(known([1.0])) == pytest.approx(1 / 3)
    assert doubt(known([1.0], weeks=(50, *(0,) * (SLOTS - 1)))) == pytest.approx(0.3 / 1.7)
    assert doubt(known(day=[1.0])) == pytest.approx(1 / 1.5)
    assert doubt(EMPTY) == pytest.approx(5)
    assert EMPTY.variance(ANSWERS, 10.0, 15, 0) == EMPTY.scatter[ANSWERS][1].variance(10.0)


@pytest.mark.parametrize(("minutes", "times"), [(0.5, 1), (5, 1), (10, 1.5), (15, 2), (37.5, 3), (60, 4), (600, 4)])
def test_scales(minutes, times):
    """A window between two scales scatters between them; beyond them as the nearest."""
    one = EMPTY.scatter[ALL][0]
    scatter = tuple(replace(one, strayed=one.strayed * k, strayed_by_mean=one.strayed_by_mean * k) for k in (1, 2, 4))
    baseline = replace(known([1.0], weeks=(10**9, *(0,) * (SLOTS - 1))), scatter={ALL: scatter})
    held = 1 + 0.3 / 1.7
    assert baseline.variance(ALL, 20.0, minutes, 0) == pytest.approx(times * held * one.variance(20.0))


def test_answers():
    """Answers are expected to what is asked, at the rate that was learned."""
    assert EMPTY.asking == "user"
    assert EMPTY.answers(12) == 0.0
    assert replace(EMPTY, asked=200.0, answered=150.0).answers(12) == 9.0

"""Hysteresis: one bad sample is no news, and neither is one good one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.damping import Damper, Streak, settled


def course(values, limit=500.0, leave=350.0):
    """Give, for each sample, whether the number is beyond its limit after it."""
    damper, beyond = Damper(limit, leave), []
    for value in values:
        damper = damper.step(value)
        beyond.append(damper.beyond)
    return "".join("#" if one else "." for one in beyond)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([900, 900, 1, 1, 1], ".....", id="two of five do not enter"),
        pytest.param([900, 900, 900], "..#", id="three in a row enter at the third"),
        pytest.param([900, 1, 900, 1, 900], "....#", id="three of five enter at the third"),
        pytest.param([900, 1, 1, 900, 1, 900], "......", id="the first of three has left the five"),
        pytest.param([500, 500, 500], "..#", id="at the limit is beyond it"),
        pytest.param([499.9] * 5, ".....", id="below the limit is not"),
        pytest.param([900, 900, 900, 350, 351, 350], "..####", id="calm must be twice in a row"),
        pytest.param([900, 900, 900, 350, 350], "..##.", id="at the lower limit twice leaves"),
        pytest.param([900, 900, 900, 400, 400, 400], "..####", id="between the limits stays"),
        pytest.param([900, 900, 900, 1, 1, 900, 900], "..##...", id="after leaving, old samples do not count"),
        pytest.param([900, 900, 900, 1, 1, 900, 900, 900], "..##...#", id="new ones do"),
        pytest.param([1, 1, 900, 900, 900, 1], "....##", id="calm of before does not help to leave"),
    ],
)
def test_course(values, expected):
    """A number enters at 3 of 5 samples at or beyond its limit and leaves at 2 in a row at or below the lower one."""
    assert course(values) == expected


def test_one_limit():
    """Where both limits are one, a number that stands exactly on it is beyond it and stays so."""
    assert course([50.0] * 8, limit=50.0, leave=50.0) == "..######"
    assert course([50.0] * 3 + [49.9] * 2, limit=50.0, leave=50.0) == "..##."


@given(st.lists(st.floats(0, 1000), max_size=30))
def test_like_a_list(values):
    """Whatever comes, it enters and leaves only by the rule, read over the whole list."""
    expected, beyond, begin = [], False, 0
    for number in range(len(values)):
        seen = values[begin : number + 1]
        if not beyond:
            beyond = sum(value >= 500 for value in seen[-5:]) >= 3
        elif all(value <= 350 for value in values[number - 1 : number + 1]):
            beyond, begin = False, number + 1
        expected.append("#" if beyond else ".")
    assert course(values) == "".join(expected)


@pytest.mark.parametrize(
    ("shown", "new", "same"),
    [
        (10.0, 15.0, True),
        (10.0, 15.1, False),
        (10.0, 4.9, False),
        (100.0, 120.0, True),
        (100.0, 120.5, False),
        (100.0, 80.0, True),
        (100.0, 79.5, False),
        (20.0, 24.9, True),
    ],
)
def test_settled(shown, new, same):
    """A reader takes two latencies for the same within 20 %, or within 5 ms where that is more."""
    assert settled(shown, new) is same


@pytest.mark.parametrize(
    ("answers", "leave", "expected"),
    [
        pytest.param("x.x.x", 1, ".....", id="single misses do not enter"),
        pytest.param("xx", 1, ".#", id="two in a row enter at the second"),
        pytest.param("xxxx.", 1, ".###.", id="one healthy answer leaves"),
        pytest.param("xx.x", 1, ".#..", id="after leaving, old misses do not count"),
        pytest.param("xx.x..", 2, ".####.", id="where two are asked for, two in a row leave"),
        pytest.param("....xx..", 2, ".....##.", id="answers of before do not help to leave"),
    ],
)
def test_streak(answers, leave, expected):
    """Two misses in a row enter, and as many healthy answers in a row as are asked for leave."""
    streak, beyond = Streak(leave), []
    for answer in answers:
        streak = streak.step(missed=answer == "x")
        beyond.append(streak.beyond)
    assert "".join("#" if one else "." for one in beyond) == expected


@pytest.mark.parametrize(
    ("shown", "new", "same"),
    [(50.0, 54.9, True), (50.0, 55.2, False), (3.0, 4.0, True), (3.0, 4.1, False), (-100.0, -110.0, True)],
)
def test_settled_otherwise(shown, new, same):
    """Other numbers have a share and a least of their own, and may be negative."""
    assert settled(shown, new, share=0.1, least=1) is same

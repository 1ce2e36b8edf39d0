"""Lessons: counted windows become slots, slots become the usual; floods and outages teach little or nothing."""

from __future__ import annotations

import pytest

from monitor.domain.baseline import ALL, ANSWERS, SLOT_S, SLOTS, Baseline
from monitor.domain.lessons import Counted, Slot, taught
from tests.domain.build import JAKARTA, unix

EMPTY = Baseline.empty(JAKARTA, ("user", "bot"))
MONDAY = int(unix("2026-11-22T17:00:00Z"))
WEEK = SLOTS * SLOT_S


def slot(number, *, user=(0, 0, 0), bot=(0, 0, 0), **marks):
    """The slot of this number since Monday, 00:00 in Jakarta."""
    return Slot(MONDAY + number * SLOT_S, {"user": user, "bot": bot}, **marks)


def weeks(baseline, number, counts, **marks):
    """Teach the same slots week after week, with nothing in between."""
    for week in range(number):
        slots = [slot(week * SLOTS + i, user=(n, n, n), bot=(n, n, n), **marks) for i, n in enumerate(counts)]
        baseline = taught(baseline, slots)
    return baseline


# From rows to slots.


def test_whole_slots():
    """Only slots that lie within the counted span as a whole are learned, empty ones as well."""
    counted = Counted.of(MONDAY + 1, MONDAY + 3 * SLOT_S + 899, [MONDAY], ["user"], [7])
    slots, rest = counted.part(10)
    assert [(one.start - MONDAY) // SLOT_S for one in slots] == [1, 2]
    assert all(not one.counts for one in slots)
    assert rest.begin == rest.end


def test_windows_of_a_slot():
    """Each 5-minute window finds its place in its slot, per sender."""
    rows = [
        (MONDAY - 300, "user", 9),
        (MONDAY, "bot", 1),
        (MONDAY, "user", 2),
        (MONDAY + 600, "user", 3),
        (MONDAY + 900, "cron", 4),
        (MONDAY + 1800, "user", 5),
    ]
    counted = Counted.of(MONDAY, MONDAY + 2 * SLOT_S, *map(list, zip(*rows, strict=True)))
    slots, _ = counted.part(10)
    assert [dict(one.counts) for one in slots] == [{"bot": [1, 0, 0], "user": [2, 0, 3]}, {"cron": [4, 0, 0]}]


def test_parts():
    """Learned in parts, the rows are the same as learned at once."""
    rows = [(MONDAY + number * 300, "user", number) for number in range(30)]
    whole = Counted.of(MONDAY, MONDAY + 10 * SLOT_S, *map(list, zip(*rows, strict=True)))
    once, _ = whole.part(10)
    parts, rest = [], whole
    while rest.begin < rest.end:
        some, rest = rest.part(3)
        parts += some
    assert parts == once
    assert len(once) == 10


# From slots to the usual.


def test_first_week():
    """What is seen for the first time is believed as it is; the first weeks say how often."""
    baseline = taught(EMPTY, [slot(number, user=(5, 10, 15), bot=(10, 10, 10)) for number in range(3)])
    assert baseline.rate("user", 1) == 2.0
    assert baseline.rate(ALL, 1) == 4.0
    assert baseline.weeks[:4] == (1, 1, 1, 0)
    assert baseline.until == MONDAY + 3 * SLOT_S
    assert EMPTY.weeks[0] == 0


def test_weeks_pull():
    """Each week pulls the usual by three tenths towards itself."""
    baseline = weeks(EMPTY, 1, [20, 20, 20])
    assert baseline.rate(ALL, 1) == pytest.approx(8.0)
    baseline = taught(baseline, [slot(SLOTS + i, user=(30, 30, 30), bot=(30, 30, 30)) for i in range(3)])
    assert baseline.rate(ALL, 1) == pytest.approx(8.0 + 0.3 * 4.0)


def test_senders_of_no_name():
    """Senders that the profile does not name are part of the whole, and of the answers."""
    baseline = taught(EMPTY, [Slot(MONDAY, {"user": [15, 0, 0], "cron": [30, 0, 0]})])
    assert baseline.rate(ALL, 0) == 3.0
    assert baseline.rate("bot", 0) == 0.0
    assert baseline.answers(1) == 2.0


def test_flood():
    """A flood counts for three times the usual and one message a minute more, at most."""
    baseline = taught(weeks(EMPTY, 2, [10, 10, 10]), [slot(2 * SLOTS + 1, user=(9000, 0, 0))])
    usual = 4.0
    assert baseline.courses[ALL].week[1] == pytest.approx(usual + 0.3 * (3 * usual + 1 - usual))


def test_flood_teaches_little_scatter():
    """A flood does not make the monitor blind: a day of it leaves the variance within a fifth of what it was."""
    usual = weeks(EMPTY, 6, [10] * 96)
    flooded = taught(usual, [slot(6 * SLOTS + 40, user=(9000, 9000, 9000))])
    before, after = (one.variance(ALL, 60.0, 15, 40) for one in (usual, flooded))
    assert after < 1.2 * before


def test_outage_is_not_learned():
    """An improbable silence teaches nothing the first time, but for its beginning; what came before it stays."""
    usual = weeks(EMPTY, 4, [50] * 40)
    silent = taught(usual, [slot(4 * SLOTS + number) for number in range(40)])
    assert silent.rate(ALL, 20) == pytest.approx(usual.rate(ALL, 20))
    assert silent.weeks[20] == 4
    assert 20 in silent.passed_over


def test_new_habit():
    """What is silent for a second week is learned: the platform has new hours."""
    usual = weeks(EMPTY, 4, [50] * 40)
    once = taught(usual, [slot(4 * SLOTS + number) for number in range(40)])
    twice = taught(once, [slot(5 * SLOTS + number) for number in range(40)])
    assert twice.rate(ALL, 20) == pytest.approx(0.7 * usual.rate(ALL, 20))
    assert 20 not in twice.passed_over


def test_night_is_learned():
    """Hours in which nobody ever writes are no improbable silence."""
    baseline = weeks(EMPTY, 3, [50] * 40 + [0] * 40)
    assert baseline.weeks[70] == 3
    assert baseline.rate(ALL, 70) == 0.0


def test_unusual_is_not_learned():
    """A slot in which something was missing, by the judgement of that time, is learned only when it is so again."""
    usual = weeks(EMPTY, 3, [20] * 3)
    odd = [slot(3 * SLOTS + number, user=(20, 20, 20), usual=False) for number in range(3)]
    once = taught(usual, odd)
    assert once.rate(ALL, 1) == usual.rate(ALL, 1)
    again = [slot(4 * SLOTS + number, user=(20, 20, 20), usual=False) for number in range(3)]
    assert taught(once, again).rate(ALL, 1) < usual.rate(ALL, 1)


def test_unseen_is_not_learned():
    """While the database could not be asked nothing is learned, however often."""
    usual = weeks(EMPTY, 3, [20] * 3)
    blind = usual
    for week in (3, 4, 5):
        blind = taught(blind, [slot(week * SLOTS + number, seen=False) for number in range(3)])
    assert blind.rate(ALL, 1) == usual.rate(ALL, 1)
    assert blind.weeks == usual.weeks
    assert blind.until == MONDAY + (5 * SLOTS + 3) * SLOT_S


def test_scatter_is_learned():
    """From the second week on, what strays from the usual teaches how far it may, at each scale."""
    # Every other window is empty: a 5-minute window strays by all that it expects, an hour hardly.
    counts = [(40, 0, 40), (0, 40, 0)] * 48
    baseline = EMPTY
    for week in range(8):
        slots = [slot(week * SLOTS + i, user=three) for i, three in enumerate(counts)]
        baseline = taught(baseline, slots)
    scales = zip(baseline.scatter[ALL], (20.0, 60.0, 240.0), strict=True)
    five, fifteen, sixty = (one.variance(expected) / expected for one, expected in scales)
    assert five == pytest.approx(20, rel=0.1)
    assert 4 < fifteen < 9
    assert sixty < 6.5
    assert baseline.scatter["bot"][0] != EMPTY.scatter["bot"][0]


def test_hole():
    """Over a hole in what was counted no hour is put together."""
    usual = weeks(EMPTY, 2, [20] * 6)
    apart = taught(usual, [slot(2 * SLOTS + number, user=(50, 0, 0)) for number in (0, 1, 3, 4)])
    assert apart.scatter[ALL][2] == usual.scatter[ALL][2]
    assert apart.scatter[ALL][1] != usual.scatter[ALL][1]


def test_answers_are_learned():
    """How many answers a question brings is learned, and how regularly."""
    baseline = EMPTY
    for week in range(3):
        slots = [slot(week * SLOTS + i, user=(10, 20, 6), bot=(8, 16, 6)) for i in range(96)]
        baseline = taught(baseline, slots)
    assert baseline.answers(36) == pytest.approx(30)
    assert baseline.variance(ANSWERS, 30, 15, 0) < 0.5 * 30
    assert taught(EMPTY, [slot(0, bot=(3, 0, 0))]).answers(5) == 0.0

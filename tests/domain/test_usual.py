"""The usual of a slot: what is expected in each window, its limits, and what a reader is told."""

from __future__ import annotations

import pytest

from monitor.domain.baseline import ALL, SLOT_S, SLOTS
from monitor.domain.tails import at_least, at_most
from monitor.domain.usual import Usual, band, shown
from tests.domain.test_baseline import EMPTY, MONDAY, known

STEADY = known([12.0] * SLOTS)


def test_windows():
    """A window of 5, 15 or 60 minutes has what comes in it, in every series."""
    usual = Usual.of(STEADY, MONDAY + 1000, 1e-4)
    assert usual.slot == MONDAY + SLOT_S
    assert list(usual.bounds) == [ALL, "user", "bot"]
    assert {minutes: bounds.expected for minutes, bounds in usual.bounds[ALL].items()} == {5: 60, 15: 180, 60: 720}


def test_limits():
    """The limits are the first counts that are rarer than a sixth of alpha; the senders share theirs."""
    for series, alpha in ((ALL, 1e-4 / 6), ("bot", 1e-4 / 12)):
        hour = Usual.of(STEADY, MONDAY, 1e-4).bounds[series][60]
        assert at_least(hour.spike_from, 720, hour.variance) < alpha < at_least(hour.spike_from - 1, 720, hour.variance)
        assert at_most(hour.drop_to, 720, hour.variance) < alpha < at_most(hour.drop_to + 1, 720, hour.variance)


def test_within_the_slot():
    """Where the slot's beginning and end expect different counts, neither is taken for the other's deviation."""
    # A day that begins at once: in its first slot the window of 15 minutes fills from nothing to 180.
    usual = Usual.of(known([*[0.0] * 4, *[12.0] * (SLOTS - 4)]), MONDAY + 4 * SLOT_S, 1e-4)
    steady = Usual.of(STEADY, MONDAY, 1e-4)
    assert usual.bounds[ALL][15].expected == 90
    assert usual.bounds[ALL][15].spike_from == steady.bounds[ALL][15].spike_from
    assert usual.bounds[ALL][15].least == 0.75
    assert usual.bounds[ALL][15].drop_to is None


def test_nothing_usual():
    """Where nobody ever writes a few messages are no spike yet, and none is no drop."""
    quiet = Usual.of(known([0.0] * SLOTS), MONDAY, 0.9).bounds[ALL]
    assert [bounds.expected for bounds in quiet.values()] == [0.25, 0.75, 3.0]
    assert [bounds.spike_from for bounds in quiet.values()] == [10, 15, 30]
    assert [bounds.drop_to for bounds in quiet.values()] == [None] * 3


def test_told():
    """A reader is told whole messages, tenths where there are few, and no limit where there is none."""
    told = Usual.of(STEADY, MONDAY, 1e-4).told({5: 61, 15: 170, 60: 700})
    assert told["slot"] == "2026-11-22T17:00:00.000Z"
    assert set(told["w5"]) == {"count", "usual", "spread", "spike_from"}
    assert (told["w60"]["count"], told["w60"]["usual"]) == (700, 720)
    assert set(told["w60"]) == {"count", "usual", "spread", "spike_from", "drop_to"}
    assert (shown(9.96), shown(10.4), shown(0.25)) == (10.0, 10, 0.2)


def test_band():
    """The band of a window is two spreads around its usual, and begins at nothing."""
    low, usual, high = band(STEADY, int(MONDAY))
    assert usual == 60
    assert low == 0.0
    spread = STEADY.variance(ALL, 60, 5, 0) ** 0.5
    assert high == pytest.approx(60 + 2 * spread)
    assert band(known([300.0] * SLOTS), int(MONDAY))[0] > 0
    assert band(EMPTY, int(MONDAY))[1] == 0.25

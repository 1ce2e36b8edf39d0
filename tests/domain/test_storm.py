"""A storm of signals: three of five seconds beyond the limit, and over after two that are well below it."""

from __future__ import annotations

import math

import pytest

from monitor.domain.storm import Storm
from monitor.domain.verdict import Verdict
from monitor.domain.window import MARGIN_S, Tally


def tally(*counts):
    """So many signals in each second, from second 1000 on."""
    return Tally(tuple((1000 + n, count) for n, count in enumerate(counts) if count), sum(counts))


def raging(*counts, limit=100, storm=None):
    """Look once in each second, at its end; give the storm after the last."""
    storm = storm or Storm(limit)
    for n in range(len(counts)):
        storm = storm.at({"messages": tally(*counts[: n + 1])}, 1000.9 + n)
    return storm


@pytest.mark.parametrize(
    ("counts", "storms"),
    [
        ((101, 101), False),
        ((101, 101, 101), True),
        ((101, 0, 101, 0, 101), True),
        ((101, 0, 101, 0, 0, 101), False),
        ((100, 100, 100, 100, 100), False),
        ((5000, 5000), False),
    ],
)
def test_enter(counts, storms):
    """It takes three of five seconds beyond the limit, the one that runs included; how far beyond does not matter."""
    assert raging(*counts).raging == (frozenset({"messages"}) if storms else frozenset())


@pytest.mark.parametrize(
    ("after", "storms"),
    [
        ((0, 0), True),  # the second that runs is no whole one
        ((0, 0, 0), False),
        ((70, 70, 0), False),
        ((71, 0, 0), True),
        ((0, 71, 0), True),
        ((0, 0, 71), True),
        ((80, 80, 80, 80, 80), True),
    ],
)
def test_leave(after, storms):
    """It is over when two whole seconds and what runs are at 70 % of the limit or below; not at a mere dip."""
    assert bool(raging(101, 101, 101, *after).raging) is storms


def test_not_again():
    """What is over does not begin again by the seconds that made it."""
    storm = raging(101, 101, 101, 0, 0, 0)
    assert not storm.at({"messages": tally(101, 101, 101)}, 1006.0).raging


def test_reason():
    """The first flooded channel is named with its worst whole second; where there is none there is nothing to say."""
    events = {"quiet": tally(1), "messages": tally(150, 300, 200), "more": tally(900, 900, 900)}
    storm = Storm(100).at(events, 1002.5)
    assert storm.raging == {"messages", "more"}
    reason = storm.reason(events, 1002.5)
    assert (reason.code, reason.verdict) == ("realtime.storm", Verdict.WARN)
    assert reason.params == {"per_s": 300, "channel": "messages", "limit_per_s": 100}
    assert Storm(100).reason(events, 1002.5) is None


def test_next_change():
    """While it lasts it is looked at each second; otherwise only its signals bring it."""
    assert raging(101, 101, 101).next_change(1002.9) == 1003 + MARGIN_S
    assert raging(101).next_change(1000.9) == math.inf


def test_after_a_freeze():
    """Where all older seconds have been forgotten meanwhile, the one that runs is told."""
    storm = Storm(100, frozenset({"messages"})).at({"messages": tally(*[0] * 400, 900)}, 1400.5)
    assert storm.reason({"messages": tally(*[0] * 400, 900)}, 1400.5).params["per_s"] == 900

"""Rolling windows: exact at every second, whatever the rows, with no row kept twice or too long."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.window import MARGIN_S, SPAN_S, Tally, Window
from tests.domain.build import at

NOW = 1_800_000_000.0
MONO = 5_000.0
GRAIN = 1024
"""Fractions of a second that floats hold exactly, so that the model and the window never differ by rounding."""


def window(rows, *, now=NOW, total=None, cap=4096):
    counts = sum(count for _, _, count in rows)
    return Window.of(now=now, mono=MONO, rows=rows, total=counts if total is None else total, cap=cap)


def count(of, mono):
    return sum(of.per_sender(mono).values())


@pytest.mark.parametrize(
    ("age", "later", "counted"),
    [
        pytest.param(SPAN_S, 0, 1, id="the oldest second of the window"),
        pytest.param(SPAN_S, 0.999, 1, id="still, to the end of this second"),
        pytest.param(SPAN_S, 1, 0, id="gone with the next second"),
        pytest.param(SPAN_S + 1, 0, 0, id="older than the window"),
        pytest.param(0, SPAN_S + 0.999, 1, id="a row of now stays for 300 seconds and its own"),
        pytest.param(0, SPAN_S + 1, 0, id="and no longer"),
        pytest.param(-50, 0, 1, id="stamped in the future, counted as SQL counts it"),
        pytest.param(-50, SPAN_S + 50, 1, id="until it is old by its own stamp"),
        pytest.param(-50, SPAN_S + 51, 0, id="and no longer than that"),
    ],
)
def test_edges(age, later, counted):
    """A row counts from its own whole second to the end of the 300th second after it."""
    assert count(window([(int(NOW) - age, "user", 1)]), MONO + later) == counted


def test_plus():
    """Rows that come and go are added; what has left goes, and less than nothing is kept but counts as nothing."""
    second = int(NOW)
    start = window([(second - 300, "user", 1), (second - 7, "user", 2)])
    one = start.plus([(second - 7, "bot", 1), (second - 301, "bot", 9), (second + 5, "user", 4)], second - 300)
    assert one.within(MONO) == {second - 300: 1, second - 7: 3, second + 5: 4}
    assert one.size == 4
    one = one.plus([(second + 5, "user", -4), (second - 7, "user", -5)], second - 299)
    assert (one.seconds, one.per_sender(MONO)) == ({second - 7: {"user": -3, "bot": 1}}, {"bot": 1})
    assert one.within(MONO) == {second - 7: 1}
    one = one.plus([(second - 7, "bot", -1)], second - 299)
    assert (one.within(MONO), one.per_sender(MONO)) == ({}, {})
    assert one.plus([(second - 7, "user", 3)], second - 299).seconds == {}
    assert start.within(MONO) == {second - 300: 1, second - 7: 2}


def test_as_of():
    """The window stands at the whole second that the database's clock has begun, never at the next one."""
    one = window([], now=NOW + 0.75)
    assert one.as_of(MONO) == NOW
    assert one.as_of(MONO + 0.125) == NOW
    assert one.as_of(MONO + 0.25) == NOW + 1


def test_per_sender():
    """Counts are told apart by sender and summed over the seconds, rows of one second and sender as well."""
    second = int(NOW) - 7
    one = window([(second, "bot", 1), (second, "user", 2), (second, "user", 3), (second + 1, "user", 4)])
    assert one.per_sender(MONO) == {"bot": 1, "user": 9}
    assert one.within(MONO) == {second: 6, second + 1: 4}


def test_within_lets_go():
    """The seconds that are told are those of the window that ends now."""
    second = int(NOW) - SPAN_S
    one = window([(second, "bot", 1), (second + 1, "user", 2)])
    assert one.within(MONO) == {second: 1, second + 1: 2}
    assert one.within(MONO + 1) == {second + 1: 2}


def test_empty():
    """Without rows nothing is counted, nothing will change, and nothing need be asked again."""
    one = window([])
    assert one.per_sender(MONO) == {}
    assert one.next_change(MONO) == math.inf
    assert one.exhausted_at() == math.inf


def test_next_change():
    """The oldest second that is still counted leaves next; one that has left already does not matter."""
    one = window([(int(NOW) - 300, "user", 1), (int(NOW) - 200, "user", 1)])
    assert one.next_change(MONO) == MONO + 1 + MARGIN_S
    assert one.next_change(MONO + 1) == MONO + 101 + MARGIN_S
    assert one.next_change(MONO + 101) == math.inf


def test_cap():
    """Seconds beyond the cap are kept as one number without sender, and force a recount before they could leave."""
    oldest = int(NOW) - 100
    rows = [(oldest, "user", 1), (oldest + 5, "bot", 1), (oldest + 5, "user", 2), (oldest + 9, "user", 4)]
    one = window(rows, cap=2)
    assert one.seconds == {oldest: {"user": 1}, oldest + 5: {"bot": 1, "user": 2}}
    assert one.beyond == 4
    assert one.per_sender(MONO) == {"user": 3, "bot": 1, "": 4}
    assert one.exhausted_at() == MONO + 206


def test_cap_of_the_query():
    """What the query itself left out is beyond the cap as well; with nothing kept, only a recount can tell."""
    one = window([(int(NOW) - 100, "user", 1)], total=8)
    assert one.per_sender(MONO) == {"user": 1, "": 7}
    assert one.exhausted_at() == MONO + 201
    assert window([], total=8).exhausted_at() < MONO


def test_full_is_not_beyond():
    """Exactly as many seconds as the cap allows leave nothing beyond it."""
    rows = [(int(NOW) - 100 + second, "user", 1) for second in range(3)]
    assert window(rows, cap=3).beyond == 0
    assert window(rows, cap=3).exhausted_at() == math.inf


created = st.integers(-SPAN_S * GRAIN, 20 * GRAIN).map(lambda grains: NOW + grains / GRAIN)
messages = st.lists(st.tuples(created, st.sampled_from(["user", "bot"])), max_size=30)
fraction = st.integers(0, GRAIN - 1).map(lambda grains: grains / GRAIN)
later = st.integers(0, 400 * GRAIN).map(lambda grains: grains / GRAIN)


def histogram(stamps, now):
    """Do what recount.sql does: rows since the whole second 300 s ago, by second and sender, ascending."""
    oldest = math.floor(now) - SPAN_S
    counts = Counter((math.floor(stamp), sender) for stamp, sender in stamps if stamp >= oldest)
    return [(second, sender, n) for (second, sender), n in sorted(counts.items())]


def recounted(stamps, now):
    """Count as SQL would at that moment."""
    return sum(n for *_, n in histogram(stamps, now))


@given(messages, fraction, later)
def test_like_sql(stamps, past, wait):
    """At any later moment the window counts what a new recount would count, in all and per sender."""
    now = NOW + past
    one = window(histogram(stamps, now), now=now)
    expected = Counter()
    for _, sender, n in histogram(stamps, now + wait):
        expected[sender] += n
    assert one.per_sender(MONO + wait) == expected
    assert sum(one.within(MONO + wait).values()) == expected.total()
    assert one.as_of(MONO + wait) == math.floor(Fraction(now) + Fraction(wait))


@given(messages, fraction, later, st.integers(1, 12), st.integers(0, 40))
def test_cap_stays_exact(stamps, past, wait, cap, limit):
    """However much lies beyond the cap, of seconds or of the query's rows, the count is exact until it is exhausted."""
    now = NOW + past
    rows = histogram(stamps, now)
    one = window(rows[:limit], now=now, total=sum(n for *_, n in rows), cap=cap)
    if MONO + wait < one.exhausted_at():
        assert count(one, MONO + wait) == recounted(stamps, now + wait)


@given(messages, fraction, later, st.floats(0, 1))
def test_next_change_is_the_first(stamps, past, wait, part):
    """Until the next change the count stands still; at the next change it has moved, so no one is woken twice."""
    one = window(histogram(stamps, NOW + past), now=NOW + past)
    mono = MONO + wait
    before, change = count(one, mono), one.next_change(mono)
    if change == math.inf:
        assert before == 0
        return
    assert change > mono
    assert count(one, change) < before
    assert count(one, mono + part * (change - 2 * MARGIN_S - mono)) == before or change - mono <= 2 * MARGIN_S


def test_tally():
    """A passing is counted for 300 s by its whole second; one tally never changes another."""
    first = Tally().add(100.9)
    second = first.add(101.2).add(101.8)
    assert (first.total, second.total) == (1, 3)
    assert first.next_change() == 400 + MARGIN_S
    assert second.at(399.9).total == 3
    assert second.at(400.0).total == 2
    assert second.at(401.0) == Tally()
    assert second.add(400.5).total == 3


def test_tally_of_nothing():
    """What never passed by has no count and will not change."""
    assert Tally().at(at(0).mono) == Tally()
    assert Tally().next_change() == math.inf


@given(st.lists(st.floats(0, 700), max_size=60).map(sorted), st.floats(0, 400))
def test_tally_like_a_list(passings, wait):
    """Whatever passes: younger than 299 s is counted, 300 s or older is not, and at most 300 numbers are kept."""
    tally = Tally()
    for mono in passings:
        tally = tally.add(mono)
    now = (passings[-1] if passings else 0.0) + wait
    total = tally.at(now).total
    assert sum(mono > now - SPAN_S + 1 for mono in passings) <= total <= sum(mono > now - SPAN_S for mono in passings)
    assert total == sum(math.floor(mono) > math.floor(now) - SPAN_S for mono in passings)
    assert total == sum(n for _, n in tally.at(now).buckets)
    assert len(tally.buckets) <= SPAN_S


@given(st.lists(st.floats(0, 700), min_size=1, max_size=30).map(sorted), st.floats(0, 1))
def test_tally_changes_next(passings, part):
    """Until the next change the number stands still; at the next change it is smaller."""
    tally = Tally()
    for mono in passings:
        tally = tally.add(mono)
    now, change = passings[-1], tally.next_change()
    assert change > now
    assert tally.at(change).total < tally.total
    assert tally.at(now + part * max(0.0, change - 2 * MARGIN_S - now)).total == tally.total

"""Message throughput: an exact count that rolls by itself, against two fixed bounds."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.message_throughput import MessageThroughput, Rates, Recount
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import NIGHT, NOON, at, codes, fold, params, rates, recount

HOUR = 3600.0
CHECK = MessageThroughput()
ASLEEP = MessageThroughput(quiet_hours=NIGHT)
ABOVE = {"message_throughput.above": "warn"}
BELOW = {"message_throughput.below": "warn"}


@pytest.mark.parametrize(("count", "expected"), [(299, {}), (300, {}), (301, ABOVE)])
def test_above(count, expected):
    """More than the bound in five minutes is a warning; the bound itself is not."""
    judgement = fold(CHECK, (0, recount(rows={10: count})))
    assert codes(judgement) == expected
    if expected:
        assert params(judgement, "message_throughput.above") == {"count": 301, "window_min": 5, "limit": 300}


def test_rows_beyond_the_cap_force_a_recount():
    """Before a row that did not fit into the histogram could leave the window, a new count is asked for, once."""
    judgement = fold(CHECK, (0, recount(rows={10: 3}, total=400)))
    assert not judgement.look_again
    due = judgement.holds_until
    assert due == pytest.approx(at(291).mono)
    later = CHECK.judge(Tick(at(291)), judgement, at(291))
    assert later.look_again
    assert later.holds_until > due


def test_above_passes_by_itself():
    """As the window rolls on, the warning leaves at the second foretold, without any new count."""
    judgement = fold(CHECK, (0, recount(rows={200: 2, 10: 299})))
    assert codes(judgement) == ABOVE
    assert judgement.holds_until == at(101).mono + MARGIN_S
    later = CHECK.judge(Tick(at(101.001)), judgement, at(101.001))
    assert codes(later) == {}
    assert later.headline == {"value": 59.8, "unit": "per_min"}


def test_rows_beyond_the_cap_count():
    """Rows that the histogram could not hold are counted, though no sender is told."""
    judgement = fold(CHECK, (0, recount(rows={10: 3}, total=400)))
    assert params(judgement, "message_throughput.above")["count"] == 400
    assert judgement.detail["count_5m"] == 400
    assert judgement.detail["by_sender"] == {"user": 3}


@pytest.mark.parametrize(("count", "expected"), [(0, BELOW), (1, {})])
def test_below(count, expected):
    """Fewer than the bound in an hour is a warning."""
    judgement = fold(CHECK, (0, recount()), (1, rates(last_60m=count)))
    assert codes(judgement) == expected
    if expected:
        assert params(judgement, "message_throughput.below") == {"count": 0, "window_min": 60, "limit": 1}


def test_both():
    """A spike and an empty hour may both be true for a moment; the spike is named first."""
    judgement = fold(CHECK, (0, recount(rows={1: 301})), (1, rates(last_60m=0)))
    assert list(codes(judgement)) == ["message_throughput.above", "message_throughput.below"]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        pytest.param(10 * HOUR - 1, BELOW, id="21:59:59, an hour of day"),
        pytest.param(10 * HOUR, BELOW, id="22:00, still an hour of day"),
        pytest.param(10 * HOUR + 1, {}, id="22:00:01, a second of night"),
        pytest.param(14 * HOUR, {}, id="in the night"),
        pytest.param(19 * HOUR - 1, {}, id="06:59:59, a second of night"),
        pytest.param(19 * HOUR, BELOW, id="07:00, an hour of day"),
    ],
)
def test_night(clock, expected):
    """While any of the last hour lies in the quiet hours, few messages prove nothing."""
    now = NOON + clock
    assert codes(fold(ASLEEP, (0, recount(now)), (0, rates(now, last_60m=0)))) == expected


def test_morning_flips_at_its_second():
    """Night enters and leaves the last hour by itself: the warning leaves and comes at its second, by time alone."""
    now = NOON + 10 * HOUR - 400
    judgement = fold(ASLEEP, (0, recount(now, {})), (0, rates(now, last_60m=0)))
    flips = []
    for _ in range(4):
        moment = at(judgement.holds_until - at(0).mono)
        judgement = ASLEEP.judge(Tick(moment), judgement, moment)
        flips.append((round(moment.mono - at(0).mono - 400, 3), codes(judgement)))
    assert flips == [
        (0.001, {}),
        (HOUR + 0.001, {}),
        (8 * HOUR + 0.001, {}),
        (9 * HOUR + 0.001, BELOW),
    ]


@pytest.mark.parametrize(
    ("check", "steps"),
    [
        pytest.param(CHECK, [(0, rates(last_60m=0))], id="no quiet hours"),
        pytest.param(ASLEEP, [(0, rates(last_60m=1))], id="enough messages"),
        pytest.param(ASLEEP, [], id="not counted"),
    ],
)
def test_nothing_to_wait_for(check, steps):
    """Where the quiet hours cannot change anything, nobody is woken for them."""
    assert fold(check, *steps, (0, recount(rows={}))).holds_until == math.inf


def test_before_the_first_count():
    """Rates alone tell no number, and are kept until the window is counted."""
    judgement = fold(CHECK, (0, rates(last_60m=0)))
    assert (judgement.reasons, judgement.headline, judgement.detail) == ((), None, {})
    assert codes(CHECK.judge(recount(), judgement, at(1))) == BELOW


def test_detail():
    """The drill-down tells the count, per sender, to which second it is counted, and the current window of the day."""
    judgement = fold(CHECK, (0, recount(NOON + 0.5)), (0, rates(NOON + 0.5)))
    assert judgement.headline == {"value": 0.6, "unit": "per_min"}
    assert judgement.detail == {
        "count_5m": 3,
        "by_sender": {"user": 3},
        "as_of": instant(NOON),
        "newest_at": instant(NOON - 9.5),
        "count_60m": 40,
        "window": {"start": instant(NOON), "bot": 2, "user": 3},
    }


def test_detail_of_nothing():
    """An empty table has no newest message and no window."""
    empty = Rates(NOON, NOON - 86_400, [], [], [], 0)
    judgement = fold(CHECK, (0, recount(rows={})), (0, empty))
    assert judgement.detail == {"count_5m": 0, "by_sender": {}, "as_of": instant(NOON), "count_60m": 0}
    assert judgement.headline == {"value": 0.0, "unit": "per_min"}


def test_recount_replaces():
    """A recount replaces all that was counted before it, by the clock that it brought."""
    judgement = fold(CHECK, (0, recount(rows={10: 300})), (1, recount(NOON + 7, {5: 2})))
    assert judgement.detail["count_5m"] == 2
    assert judgement.detail["as_of"] == instant(NOON + 7)


def test_what_it_is():
    """It is named as the brief names it, shows its bounds, and only the exact count renews its evidence."""
    assert (CHECK.name, CHECK.ttl_s, CHECK.limits) == ("message_throughput", 65, {"max_5m": 300, "min_60m": 1})
    assert (CHECK.takes, CHECK.evidence) == ((Recount, Rates), (Recount,))
    assert fold(CHECK).reasons == ()

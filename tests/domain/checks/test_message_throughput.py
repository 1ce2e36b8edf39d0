"""Message throughput: an exact count that rolls by itself, against what is usual, or two fixed bounds until then."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from monitor.domain.checks.message_throughput import (
    CALM_S,
    WAIT_S,
    History,
    Memory,
    MessageThroughput,
    Rates,
    Recent,
    Replies,
    usual_band,
)
from monitor.domain.counting import Recount
from monitor.domain.ledger import Changes, Deltas
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import Gap, Tick
from monitor.domain.verdict import Judgement, instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import JAKARTA, NIGHT, NOON, at, codes, fold, params, recount

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SENDERS = ("user", "bot", "counselor")
CHECK = MessageThroughput(senders=SENDERS, zone=JAKARTA)
ASLEEP = replace(CHECK, quiet_hours=NIGHT)
LEARNING = {"message_throughput.learning": "ok"}
ABOVE = {"message_throughput.above": "warn", **LEARNING}
BELOW = {"message_throughput.below": "warn", **LEARNING}
DROP = {"message_throughput.drop": "warn"}
SPIKE = {"message_throughput.spike": "warn"}


def rows(begin, end, each=(15, 14, 1)):
    """Windows of 5 minutes from one instant to another, in each the same."""
    told = [(start, who, n) for start in range(int(begin), int(end), 300) for who, n in zip(SENDERS, each, strict=True)]
    return sorted(told) or [(), (), ()]


def history(days=0.0, now=NOON):
    """What history.sql says of a platform that is so old, and always carried 6 messages a minute."""
    since = now // 900 * 900 - 56 * DAY
    columns = zip(*rows(now - days * DAY, now), strict=True) if days else ([], [], [])
    return History(now, since, *map(list, columns))


def rates(now=NOON, since=None, each=(15, 14, 1)):
    """What rates.sql says: windows of the last hour."""
    since = now - HOUR if since is None else since
    return Rates(now, since, *map(list, zip(*rows(-(-since // 300) * 300, now, each), strict=True)))


def recent(now=NOON, m15=(45, 42, 3), m60=(180, 168, 12), age=(10, 5, 300), unanswered=0):
    """What recent.sql says: the usual, unless told otherwise; `age` None = never."""
    newest = [now - one if one is not None else 0.0 for one in age]
    return Recent(now, list(SENDERS), list(m15), list(m60), newest, unanswered)


def counted(now=NOON, user=15, bot=14, counselor=1):
    """What recount.sql says of so many messages, 150 s old."""
    each = (user, bot, counselor)
    second = int(now) - 150
    return Recount("1:1:", now, [second] * 3, list(SENDERS), list(each), sum(each), float(second))


def hour(count):
    """A last hour of so many messages."""
    return recent(m15=(0, 0, 0), m60=(count, 0, 0))


def told(judgement, seconds, *facts, check=CHECK):
    """Tell facts, all at one instant; None tells the time alone."""
    for one in facts:
        moment = at(seconds)
        judgement = check.judge(one if one is not None else Tick(moment), judgement, moment)
    return judgement


def ticked(judgement, until, check=CHECK):
    """Let time pass as the engine does, from deadline to deadline; no deadline may be met by another at once."""
    while judgement.holds_until <= at(until).mono:
        moment = replace(at(0), mono=judgement.holds_until)
        judgement = check.judge(Tick(moment), judgement, moment)
        assert judgement.holds_until > moment.mono, "woken again at once: the engine would spin"
    return judgement


def knowing(now=NOON, check=CHECK):
    """A check that has learned eight weeks and looks at the usual."""
    start = check.begin(at(0))
    return ticked(told(start, 0, counted(now), rates(now), recent(now), history(56.0, now), check=check), 2, check)


@pytest.fixture(scope="module")
def known():
    return knowing()


# The fixed bounds, as long as the usual is being learned.


@pytest.mark.parametrize(("count", "expected"), [(299, LEARNING), (300, LEARNING), (301, ABOVE)])
def test_above(count, expected):
    """More than the bound in five minutes is a warning; the bound itself is not."""
    judgement = fold(CHECK, (0, history()), (0, recount(rows={10: count})))
    assert codes(judgement) == expected
    if expected is ABOVE:
        assert params(judgement, "message_throughput.above") == {"count": 301, "window_min": 5, "limit": 300}


def test_rows_beyond_the_cap_force_a_recount():
    """Before a row that did not fit into the histogram could leave the window, a new count is asked for, once."""
    judgement = fold(CHECK, (0, history()), (0, recount(rows={10: 3}, total=400)))
    assert not judgement.look_again
    due = judgement.holds_until
    assert due == pytest.approx(at(291).mono)
    later = told(judgement, 291, None)
    assert later.look_again
    assert later.holds_until > due


def test_above_passes_by_itself():
    """As the window rolls on, the warning leaves at the second foretold, without any new count."""
    judgement = fold(CHECK, (0, history()), (0, recount(rows={200: 2, 10: 299})))
    assert codes(judgement) == ABOVE
    assert judgement.holds_until == at(101).mono + MARGIN_S
    later = told(judgement, 101.001, None)
    assert codes(later) == LEARNING
    assert later.headline == {"value": 59.8, "unit": "per_min"}


def test_rows_beyond_the_cap_count():
    """Rows that the histogram could not hold are counted, though no sender is told."""
    judgement = fold(CHECK, (0, history()), (0, recount(rows={10: 3}, total=400)))
    assert params(judgement, "message_throughput.above")["count"] == 400
    assert judgement.detail["count_5m"] == 400
    assert judgement.detail["by_sender"] == {"user": 3}


@pytest.mark.parametrize(("count", "expected"), [(0, BELOW), (1, LEARNING)])
def test_below(count, expected):
    """Fewer than the bound in an hour is a warning."""
    judgement = fold(CHECK, (0, history()), (0, recount()), (1, hour(count)))
    assert codes(judgement) == expected
    if expected is BELOW:
        assert params(judgement, "message_throughput.below") == {"count": 0, "window_min": 60, "limit": 1}


def test_all_of_them():
    """A spike and an empty hour may both be true for a moment; they stand in the catalogue's order."""
    judgement = fold(CHECK, (0, history()), (0, recount(rows={1: 301})), (1, hour(0)))
    assert list(codes(judgement)) == [f"message_throughput.{one}" for one in ("above", "below", "learning")]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        pytest.param(10 * HOUR - 1, BELOW, id="21:59:59, an hour of day"),
        pytest.param(10 * HOUR, BELOW, id="22:00, still an hour of day"),
        pytest.param(10 * HOUR + 1, LEARNING, id="22:00:01, a second of night"),
        pytest.param(14 * HOUR, LEARNING, id="in the night"),
        pytest.param(19 * HOUR - 1, LEARNING, id="06:59:59, a second of night"),
        pytest.param(19 * HOUR, BELOW, id="07:00, an hour of day"),
    ],
)
def test_night(clock, expected):
    """While any of the last hour lies in the quiet hours, few messages prove nothing."""
    now = NOON + clock
    assert codes(fold(ASLEEP, (0, history(now=now)), (0, recount(now)), (0, hour(0)))) == expected


def test_morning_flips_at_its_second():
    """Night enters and leaves the last hour by itself: the warning leaves and comes at its second, by time alone."""
    now = NOON + 10 * HOUR - 400
    judgement = fold(ASLEEP, (0, history(now=now)), (0, recount(now, {})), (0, hour(0)))
    flips = []
    for _ in range(4):
        moment = at(judgement.holds_until - at(0).mono)
        judgement = ASLEEP.judge(Tick(moment), judgement, moment)
        flips.append((round(moment.mono - at(0).mono - 400, 3), codes(judgement)))
    assert flips == [
        (0.001, LEARNING),
        (HOUR + 0.001, LEARNING),
        (8 * HOUR + 0.001, LEARNING),
        (9 * HOUR + 0.001, BELOW),
    ]


@pytest.mark.parametrize(
    ("check", "facts"),
    [
        pytest.param(CHECK, [hour(0)], id="no quiet hours"),
        pytest.param(ASLEEP, [hour(1)], id="enough messages"),
        pytest.param(ASLEEP, [], id="not counted"),
    ],
)
def test_nothing_to_wait_for(check, facts):
    """Where the quiet hours cannot change anything, nobody is woken for them: only the day of learning goes on."""
    judgement = fold(check, (0, history()), *((0, one) for one in facts), (0, recount(rows={})))
    assert judgement.holds_until == pytest.approx(at(DAY).mono, abs=0.01)


# Learning.


def test_history_is_waited_for():
    """While the weeks before may still come nothing is judged; when they do not, the fixed bounds hold."""
    judgement = told(CHECK.begin(at(0)), 0, counted(user=400), hour(0))
    assert codes(judgement) == {}
    assert codes(ticked(judgement, WAIT_S - 0.01)) == {}
    assert codes(ticked(judgement, WAIT_S)) == ABOVE | BELOW


def test_learning_is_told_by_the_day():
    """The card says which day of learning it is, and the day changes by itself."""
    judgement = fold(CHECK, (0, history(5.4)), (0, recount(rows={})))
    judgement = ticked(judgement, 2)
    assert params(judgement, "message_throughput.learning") == {"day": 6, "days": 7}
    assert params(ticked(judgement, 0.59 * DAY), "message_throughput.learning")["day"] == 6
    assert params(ticked(judgement, 0.61 * DAY), "message_throughput.learning")["day"] == 7
    assert "usual" not in judgement.detail


@pytest.mark.parametrize(("days", "expected"), [(6.9, ABOVE), (7.1, SPIKE)])
def test_learned(days, expected):
    """From the seventh day on the rule holds instead of the fixed bounds."""
    judgement = fold(CHECK, (0, history(days)), (0, counted(user=400)), (0, recent()))
    assert codes(ticked(judgement, 2)) == expected


@pytest.mark.life
def test_learned_in_parts():
    """The weeks are learned in parts, each by a tick of its own, and nothing is said before the last one."""
    judgement = told(CHECK.begin(at(0)), 0, counted(user=400), recent(), history(56.0))
    parts = 1
    while judgement.memory.learning.lesson is not None:
        assert codes(judgement) == {}
        assert judgement.holds_until <= at(2).mono
        moment = replace(at(0), mono=judgement.holds_until)
        # What is told in between hurries nothing.
        assert CHECK.judge(recent(), judgement, at(0)).memory.learning is judgement.memory.learning
        judgement = CHECK.judge(Tick(moment), judgement, moment)
        parts += 1
    assert parts == 32
    assert codes(judgement) == SPIKE


@pytest.mark.life
def test_learns_on(known):
    """A quarter of an hour is learned from the windows of the day, a minute after its end."""
    until = known.memory.learning.baseline.until
    assert until == NOON - 900
    for late, expected in ((59, NOON - 900), (60, NOON), (75, NOON)):
        judgement = told(known, late, recent(NOON + late), rates(NOON + late))
        assert judgement.memory.learning.baseline.until == expected


def test_learns_without_history():
    """Where the history cannot be had, it learns from the windows of the day, once it has waited for it."""
    judgement = told(CHECK.begin(at(0)), 0, counted(), recent(), rates(since=NOON - DAY))
    assert judgement.memory.learning.baseline.until is None
    judgement = ticked(judgement, WAIT_S)
    assert judgement.memory.learning.baseline.until == NOON - 900
    assert params(judgement, "message_throughput.learning") == {"day": 2, "days": 7}


def test_an_outage_is_not_learned(known):
    """While the database could not be asked no zeros are learned, whatever is told first when it is back."""
    weeks = known.memory.learning.baseline.weeks
    back = NOON + 2 * HOUR
    slots = {known.memory.learning.baseline.slot(NOON + number * 900) for number in range(8)}
    judgement = told(known, 2 * HOUR, rates(back, NOON - HOUR, each=(0, 0, 0)))
    assert judgement.memory.learning.baseline.until == NOON - 900
    judgement = told(judgement, 2 * HOUR, recent(back, (0, 0, 0), (0, 0, 0)), rates(back, NOON - HOUR, (0, 0, 0)))
    assert judgement.memory.learning.baseline.until == back - 900
    assert all(judgement.memory.learning.baseline.weeks[slot] == weeks[slot] for slot in slots)


# The rule.


def test_usual(known):
    """What is usual is plain ok, and the card tells it, with the limits of the hour."""
    assert known.reasons == ()
    usual = known.detail["usual"]
    assert usual["slot"] == instant(NOON)
    assert {name: (usual[name]["count"], usual[name]["usual"]) for name in ("w5", "w15", "w60")} == {
        "w5": (30, 30),
        "w15": (90, 90),
        "w60": (360, 360),
    }
    assert usual["w5"]["spread"] == 8.0
    assert usual["w60"]["drop_to"] > 0


def test_spike(known):
    """Too many messages at this hour are a warning that tells what is usual, though no fixed bound is reached."""
    judgement = told(known, 0, counted(user=60, bot=60))
    assert codes(judgement) == SPIKE
    assert params(judgement, "message_throughput.spike") == {
        "count": 121, "window_min": 5, "slot": instant(NOON), "usual": 30, "spread": 8.0, "sender": "all",
    }  # fmt: skip


def test_drop(known):
    """Too few messages at this hour are a warning, as well when it is only the answers that are missing."""
    few = told(known, 0, recent(m15=(5, 5, 0)))
    assert codes(few) == DROP
    assert params(few, "message_throughput.drop")["sender"] == "all"
    dead = told(known, 0, recent(unanswered=14, age=(5, 290, 300)))
    assert params(dead, "message_throughput.drop") == {
        "count": 0, "window_min": 5, "slot": instant(NOON), "usual": 13, "spread": 2.1, "sender": "bot",
    }  # fmt: skip


def test_both(known):
    """A drop stands before a spike, as in the catalogue."""
    judgement = told(known, 0, counted(counselor=90), recent(unanswered=20, age=(5, 290, 300)))
    assert list(codes(judgement)) == ["message_throughput.drop", "message_throughput.spike"]


def test_it_lasts_until_all_was_usual_for_a_while(known):
    """A deviation leaves five minutes after the last unusual look, at its second, by time alone."""
    judgement = told(known, 0, recent(m15=(5, 5, 0)))
    calm = told(judgement, 30, recent(NOON + 30), counted(NOON + 30))
    assert codes(calm) == DROP
    assert params(calm, "message_throughput.drop") == params(judgement, "message_throughput.drop")
    for seconds in (60, 120, 180, 240, 300):
        calm = told(calm, seconds, recent(NOON + seconds), counted(NOON + seconds))
    assert codes(ticked(calm, 30 + CALM_S - 0.01)) == DROP
    assert codes(ticked(calm, 30 + CALM_S)) == {}
    again = told(calm, 310, recent(NOON + 310, m15=(5, 5, 0)))
    assert codes(ticked(again, 30 + CALM_S)) == DROP


def test_what_was_missing_is_not_learned(known):
    """A quarter of an hour in which a drop was told does not pull the usual down."""
    rate = known.memory.learning.baseline.rate("*", known.memory.learning.baseline.slot(NOON - 900))
    judgement = told(known, 0, recent(m15=(5, 5, 0)))
    judgement = told(judgement, 61, recent(NOON + 61, m15=(5, 5, 0)), rates(NOON + 61, each=(2, 2, 0)))
    baseline = judgement.memory.learning.baseline
    assert baseline.until == NOON
    assert baseline.rate("*", baseline.slot(NOON - 900)) == rate


def test_the_usual_changes_with_the_slot(known):
    """The usual stands still within a quarter of an hour, and changes at its edge by itself."""
    judgement = known
    for seconds in range(0, 900, 60):
        judgement = told(ticked(judgement, seconds), seconds, counted(NOON + seconds), recent(NOON + seconds))
        assert judgement.detail["usual"]["slot"] == instant(NOON)
        assert judgement.memory.usual is known.memory.usual
    assert ticked(judgement, 899.99).detail["usual"]["slot"] == instant(NOON)
    assert ticked(judgement, 900.01).detail["usual"]["slot"] == instant(NOON + 900)


def test_old_counts_are_not_judged(known):
    """When the database is back, its silence is no drop: first it must be known since when it could not be asked."""
    back = NOON + 1200
    judgement = told(known, 1200, counted(back, 0, 0, 0))
    assert codes(judgement) == {}
    judgement = told(judgement, 1200, recent(back, (0, 0, 0), (140, 130, 10), (1210, 1205, 1500)))
    assert codes(judgement) == {}
    turned = None
    for seconds in range(30, 901, 30):
        now = back + seconds
        silent = recent(now, (0, 0, 0), (140, 130, 10), (1210.0 + seconds,) * 3)
        judgement = told(judgement, 1200 + seconds, counted(now, 0, 0, 0), silent)
        if turned is None and codes(judgement) == DROP:
            turned = seconds
    # From then on its silence is its own: three minutes of six messages each.
    assert turned is not None
    assert 120 <= turned <= 240


def test_nothing_spins(known):
    """However long nothing comes, each deadline lies ahead of the one before."""
    ticked(told(known, 0, counted(user=200), recent(m15=(5, 5, 0))), 3 * HOUR)
    ticked(told(ASLEEP.begin(at(0)), 0, recount(rows={}), hour(0)), 9 * DAY, ASLEEP)


# What is told.


def test_before_the_first_count():
    """Other facts alone tell no number, and are kept until the window is counted."""
    judgement = fold(CHECK, (0, history()), (0, hour(0)))
    assert (judgement.reasons, judgement.headline, judgement.detail) == ((), None, {})
    assert codes(CHECK.judge(recount(), judgement, at(1))) == BELOW


def test_detail():
    """The drill-down tells the count, per sender, to which second it is counted, and the current window of the day."""
    judgement = fold(CHECK, (0, history()), (0, recount(NOON + 0.5)), (0, rates(NOON + 0.5)), (0, hour(40)))
    assert judgement.headline == {"value": 0.6, "unit": "per_min"}
    assert judgement.detail == {
        "count_5m": 3,
        "by_sender": {"user": 3},
        "as_of": instant(NOON),
        "scheme": "recount",
        "in_sync": False,
        "newest_at": instant(NOON - 9.5),
        "count_60m": 40,
        "window": {"start": instant(NOON - 300), "user": 15, "bot": 14, "counselor": 1},
    }


def test_detail_of_nothing():
    """An empty table has no newest message and no window."""
    empty = Rates(NOON, NOON - DAY, [], [], [])
    judgement = fold(CHECK, (0, history()), (0, recount(rows={})), (0, empty), (0, hour(0)))
    told = {"scheme": "recount", "in_sync": False, "count_60m": 0}
    assert judgement.detail == {"count_5m": 0, "by_sender": {}, "as_of": instant(NOON), **told}
    assert judgement.headline == {"value": 0.0, "unit": "per_min"}


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        (Replies(NOON, 12, 2.449, 7.96), {"count": 12, "p50_s": 2.4, "p95_s": 8.0}),
        (Replies(NOON, 0, None, None), None),
    ],
)
def test_reply(replies, expected):
    """How long people wait for the bot is told in tenths of a second; where it did not answer, nothing is."""
    assert fold(CHECK, (0, recount()), (0, replies)).detail.get("reply") == expected


def test_recount_replaces():
    """A recount replaces all that was counted before it, by the clock that it brought."""
    judgement = fold(CHECK, (0, recount(rows={10: 300})), (1, recount(NOON + 7, {5: 2})))
    assert judgement.detail["count_5m"] == 2
    assert judgement.detail["as_of"] == instant(NOON + 7)


def test_band(known):
    """The band of the day is told once the usual is known."""
    assert usual_band(fold(CHECK).memory) is None
    band = usual_band(known.memory)
    assert band is not None
    low, usual, high = band(int(NOON))
    assert (round(low), round(usual), round(high)) == (14, 30, 46)


def test_what_it_is():
    """It is named as the brief names it, shows its limits, and only the exact count renews its evidence."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("message_throughput", "checks", 65)
    assert CHECK.limits == {"max_5m": 300, "min_60m": 1, "alpha": 1e-4, "learning_days": 7}
    assert CHECK.takes == (Recount, Deltas, Changes, Listening, SignalLost, Gap, Rates, Recent, Replies, History)
    assert CHECK.evidence == (Recount,)
    begun: Judgement[Memory] = CHECK.begin(at(0))
    assert (begun.reasons, begun.holds_until) == ((), math.inf)

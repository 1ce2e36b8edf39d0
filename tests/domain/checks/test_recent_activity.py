"""Recent activity: silence is measured on the database's clock, flips at its second, and sleeps at night."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.recent_activity import Activity, RecentActivity
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import NIGHT, NOON, activity, at, codes, fold, params

HOUR = 3600.0
CHECK = RecentActivity()


def silent_for(seconds):
    return activity(last={"user": seconds})


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(0, {}, id="now"),
        pytest.param(-60, {}, id="in the future"),
        pytest.param(HOUR - 1, {}, id="a second before the note"),
        pytest.param(HOUR, {"recent_activity.quiet": "ok"}, id="at one hour"),
        pytest.param(6 * HOUR - 1, {"recent_activity.quiet": "ok"}, id="a second before the warning"),
        pytest.param(6 * HOUR, {"recent_activity.silent": "warn"}, id="at six hours"),
        pytest.param(40 * HOUR, {"recent_activity.silent": "warn"}, id="for days"),
    ],
)
def test_silence(age, expected):
    """From one hour on it is a note, from six on a warning instead."""
    assert codes(fold(CHECK, (0, silent_for(age)))) == expected


def test_newest_of_all():
    """Whoever wrote last counts."""
    judgement = fold(CHECK, (0, activity(last={"bot": 7 * HOUR, "counselor": 30.0, "user": 8 * HOUR})))
    assert judgement.reasons == ()
    assert judgement.detail["last_sender"] == "counselor"
    assert judgement.detail["last_at"] == instant(NOON - 30)


def test_params():
    """A note tells the age in whole minutes, a warning its limit, both the last message."""
    quiet = fold(CHECK, (0, silent_for(2 * HOUR + 119)))
    last = instant(NOON - 2 * HOUR - 119)
    assert params(quiet, "recent_activity.quiet") == {"age_min": 121, "limit_h": 6, "last_at": last}
    silent = fold(CHECK, (0, silent_for(7 * HOUR)))
    assert params(silent, "recent_activity.silent") == {"silent_h": 6, "last_at": instant(NOON - 7 * HOUR)}


def test_never():
    """With no message ever, silence counts from the start of the watch, and no last message is told."""
    none = activity(now=NOON + 6 * HOUR, last={})
    judgement = fold(CHECK, (6 * HOUR, none))
    assert params(judgement, "recent_activity.silent") == {"silent_h": 6}
    assert judgement.detail == {"last": {}, "hour": {}}
    assert fold(CHECK, (0, activity(last={}))).holds_until == at(HOUR).mono + MARGIN_S


def test_flips_at_its_second():
    """Time alone leads from ok to the note, from minute to minute, and to the warning, each at the second foretold."""
    judgement, flips = fold(CHECK, (0, silent_for(HOUR - 100))), []
    while judgement.holds_until < math.inf:
        now = at(judgement.holds_until - at(0).mono)
        judgement = CHECK.judge(Tick(now), judgement, now)
        flips.append((round(now.mono - at(0).mono, 3), codes(judgement)))
    assert flips[0] == (100.001, {"recent_activity.quiet": "ok"})
    assert flips[1] == (160.001, {"recent_activity.quiet": "ok"})
    assert flips[-1] == (5 * HOUR + 100.001, {"recent_activity.silent": "warn"})
    assert len(flips) == 301


def test_database_clock():
    """Ages are taken on the database's clock: our own may be wrong by hours."""
    facts = activity(now=NOON + 9 * HOUR, last={"user": 30.0})
    judgement = fold(CHECK, (5, facts))
    assert judgement.reasons == ()
    assert judgement.holds_until == at(5 + HOUR - 30).mono + MARGIN_S


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(9, {}, id="21:00 to 06:00 is one hour less a second"),
        pytest.param(10, {"recent_activity.quiet": "ok"}, id="21:00 to 07:00 is two hours"),
        pytest.param(14, {"recent_activity.silent": "warn"}, id="21:00 to 11:00 is six hours"),
    ],
)
def test_night(hours, expected):
    """Minutes inside the quiet hours do not count towards silence."""
    evening = NOON + 9 * HOUR + 1
    facts = Activity(evening + hours * HOUR - 1, ["user"], [evening], [0], 0, 0)
    check = RecentActivity(quiet_hours=NIGHT)
    judgement = fold(check, (0, facts))
    if hours == 14:
        assert codes(judgement) == {"recent_activity.quiet": "ok"}
        judgement = check.judge(Tick(at(1)), judgement, at(1))
    assert codes(judgement) == expected


def test_silent_between_two_minutes():
    """Silence that began to count at the end of the night flips at its own second, not with the next minute of age."""
    check = RecentActivity(quiet_hours=NIGHT)
    judgement = fold(check, (0, activity(now=NOON - 10, last={"user": 13 * HOUR - 40})))
    assert params(judgement, "recent_activity.quiet")["age_min"] == 12 * 60 + 59
    assert judgement.holds_until == at(10).mono + MARGIN_S
    assert codes(check.judge(Tick(at(10.001)), judgement, at(10.001))) == {"recent_activity.silent": "warn"}


def test_silent_at_the_edge_of_the_night():
    """Silent exactly as the night begins is silent: the deadline lies behind, not before it again and again."""
    check = RecentActivity(quiet_hours=NIGHT)
    judgement = fold(check, (0, activity(now=NOON + 4.5 * HOUR, last={"user": HOUR / 2})))
    now = at(5.5 * HOUR + MARGIN_S)
    judgement = check.judge(Tick(now), judgement, now)
    assert codes(judgement) == {"recent_activity.silent": "warn"}
    assert judgement.holds_until == math.inf


@pytest.mark.parametrize(
    ("asked", "answered", "silent"),
    [(5, 0, True), (4, 0, False), (5, 1, False), (0, 0, False)],
)
def test_bot_silent(asked, answered, silent):
    """Five questions and no answer of the bot in its window is a warning; one answer clears it."""
    judgement = fold(CHECK, (0, activity(asked=asked, answered=answered)))
    assert codes(judgement) == ({"recent_activity.bot_silent": "warn"} if silent else {})
    if silent:
        told = {"users": 5, "window_min": 15, "last_bot_at": instant(NOON - 30)}
        assert params(judgement, "recent_activity.bot_silent") == told


def test_bot_never_spoke():
    """A bot that never spoke has no last word to tell, and stands before the silence of all."""
    judgement = fold(CHECK, (0, activity(last={"user": 7 * HOUR}, asked=5)))
    assert list(codes(judgement)) == ["recent_activity.bot_silent", "recent_activity.silent"]
    assert params(judgement, "recent_activity.bot_silent") == {"users": 5, "window_min": 15}


def test_detail():
    """The drill-down tells each sender's last message and count of the hour; the number is the hour's sum."""
    judgement = fold(RecentActivity(quiet_hours=NIGHT), (0, activity()))
    assert judgement.headline == {"value": 10, "unit": "per_h"}
    assert judgement.detail == {
        "last": {"bot": instant(NOON - 30), "user": instant(NOON - 60)},
        "hour": {"bot": 5, "user": 5},
        "last_at": instant(NOON - 30),
        "last_sender": "bot",
        "quiet_hours": "22:00-06:00",
    }


def test_before_the_first_answer():
    """Without facts, time alone says nothing."""
    judgement = fold(CHECK, (9 * HOUR, Tick(at(9 * HOUR))))
    assert (judgement.reasons, judgement.headline, judgement.holds_until) == ((), None, math.inf)


def test_what_it_is():
    """It is named as the brief names it, shows its limits, and asks one question."""
    limits = {"quiet_h": 1, "silent_h": 6, "bot_window_min": 15, "bot_min_user": 5}
    assert (CHECK.name, CHECK.ttl_s, CHECK.limits) == ("recent_activity", 65, limits)
    assert (CHECK.takes, CHECK.evidence) == ((Activity,), (Activity,))

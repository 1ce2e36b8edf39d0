"""The realtime path, as far as it is watched: are we listening, to all of it, and how quick is the test signal."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.realtime import Realtime
from monitor.domain.listening import Listening
from monitor.domain.signal import Event, Gap, Tick
from monitor.domain.verdict import instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import CHANNELS, NOON, at, codes, fold, listening, params

CHECK = Realtime(CHANNELS)
NOTE = {"realtime.relay_unproven": "ok"}


def gap(seconds, cause="reset", attempt=0, error=None):
    return seconds, Gap(at(seconds), cause, attempt, error)


def event(seconds, channel="messages", *, readable=True):
    return seconds, Event(at(seconds), channel, {}, readable)


def row(judgement, name="messages"):
    return judgement.detail["channels"][name]


def test_listening():
    """All channels heard is ok, with the note that nobody has proven the broker; the number counts realtime ones."""
    judgement = fold(CHECK, (2, listening()))
    assert codes(judgement) == NOTE
    assert params(judgement, "realtime.relay_unproven") == {"since": instant(NOON), "why": "broker_not_configured"}
    assert judgement.headline == {"value": 2, "of": 2}
    assert judgement.since is None
    assert judgement.detail == {
        "channels": {
            "messages": {"listening": True, "realtime": True, "events_5m": 0},
            "conversations": {"listening": True, "realtime": True, "events_5m": 0},
            "notifications": {"listening": True, "realtime": False, "events_5m": 0},
        },
        "broker": {"state": "not_configured"},
        "unreadable": 0,
        "listener": {"state": "listening", "since": instant(NOON + 2)},
        "test_signal": {"ms": 4.0},
    }


def test_before_the_first_word():
    """Before the listener has said anything nothing is claimed, neither a number nor a state."""
    for judgement in (fold(CHECK), fold(CHECK, event(3))):
        assert judgement.reasons == ()
        assert judgement.headline is None
    assert "listener" not in judgement.detail
    assert "test_signal" not in judgement.detail
    assert row(judgement)["listening"] is False
    assert row(judgement)["events_5m"] == 1


@pytest.mark.parametrize("cause", ["reset", "closed", "after_hung"])
def test_reconnecting(cause):
    """A lost listener is unknown, never ok and never fail; attempts and the last error are told, since stays."""
    judgement = fold(CHECK, (1, listening()), gap(7, cause), gap(9, cause, 2, "connection refused"))
    assert codes(judgement) == {"realtime.reconnecting": "unknown"}
    told = {"since": instant(NOON + 7), "cause": cause, "attempt": 2, "error": "connection refused"}
    assert params(judgement, "realtime.reconnecting") == told
    assert judgement.since == NOON + 7
    assert judgement.headline == {"value": 0, "of": 2}
    assert judgement.detail["listener"] == {"state": "reconnecting", "since": instant(NOON + 7)}
    assert not any(row(judgement, name)["listening"] for name in CHANNELS)


def test_never_connected():
    """A listener that never came up is reconnecting as well, without an error where there was none."""
    judgement = fold(CHECK, gap(1))
    assert params(judgement, "realtime.reconnecting") == {"since": instant(NOON + 1), "cause": "reset", "attempt": 0}
    assert judgement.headline == {"value": 0, "of": 2}


def test_back():
    """Heard again is well again, and the listening is as old as its return."""
    judgement = fold(CHECK, (1, listening()), gap(7), (9, listening()), (39, listening()))
    assert codes(judgement) == NOTE
    assert judgement.since is None
    assert judgement.detail["listener"] == {"state": "listening", "since": instant(NOON + 9)}


def test_each_gap_has_its_own_since():
    """A second gap begins when it begins."""
    judgement = fold(CHECK, gap(7), (9, listening()), gap(20))
    assert judgement.since == NOON + 20


def test_channel_down():
    """A channel that PostgreSQL does not list is a warning with its name, since it was first missed; the note stays."""
    judgement = fold(CHECK, (1, listening()), (31, listening("messages")), (61, listening("messages")))
    assert codes(judgement) == {"realtime.channel_down": "warn"} | NOTE
    assert params(judgement, "realtime.channel_down") == {
        "channels": "conversations, notifications",
        "count": 2,
        "total": 3,
        "since": instant(NOON + 31),
    }
    assert judgement.headline == {"value": 1, "of": 2}
    assert row(judgement, "conversations")["listening"] is False


def test_channel_down_from_the_start():
    """A channel that was never listed is missed since the first look."""
    judgement = fold(CHECK, (1, listening("messages")), (31, listening("messages")))
    assert params(judgement, "realtime.channel_down")["since"] == instant(NOON + 1)


def test_channel_down_again():
    """Missed, heard, and missed again is missed since the second time."""
    some = listening("messages")
    judgement = fold(CHECK, (1, some), (31, listening()), (61, some))
    assert params(judgement, "realtime.channel_down")["since"] == instant(NOON + 61)


def test_events():
    """Each channel tells its last event and its events of five minutes; unreadable ones are counted and told."""
    judgement = fold(CHECK, (1, listening()), event(5), event(8, readable=False), event(9, "notifications"))
    assert row(judgement) == {"listening": True, "realtime": True, "events_5m": 2, "last_event": instant(NOON + 8)}
    assert row(judgement, "notifications")["events_5m"] == 1
    assert judgement.detail["unreadable"] == 1
    assert codes(judgement) == NOTE


def test_events_leave():
    """Events and unreadable ones leave after five minutes, at the second that was told beforehand."""
    judgement = fold(CHECK, (1, listening()), event(5, readable=False), event(9))
    assert judgement.holds_until == at(305).mono + MARGIN_S
    later = CHECK.judge(Tick(at(305.001)), judgement, at(305.001))
    assert (row(later)["events_5m"], later.detail["unreadable"]) == (1, 0)
    assert row(later)["last_event"] == instant(NOON + 9)
    last = CHECK.judge(Tick(at(309.001)), later, at(309.001))
    assert row(last)["events_5m"] == 0
    assert last.holds_until == math.inf


@pytest.mark.parametrize(("ms", "shown"), [(8.9, 4.0), (9.1, 9.1)])
def test_test_signal(ms, shown):
    """The test signal's time moves on the page only when a reader would notice."""
    judgement = fold(CHECK, (1, listening(ms=4.0)), (31, listening(ms=ms)))
    assert judgement.detail["test_signal"] == {"ms": shown}


def test_what_it_is():
    """It is named as the brief names it; the listener's words are evidence, and an event alone is not."""
    assert (CHECK.name, CHECK.ttl_s, CHECK.limits) == ("realtime", 65, {"canary_deadline_s": 3})
    assert (CHECK.takes, CHECK.evidence) == ((Listening, Gap, Event), (Listening, Gap))

"""The realtime path: are we listening, to all of it, and does the broker relay what we hear."""

from __future__ import annotations

import math

import pytest

from monitor.domain.brokering import Broker, Relay, Relayed
from monitor.domain.catalogue import Silent
from monitor.domain.checks.realtime import Realtime
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.oddities import Unexplained
from monitor.domain.signal import Burst, Event, Gap, Tick
from monitor.domain.verdict import instant, primary
from monitor.domain.window import MARGIN_S
from tests.domain.build import CHANNELS, NOON, at, codes, fold, listening, params, silent

CHECK = Realtime(CHANNELS)
RELAYS = {"messages": Relay("message", ("id",)), "conversations": Relay("conversation", ("table", "id"))}
WHOLE = Realtime(CHANNELS, relays=RELAYS, broker=True)
TARGET = "http://127.0.0.1:3001"
NOTE = {"realtime.relay_unproven": "ok"}
ODD = {"realtime.odd_events": "ok"}


def gap(seconds, cause="reset", attempt=0, error=None):
    return seconds, Gap(at(seconds), cause, attempt, error)


def event(seconds, channel="messages", *, readable=True, **payload):
    return seconds, Event(at(seconds), channel, payload, readable)


def burst(seconds, *payloads, channel="messages", unread=0, unreadable=0):
    return seconds, Burst(at(seconds), channel, payloads, unreadable, unread)


def up(seconds, **figures):
    return seconds, Broker("connected", TARGET, **figures)


def down(seconds):
    return seconds, Broker("down", TARGET, error="refused")


def refused(seconds):
    return seconds, Broker("refused", TARGET, answer="unauthorized")


def heard(seconds, number=1):
    return event(seconds, id=number)


def relayed(seconds, number=1, channel="messages"):
    return seconds, Relayed(channel, (number,))


def look(seconds):
    return seconds, Tick(at(seconds))


def told(judgement):
    """Give the primary reason's code, "ok" when there is none."""
    reason = primary(judgement.reasons)
    return "ok" if reason is None else reason.code


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
        "unmatched": 0,
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
    assert codes(judgement) == NOTE | ODD
    told = {"unreadable": 1, "unmatched": 0, "channel": "messages", "window_min": 5}
    assert params(judgement, "realtime.odd_events") == told


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


# The decision table of the catalogue of reasons, section 3; what precedes each row stands above it.

LISTENS, UP, WELL = (1, listening()), up(1), [(1, listening()), up(1)]
GAP = gap(20)
SOME = (20, listening("messages"))
DEAF = [heard(5, 1), heard(6, 2), look(8), look(9)]
MISSING = (3, silent(messages=3))
HALF = [heard(5, 1), look(8)]
LATE = 1000
TABLE = [
    # row, steps, the second of the look, the primary reason
    ("1 nobody has answered", [], 5, "unknown.starting"),
    ("1 the broker has not", [LISTENS], 59.9, "unknown.starting"),
    ("1 the broker has not, a channel is missing", [(1, listening("messages"))], 5, "unknown.starting"),
    ("1 the broker has missed once", [LISTENS, down(2)], 5, "unknown.starting"),
    ("1 the listener has not", [up(1)], 59.9, "unknown.starting"),
    ("1 the listener has not, the broker is down", [down(1), down(2)], 5, "unknown.starting"),
    ("1 no more: broker unknown", [LISTENS], 60, "unknown.stale"),
    ("1 no more: listener unknown", [up(1)], 60, "ok"),  # without evidence the board says that it is starting
    ("4 down", [*WELL, down(5), down(6)], 6, "realtime.broker_down"),
    ("4 down, and we are deaf", [*WELL, GAP, down(21), down(22)], 22, "realtime.broker_down"),
    ("4 down, and a channel is missing", [*WELL, SOME, down(21), down(22)], 22, "realtime.broker_down"),
    ("4 not yet", [*WELL, down(5)], 6, "ok"),
    ("4 was deaf before", [*WELL, *DEAF, down(21), down(22)], 22, "realtime.broker_down"),
    ("4 no listener ever", [down(1), down(2)], 61, "realtime.broker_down"),
    ("6 refused", [*WELL, refused(5)], 5, "realtime.broker_refuses_token"),
    ("6 refused, and we are deaf", [*WELL, GAP, refused(21)], 21, "realtime.broker_refuses_token"),
    ("6 refused from the start", [LISTENS, refused(2)], 5, "realtime.broker_refuses_token"),
    ("9 deaf", [*WELL, GAP], 21, "realtime.reconnecting"),
    ("9 deaf, and nothing was relayed", [*WELL, *DEAF, GAP], 21, "realtime.reconnecting"),
    ("10 a channel is missing", [*WELL, SOME], 21, "realtime.channel_down"),
    ("10 a channel is missing, nothing relayed", [*WELL, *DEAF, SOME], 21, "realtime.channel_down"),
    ("12 nothing relayed", [*WELL, *DEAF], 9, "realtime.broker_not_relaying"),
    ("12 one, alone for a minute", [*WELL, *HALF, up(60)], 68, "realtime.broker_not_relaying"),
    ("12 still, in the silence", [*WELL, *DEAF, up(60), up(120)], 130, "realtime.broker_not_relaying"),
    ("12 heard again", [*WELL, *DEAF, GAP, (25, listening())], 25, "realtime.broker_not_relaying"),
    ("13 one is missed", [*WELL, *HALF], 9, "ok"),
    ("13 under way", [*WELL, heard(5)], 7, "ok"),
    ("14 relayed", [*WELL, heard(5), relayed(5.1)], 9, "ok"),
    ("14 relayed again", [*WELL, *DEAF, heard(20, 3), relayed(20.1, 3)], 21, "ok"),
    ("15 trigger missing, never heard", [*WELL, MISSING], 4, "unknown.blocked_by"),
    ("15 trigger missing, heard of late", [*WELL, MISSING, heard(5), relayed(5)], 9, "ok"),
    ("15 broker down", [*WELL, MISSING, down(4), down(5)], 5, "realtime.broker_down"),
    ("16 silence", [*WELL], 60, "ok"),
    ("16 silence for long", [*WELL, (890, listening()), up(890)], 901, "realtime.relay_unproven"),
    ("gone stale", [*WELL], 66, "unknown.stale"),
]


@pytest.mark.parametrize(("steps", "second", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(steps, second, code):
    """Each row of the decision table gives its reason, whatever is true besides."""
    assert told(fold(WHOLE, *steps, look(second))) == code


OFF = [
    ("9", [LISTENS, GAP], {"realtime.reconnecting": "unknown"}),
    ("10", [LISTENS, SOME], {"realtime.channel_down": "warn"} | NOTE),
    ("15", [LISTENS, MISSING], NOTE | {"unknown.blocked_by": "unknown"}),
    ("15 at a missing channel", [LISTENS, MISSING, SOME], {"realtime.channel_down": "warn"} | NOTE),
    ("16", [LISTENS], NOTE),
    ("17", [LISTENS, heard(5)], NOTE),
]


@pytest.mark.parametrize(("steps", "expected"), [row[1:] for row in OFF], ids=[row[0] for row in OFF])
def test_table_without_broker(steps, expected):
    """Without a broker only our own branch is judged, and it is noted that nobody proves the other one."""
    check = Realtime(CHANNELS, relays=RELAYS)
    judgement = fold(check, *steps)
    assert codes(judgement) == expected
    assert judgement.detail["broker"] == {"state": "not_configured"}
    assert "relay" not in row(judgement)


# The broker's branch


def test_well():
    """Listening, connected and relayed is a plain ok, with the figures of each hop."""
    judgement = fold(WHOLE, LISTENS, up(1, connect_ms=20.0, round_trip_ms=2.0, subscribers=3), heard(5), relayed(5.25))
    assert judgement.reasons == ()
    assert judgement.pending is None
    assert judgement.detail["broker"] == {
        "state": "connected", "since": instant(NOON + 1), "target": TARGET, "connect_ms": 20.0, "round_trip_ms": 2.0,
        "subscribers": 3, "tells_subscribers": True,
    }  # fmt: skip
    assert row(judgement)["relay"] == {
        "event": "message", "seen": 1, "relayed": 1, "missed": 0, "last_relayed": instant(NOON + 5.25), "delay_ms": 250,
    }  # fmt: skip
    assert row(judgement, "conversations")["relay"] == {"event": "conversation", "seen": 0, "relayed": 0, "missed": 0}
    assert "relay" not in row(judgement, "notifications")


def test_broker_down():
    """A lost broker is told before our own deafness, since its first miss; what stands beside it is told too."""
    judgement = fold(WHOLE, *WELL, down(15), gap(16), down(17))
    assert codes(judgement) == {"realtime.broker_down": "fail", "realtime.reconnecting": "unknown"}
    since = {"error": "refused", "target": TARGET, "since": instant(NOON + 15)}
    assert params(judgement, "realtime.broker_down") == since
    assert judgement.since == NOON + 15


def test_broker_refuses():
    """A refusal counts at once, in the broker's own words."""
    judgement = fold(WHOLE, *WELL, refused(15), refused(17))
    told = {"differs": "not_known", "answer": "unauthorized", "since": instant(NOON + 15)}
    assert params(judgement, "realtime.broker_refuses_token") == told
    assert judgement.since == NOON + 15


def test_not_relaying():
    """Signals that are not relayed are a fail since the first; the channel is named, and what the broker says."""
    judgement = fold(WHOLE, LISTENS, up(1, listens=True), *DEAF)
    assert codes(judgement) == {"realtime.broker_not_relaying": "fail"}
    assert params(judgement, "realtime.broker_not_relaying") == {
        "missed": 2, "seen": 2, "channel": "messages", "since": instant(NOON + 5), "broker_listens": True,
    }  # fmt: skip
    assert judgement.since == NOON + 5
    assert row(judgement)["relay"]["missed"] == 2


def test_each_channel():
    """A channel that is relayed does not excuse another one that is not."""
    both = [event(second, "conversations", table="conversations", id=second) for second in (5, 6)]
    kept = [heard(7), relayed(7.1)]
    judgement = fold(WHOLE, *WELL, *both, *kept, look(8), look(9))
    assert params(judgement, "realtime.broker_not_relaying")["channel"] == "conversations"
    assert judgement.since == NOON + 5


def test_pending():
    """A first miss is shown as what it may become; it goes when one is relayed, and when it is proven."""
    judgement = fold(WHOLE, *WELL, *HALF)
    assert (judgement.pending, judgement.reasons) == ({"to": "fail", "n": 1, "need": 2}, ())
    assert fold(WHOLE, *WELL, *HALF, heard(9, 2), relayed(9.1, 2)).pending is None
    assert fold(WHOLE, *WELL, *DEAF).pending is None
    assert fold(WHOLE, *WELL, down(5)).pending == {"to": "fail", "n": 1, "need": 2}
    assert fold(WHOLE, *WELL, *HALF, gap(9)).pending is None


NOT_JUDGED = {
    "no identity": [event(5), event(6)],
    "a key is missing": [event(second, "conversations", table="cluster_assignments") for second in (5, 6)],
    "not relayed by the profile": [event(second, "notifications", id=second) for second in (5, 6)],
    "unreadable": [event(5, readable=False), event(6, readable=False)],
    "the broker is lost": [down(4), heard(5), heard(6, 2), up(7)],
    "just connected": [down(4), up(4.5), heard(5), heard(5.1, 2)],
    "lost meanwhile": [heard(5), heard(6, 2), down(7), up(7.2)],
    "we were deaf meanwhile": [heard(5), heard(6, 2), gap(7), (7.5, listening())],
    "the database is just back": [gap(4), (5, listening()), heard(6), heard(7, 2)],
}


@pytest.mark.parametrize("steps", NOT_JUDGED.values(), ids=NOT_JUDGED)
def test_not_judged(steps):
    """What could not have been relayed, or cannot be told, is never held against the broker."""
    judgement = fold(WHOLE, *WELL, *steps, look(8), look(9), look(10))
    assert codes(judgement).keys() <= ODD.keys()
    assert row(judgement)["relay"]["missed"] == 0


def test_judged_again():
    """After our own deafness signals are judged again from the first relay on, or when the broker has had its time."""
    back = [gap(4), (5, listening())]
    deaf = [heard(20, 3), heard(21, 4), look(23), look(24)]
    assert told(fold(WHOLE, *WELL, *back, *deaf)) == "ok"
    assert told(fold(WHOLE, *WELL, *back, heard(6), relayed(6.1), *deaf)) == "realtime.broker_not_relaying"
    late = [heard(65, 3), heard(66, 4), look(68), look(69)]
    assert told(fold(WHOLE, *WELL, *back, up(60), *late)) == "realtime.broker_not_relaying"


def test_unknown_channel():
    """A relay of a channel that is not watched changes nothing."""
    judgement = fold(WHOLE, *WELL, relayed(5, channel="elsewhere"))
    assert judgement.reasons == ()


def test_slow():
    """A slow hop is a warning with its name and its median delay."""
    steps = [step for n in range(3) for step in (heard(5 + 5 * n, n), relayed(6.5 + 5 * n, n))]
    judgement = fold(WHOLE, *WELL, *steps)
    assert codes(judgement) == {"realtime.slow": "warn"}
    assert params(judgement, "realtime.slow") == {"hop": "relay", "delay_ms": 1500, "limit_ms": 1000}


@pytest.mark.life
@pytest.mark.parametrize("check", [CHECK, WHOLE], ids=["no broker", "broker"])
def test_storm(check):
    """A flood of signals is a warning, also where they carry nothing; it is looked at each second until it is over."""
    flood = [event(5 + second + n / 2000) for second in range(3) for n in range(1001)]
    judgement = fold(check, *WELL, *flood)
    assert codes(judgement)["realtime.storm"] == "warn"
    assert params(judgement, "realtime.storm") == {"per_s": 1001, "channel": "messages", "limit_per_s": 1000}
    assert judgement.holds_until == at(8).mono + MARGIN_S
    for second in (8.001, 9.001):
        judgement = check.judge(Tick(at(second)), judgement, at(second))
        assert "realtime.storm" in codes(judgement)
    assert "realtime.storm" not in codes(check.judge(Tick(at(10.001)), judgement, at(10.001)))


def test_storm_while_broker_is_down():
    """A flood is told beside a lost broker."""
    flood = [event(5 + second + n / 2000) for second in range(3) for n in range(1001)]
    judgement = fold(WHOLE, *WELL, down(3), down(4), *flood)
    assert codes(judgement) == {"realtime.broker_down": "fail", "realtime.storm": "warn"}


# Triggers


def test_blocked_by_triggers():
    """A channel that is silent for a quarter of an hour, and whose trigger cannot fire, is not known to be well."""
    broken = (10, silent(messages=10))
    judgement = fold(WHOLE, *WELL, heard(5), relayed(5.1), broken, up(60))
    assert judgement.reasons == ()
    judgement = fold(WHOLE, *WELL, heard(5), relayed(5.1), broken, (890, listening()), up(890))
    assert judgement.holds_until == at(905).mono
    judgement = WHOLE.judge(Tick(at(905)), judgement, at(905))
    assert codes(judgement) == {"unknown.blocked_by": "unknown"}
    assert params(judgement, "unknown.blocked_by") == {"parent": "triggers", "since": instant(NOON + 10)}
    assert judgement.since is None
    well = WHOLE.judge(silent(), judgement, at(920))
    assert "unknown.blocked_by" not in codes(well)


def test_not_blocked_while_broker_is_down():
    """A trigger is not blamed for the silence of a channel while there is a nearer cause."""
    assert codes(fold(WHOLE, *WELL, MISSING, down(4), down(5))) == {"realtime.broker_down": "fail"}


def test_not_blocked():
    """A channel beside the realtime path is nobody's matter, and one whose triggers fire blocks nothing."""
    assert fold(WHOLE, *WELL, (3, silent())).reasons == ()
    beside = Realtime({"messages": False}, broker=True)
    assert fold(beside, *WELL, (3, silent(messages=3))).reasons == ()


# Notes and deadlines


def test_relay_unproven():
    """A quarter of an hour without a relay is noted at its second, since the last one; the next one ends it."""
    alive = [(890, listening()), up(890)]
    judgement = fold(WHOLE, *WELL, heard(5), relayed(5.1), *alive)
    assert judgement.holds_until == pytest.approx(at(905.1).mono)
    at_last = judgement.holds_until - at(0).mono
    judgement = WHOLE.judge(Tick(at(at_last)), judgement, at(at_last))
    assert codes(judgement) == NOTE
    assert params(judgement, "realtime.relay_unproven") == {"since": instant(NOON + 5.1), "why": "no_signal"}
    judgement = fold(WHOLE, *WELL, *alive, look(900), heard(905), relayed(905.1))
    assert judgement.reasons == ()


def test_relay_unproven_while_worse():
    """What is worse takes the note's place."""
    alive = [(890, listening("messages")), up(890)]
    assert codes(fold(WHOLE, *WELL, *alive, look(900))) == {"realtime.channel_down": "warn"}


@pytest.mark.parametrize(
    ("steps", "second"),
    [
        ([LISTENS], 60),
        ([up(1)], 60),
        ([LISTENS, up(1)], 66),
        ([*WELL, heard(5)], 8),
        ([*WELL, *HALF, up(30), look(60)], 68),
    ],
)
def test_deadlines(steps, second):
    """Each flips at its own second: the end of the start, of the broker's word, of a signal's time, of being alone."""
    assert fold(WHOLE, *steps).holds_until == at(second).mono


@pytest.mark.parametrize("steps", [row[1] for row in TABLE], ids=[row[0] for row in TABLE])
def test_never_spins(steps):
    """After the passing of time at its deadline, the next deadline lies ahead."""
    judgement = fold(WHOLE, *steps)
    second = max((when for when, _ in steps), default=0)
    for _ in range(100):
        if judgement.holds_until == math.inf:
            break
        assert judgement.holds_until > at(second).mono
        second = judgement.holds_until - at(0).mono
        now = at(second)
        judgement = WHOLE.judge(Tick(now), judgement, now)


def test_what_it_is():
    """It is named as the brief names it; the listener's words are evidence, and an event alone is not."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("realtime", "checks", 65)
    assert CHECK.limits == {"canary_deadline_s": 3, "storm_per_s": 1000}
    assert WHOLE.limits == CHECK.limits | {
        "relay_deadline_s": 3, "relay_misses": 2, "relay_single_s": 60, "relay_proof_min": 15, "hop_slow_ms": 1000,
        "settle_s": 60,
    }  # fmt: skip
    assert CHECK.takes == (Listening, SignalLost, Gap, Event, Burst, Unexplained, Silent, Broker, Relayed)
    assert CHECK.evidence == (Listening, SignalLost, Gap)


# Test signals that are lost, and signals that come all at once


def lost(seconds, number=1, channels=None, *, pooled=False):
    return seconds, SignalLost(number, channels, 77, "10.0.0.5:5432/huph", pooled)


@pytest.mark.parametrize(
    ("steps", "primary_code"),
    [
        # What is seen at the broker stands above our own deafness, what PostgreSQL does not deliver above both.
        ([LISTENS, down(2), down(3), lost(9, 2, frozenset(CHANNELS))], "realtime.canary_lost"),
        ([LISTENS, refused(2), lost(9, 2, frozenset(CHANNELS))], "realtime.canary_lost"),
        ([LISTENS, down(2), down(3), lost(9, 2, frozenset(CHANNELS), pooled=True)], "realtime.broker_down"),
        ([LISTENS, refused(2), lost(9)], "realtime.broker_refuses_token"),
        ([LISTENS, up(2), lost(9, 2, frozenset(CHANNELS), pooled=True)], "realtime.pooler"),
        ([LISTENS, up(2), lost(9)], "realtime.listener_hung"),
        ([LISTENS, up(2), gap(9, "dropped")], "unknown.blocked_by"),
    ],
)
def test_deafness_and_the_broker(steps, primary_code):
    """The first row of the table that matches is the verdict, with a broker too."""
    assert told(fold(WHOLE, *steps)) == primary_code


def test_lost_signal():
    """A lost test signal is evidence: nothing is heard any more, and since when is told from the first loss."""
    judgement = fold(CHECK, LISTENS, lost(9))
    assert codes(judgement) == {"realtime.listener_hung": "unknown"}
    assert (judgement.headline, judgement.since) == ({"value": 0, "of": 2}, NOON + 9)
    assert judgement.detail["listener"]["state"] == "unproven"
    # What was under way to the broker meanwhile is not judged.
    judgement = fold(WHOLE, LISTENS, up(2), heard(4), lost(5), look(9), (12, listening()))
    assert row(judgement)["relay"]["missed"] == 0


def test_burst():
    """What comes at once counts as often as it came; each is followed to the broker, an unreadable one is told."""
    judgement = fold(WHOLE, LISTENS, up(2), burst(4, {"id": 1}, {"id": 2}, {}, {}, unreadable=1), relayed(5, 2))
    assert (row(judgement)["events_5m"], judgement.detail["unreadable"]) == (4, 1)
    assert row(judgement)["relay"]["relayed"] == 1
    assert fold(CHECK, LISTENS, burst(4, {}, unread=7)).detail["channels"]["messages"]["events_5m"] == 8


def test_flood():
    """Of a flood no more are followed than can be; the rest is counted, and none of it is called missed."""
    payloads = [{"id": number} for number in range(200)]
    judgement = fold(WHOLE, LISTENS, up(2), burst(4, *payloads, unread=800), *(relayed(4.5, n) for n in range(200)))
    assert row(judgement)["events_5m"] == 1000
    judgement = fold(WHOLE, LISTENS, up(2), burst(4, *payloads), *(relayed(4.5, n) for n in range(64)), look(8))
    assert row(judgement)["relay"]["missed"] == 0


def test_signals_that_no_row_explains():
    """They are noted for five minutes and change no verdict; of two channels the odder one is named."""
    judgement = fold(
        CHECK, LISTENS, (3, Unexplained("messages", 2, at(3).mono)), event(4, "conversations", readable=False)
    )
    assert codes(judgement) == NOTE | ODD
    told = {"unreadable": 0, "unmatched": 2, "channel": "messages", "window_min": 5}
    assert params(judgement, "realtime.odd_events") == told
    assert (judgement.detail["unreadable"], judgement.detail["unmatched"]) == (1, 2)
    assert judgement.holds_until == at(303).mono + MARGIN_S
    later = CHECK.judge(Tick(at(303.001)), judgement, at(303.001))
    assert params(later, "realtime.odd_events")["channel"] == "conversations"
    assert codes(CHECK.judge(Tick(at(304.001)), later, at(304.001))) == NOTE

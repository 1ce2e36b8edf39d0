"""Triggers: there, switched on, and when each fired last."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from monitor.domain.catalogue import Catalogue, RowsSeen, Silent, Trigger
from monitor.domain.checks.triggers import Triggers
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import Burst, Dropped, Event, Gap, Tick
from monitor.domain.verdict import instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import NOON, TRIGGERS, at, catalogue, codes, fold, params

CHECK = Triggers(TRIGGERS)


def event(seconds, channel="messages", **payload):
    return seconds, Event(at(seconds), channel, payload)


def row(judgement, name="trg_messages"):
    return judgement.detail["triggers"][name]


@pytest.mark.parametrize(
    ("state", "code", "mode", "working"),
    [
        pytest.param("O", None, "enabled", 3, id="enabled"),
        pytest.param("A", None, "always", 3, id="always"),
        pytest.param("D", "triggers.disabled", "disabled", 2, id="disabled"),
        pytest.param("R", "triggers.disabled", "replica", 2, id="only for replication"),
        pytest.param("", "triggers.missing", "missing", 2, id="missing"),
    ],
)
def test_state(state, code, mode, working):
    """A trigger works when it fires for everyone; gone, off and only for replication are told apart, at once."""
    judgement = fold(CHECK, (1, catalogue(trg_messages=state)))
    assert codes(judgement) == ({code: "fail"} if code else {})
    assert judgement.headline == {"value": working, "of": 3}
    assert row(judgement)["state"] == mode
    if code is not None:
        named = {"trigger": "trg_messages", "table": "messages"}
        assert params(judgement, code) == (named | {"mode": mode} if code == "triggers.disabled" else named)


def test_both():
    """A missing one is named before a disabled one, and both are true."""
    judgement = fold(CHECK, (1, catalogue(trg_messages="D", trg_assignments="")))
    assert list(codes(judgement)) == ["triggers.missing", "triggers.disabled"]
    assert params(judgement, "triggers.missing")["trigger"] == "trg_assignments"
    assert judgement.headline == {"value": 1, "of": 3}


def test_same_name_elsewhere():
    """A trigger of the right name on another table is not the expected one."""
    elsewhere = replace(catalogue(trg_conversations="", trg_assignments=""), relation=["users"])
    judgement = fold(Triggers(TRIGGERS[:1]), (1, elsewhere))
    assert codes(judgement) == {"triggers.missing": "fail"}


def test_mended():
    """A trigger that is back is well at the next look."""
    judgement = fold(CHECK, (1, catalogue(trg_messages="")), (2, catalogue()))
    assert codes(judgement) == {}
    assert judgement.headline == {"value": 3, "of": 3}


def test_unknown_letter():
    """A state that PostgreSQL may learn one day is shown as it is, and is not counted as working."""
    judgement = fold(CHECK, (1, catalogue(trg_messages="X")))
    assert row(judgement)["state"] == "X"
    assert judgement.headline == {"value": 2, "of": 3}


def test_before_the_first_look():
    """Before the catalogue was read there is no number and no state, yet firings are counted."""
    judgement = fold(CHECK, event(5))
    assert judgement.headline is None
    assert judgement.reasons == ()
    assert row(judgement) == {
        "table": "messages",
        "channel": "messages",
        "fired_5m": 1,
        "last_fired": instant(NOON + 5),
    }


def test_detail():
    """Each trigger tells its table, channel, function, state and firings; the watch tells since when it looks."""
    judgement = fold(CHECK, event(5), (7, catalogue()), event(9))
    assert judgement.detail["watching_since"] == instant(NOON)
    assert row(judgement) == {
        "table": "messages",
        "channel": "messages",
        "function": "notify_messages",
        "state": "enabled",
        "hash": "0123456789ab",
        "level": "row",
        "fired_5m": 2,
        "last_fired": instant(NOON + 9),
    }
    assert "last_fired" not in row(judgement, "trg_conversations")
    assert list(judgement.detail["triggers"]) == [trigger.name for trigger in TRIGGERS]


def test_last_fired_is_told():
    """A trigger that broke says when it was last seen to fire."""
    judgement = fold(CHECK, event(5), (60, catalogue(trg_messages="")))
    assert params(judgement, "triggers.missing")["last_fired"] == instant(NOON + 5)
    assert "function" not in row(judgement)


@pytest.mark.parametrize(
    ("channel", "payload", "fired"),
    [
        ("messages", {}, {"trg_messages"}),
        ("messages", {"table": "conversations"}, {"trg_messages"}),
        ("conversations", {"table": "conversations"}, {"trg_conversations"}),
        ("conversations", {"table": "cluster_assignments", "id": 7}, {"trg_assignments"}),
        ("conversations", {}, set()),
        ("conversations", {"table": "users"}, set()),
        ("notifications", {"table": "conversations"}, set()),
    ],
)
def test_own_notifications(channel, payload, fired):
    """A shared channel's notification belongs to the trigger whose match it fits, and to no other."""
    judgement = fold(CHECK, event(5, channel, **payload))
    assert {name for name in judgement.detail["triggers"] if row(judgement, name)["fired_5m"]} == fired


def test_match_of_several():
    """All keys of a match must fit."""
    one = Trigger("t", "messages", "c", {"table": "messages", "op": "INSERT"})
    assert one.owns({"table": "messages", "op": "INSERT"})
    assert not one.owns({"table": "messages", "op": "UPDATE"})


def test_firings_leave():
    """Firings are counted for five minutes, and leave at the second that was told beforehand."""
    judgement = fold(CHECK, (1, catalogue()), event(5), event(6, "conversations", table="conversations"))
    assert judgement.holds_until == at(305).mono + MARGIN_S
    later = CHECK.judge(Tick(at(305.001)), judgement, at(305.001))
    assert row(later)["fired_5m"] == 0
    assert row(later)["last_fired"] == instant(NOON + 5)
    assert row(later, "trg_conversations")["fired_5m"] == 1
    last = CHECK.judge(Tick(at(306.001)), later, at(306.001))
    assert last.holds_until == math.inf


def test_what_it_is():
    """It is named as the brief names it, listens to the catalogue and to events, and only the catalogue is evidence."""
    assert (CHECK.name, CHECK.ttl_s, CHECK.limits) == ("triggers", 65, {})
    assert CHECK.takes == (Catalogue, Event, Burst, Listening, SignalLost, Gap, Dropped, RowsSeen)
    assert CHECK.evidence == (Catalogue,)
    assert fold(CHECK).reasons == ()


# How they are made

OTHER = "f" * 32


def test_redefined():
    """A definition that differs from the first one seen is named with when it was found, until it is back."""
    judgement = fold(CHECK, (1, catalogue()), (31, catalogue(hash_=OTHER)), (61, catalogue(hash_=OTHER)))
    assert codes(judgement) == {"triggers.redefined": "warn"}
    assert params(judgement, "triggers.redefined") == {
        "trigger": "trg_messages",
        "table": "messages",
        "at": instant(NOON + 31),
        "hash": "f" * 12,
    }
    assert row(judgement)["hash"] == "f" * 12
    again = CHECK.judge(catalogue(hash_="e" * 32), judgement, at(91))
    assert params(again, "triggers.redefined")["at"] == instant(NOON + 91)
    assert codes(CHECK.judge(catalogue(), again, at(121))) == {}


def test_redefined_while_missing():
    """A trigger that comes back otherwise than it went is redefined; one that is gone is only that."""
    gone = (31, catalogue(trg_messages=""))
    assert codes(fold(CHECK, (1, catalogue()), gone)) == {"triggers.missing": "fail"}
    back = fold(CHECK, (1, catalogue()), gone, (61, catalogue(hash_=OTHER)))
    assert params(back, "triggers.redefined")["at"] == instant(NOON + 61)


@pytest.mark.parametrize("accepted", ["f" * 12, "f" * 32])
def test_accepted(accepted):
    """The definition that the profile accepts, by the digits that are shown or all of them, is the only right one."""
    check = Triggers((replace(TRIGGERS[0], accepted=accepted),))
    assert codes(fold(check, (1, catalogue(hash_=OTHER)))) == {}
    assert params(fold(check, (1, catalogue())), "triggers.redefined")["at"] == instant(NOON + 1)


def test_whole_row():
    """A trigger that sends whole rows is noted with the longest signal that was heard of it, until it is accepted."""
    heard = [(2, Event(at(2), "messages", {}, size=size)) for size in (900, 7300, 40)]
    judgement = fold(CHECK, (1, catalogue(whole_row=True)), *heard)
    assert codes(judgement) == {"triggers.payload_hazard": "ok"}
    assert params(judgement, "triggers.payload_hazard") == {
        "trigger": "trg_messages",
        "table": "messages",
        "longest_bytes": 7300,
    }
    assert row(judgement)["hazard"] == "whole_row"
    assert params(fold(CHECK, (1, catalogue(whole_row=True))), "triggers.payload_hazard")["longest_bytes"] == 0
    assert codes(CHECK.judge(catalogue(), judgement, at(31))) == {}
    accepting = Triggers((replace(TRIGGERS[0], accepted=OTHER),))
    accepted = fold(accepting, (1, catalogue(hash_=OTHER, whole_row=True)))
    assert (codes(accepted), row(accepted)["hazard"]) == ({}, "whole_row")
    changed = fold(accepting, (1, catalogue(whole_row=True)))
    assert list(codes(changed)) == ["triggers.redefined", "triggers.payload_hazard"]


@pytest.mark.parametrize(
    ("level", "partitioned", "hazard"),
    [
        ("row", False, None),
        ("row", True, None),
        ("statement", False, None),
        ("statement", True, "partitioned_statement"),
    ],
)
def test_partitions(level, partitioned, hazard):
    """A statement's trigger on a partitioned table misses what goes straight into a partition: its row says so."""
    judgement = fold(CHECK, (1, catalogue(level=level, partitioned=partitioned)))
    assert codes(judgement) == {}
    assert row(judgement).get("hazard") == hazard
    assert row(judgement)["level"] == level


def test_without_a_notify():
    """A function whose source does not notify is shown as such; that alone proves nothing."""
    judgement = fold(CHECK, (1, catalogue(notifies=False)))
    assert (codes(judgement), row(judgement)["notifies"]) == ({}, False)


# What it tells


def test_silent():
    """It tells which channels have a trigger that does not fire, since the first look that found one of them so."""
    assert fold(CHECK, event(1)).tells == ()
    assert fold(CHECK, (1, catalogue(trg_messages="A"))).tells == (Silent({}),)
    first = [(3, catalogue(trg_assignments="D"))]
    assert fold(CHECK, *first).tells == (Silent({"conversations": NOON + 3}),)
    both = fold(CHECK, *first, (33, catalogue(trg_conversations="", trg_messages="R", trg_assignments="D")))
    assert both.tells == (Silent({"conversations": NOON + 3, "messages": NOON + 33}),)
    other = CHECK.judge(catalogue(trg_conversations=""), both, at(63))
    assert other.tells == (Silent({"conversations": NOON + 3}),)
    assert CHECK.judge(catalogue(), other, at(93)).tells == (Silent({}),)

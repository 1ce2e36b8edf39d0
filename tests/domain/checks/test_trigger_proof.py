"""Rows against signals: what proves a trigger mute or leaking, and what never does."""

from __future__ import annotations

import math

import pytest

from monitor.domain.catalogue import Committed, RowsSeen, Silent, Trigger
from monitor.domain.checks.triggers import Triggers
from monitor.domain.heard import BLOCK, BLOCKS
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.oddities import Unexplained
from monitor.domain.proving import LATELY, PENDING
from monitor.domain.signal import Burst, Dropped, Event, Gap, Tick
from monitor.domain.verdict import instant
from tests.domain.build import CHANNELS, NOON, TRIGGERS, at, catalogue, codes, fold, params

MESSAGES = Trigger("trg_messages", "messages", "messages", rows="messages", key="id")
KEYED = Triggers((MESSAGES, *TRIGGERS[1:]))
KEYLESS = Triggers((Trigger("trg_messages", "messages", "messages", rows="messages"), *TRIGGERS[1:]))
CLOCK_S = 7.25
"""By so much the database's clock is ahead of ours."""


def back(second, *channels):
    """A test signal that was sent just before this second is back."""
    return second, Listening(frozenset(channels or CHANNELS), 4.0, at(second - 0.01).mono)


def signals(second, *keys, channel="messages"):
    return [(second, Event(at(second), channel, {"id": key}, size=40)) for key in keys]


def look(second, *keys, created=None, transactions=None, since=None, trigger="trg_messages", unexplained=0):
    """The rows that were found at this second; the look before was the last one, or at `since`.

    They were created a second before, one after the other, and came with a transaction each, unless told otherwise.
    """
    many = len(keys)
    instants = [second - 1 + number / 1000 for number in range(many)] if created is None else created
    rows = Committed(
        snapshot=f"at {second}",
        now=NOON + CLOCK_S + second,
        identity=[str(key) for key in keys][::-1],
        transaction=[str(one) for one in (transactions or range(many))][::-1],
        created=[NOON + CLOCK_S + one for one in instants][::-1],
        unexplained=unexplained,
    )
    return second, RowsSeen(trigger, at(second - 0.005).mono, since, rows)


def life(*steps, check=KEYED, first=2):
    """Let a check live: listening and a catalogue at once, a first look at `first`, then these steps.

    The looks follow one another.
    """
    told, before = [back(1), (1, catalogue()), look(first)], f"at {first}"
    for step in steps:
        for second, facts in step if isinstance(step, list) else [step]:
            if isinstance(facts, RowsSeen) and facts.since is None:
                facts = RowsSeen(facts.trigger, facts.asked, before, facts.rows)  # noqa: PLW2901
            before = facts.rows.snapshot if isinstance(facts, RowsSeen) else before
            told.append((second, facts))
    return fold(check, *told)


def row(judgement):
    return judgement.detail["triggers"]["trg_messages"]


# Well


def test_well():
    """Rows that brought their signals are well, and the card shows the span that proves it."""
    judgement = life(signals(20, 1, 2), look(32, 1, 2), back(43))
    assert codes(judgement) == {}
    assert (row(judgement)["rows_5m"], row(judgement)["unsignalled_5m"]) == (2, 0)
    assert row(judgement)["proof"] == {"from": instant(NOON + 2), "to": instant(NOON + 32), "rows": 2, "signals": 2}
    assert "mute" not in row(judgement)


def test_nothing_happens():
    """Where nobody writes, nothing is proven, and the last proof stays."""
    assert "proof" not in row(life(look(32), back(43)))
    judgement = life(signals(20, 1), look(32, 1), back(43), look(62), back(73))
    assert row(judgement)["proof"]["to"] == instant(NOON + 32)


# Mute


@pytest.mark.parametrize(("rows", "code"), [(2, None), (3, "triggers.mute"), (9, "triggers.mute")])
def test_mute(rows, code):
    """So many rows in a row without a signal are a trigger that does not work; fewer are not yet."""
    judgement = life(look(32, *range(rows)), back(43))
    assert codes(judgement) == ({code: "fail"} if code else {})
    assert row(judgement)["unsignalled_5m"] == rows
    if code is not None:
        assert params(judgement, code) == {
            "trigger": "trg_messages",
            "table": "messages",
            "rows": rows,
            "notifies": 0,
            "since": instant(NOON + CLOCK_S + 31),
        }
        assert judgement.since == NOON + 32
        assert judgement.headline == {"value": 2, "of": 3}
        assert row(judgement)["mute"] is True
        assert row(judgement)["proof"]["signals"] == 0
        assert judgement.tells == (Silent({"messages": NOON + 43}),)


def test_mute_adds_up():
    """Rows of several spans count together, as long as none of them had a signal; since is the first of them."""
    judgement = life(look(32, 1, 2), back(43), look(62, 3), back(73))
    assert params(judgement, "triggers.mute")["rows"] == 3
    assert params(judgement, "triggers.mute")["since"] == instant(NOON + CLOCK_S + 31)
    assert judgement.since == NOON + 32
    assert judgement.tells == (Silent({"messages": NOON + 73}),)


def test_mute_heals():
    """One row with its signal ends it, and what was told as mute is not told again as leaking."""
    mute = [look(32, 1, 2, 3), back(43)]
    judgement = life(*mute, signals(50, 4), look(62, 4), back(73))
    assert codes(judgement) == {}
    assert judgement.tells == (Silent({}),)
    assert row(judgement)["unsignalled_5m"] == 3


def test_mute_is_kept():
    """A trigger that was found mute stays so without new rows, and while nobody can tell."""
    mute = [look(32, 1, 2, 3), back(43)]
    assert codes(life(*mute, look(62), back(73))) == {"triggers.mute": "fail"}
    assert codes(life(*mute, (50, Gap(at(50), "reset")), back(60))) == {"triggers.mute": "fail"}
    assert codes(life(*mute, (99, Tick(at(99))))) == {"triggers.mute": "fail"}


def test_since_beside_another_fail():
    """Where another trigger has failed as well, it is not known since when the check has."""
    judgement = life(look(32, 1, 2, 3), back(43), (44, catalogue(trg_conversations="")))
    assert list(codes(judgement)) == ["triggers.missing", "triggers.mute"]
    assert judgement.since is None
    assert judgement.tells == (Silent({"messages": NOON + 43, "conversations": NOON + 44}),)


# Leaking


def test_leaking():
    """Among rows that had their signals, those that had none are counted, and all from the first to the last."""
    judgement = life(signals(20, 1, 3, 5), look(32, 1, 2, 3, 4, 5), back(43))
    assert codes(judgement) == {"triggers.leaking": "warn"}
    assert params(judgement, "triggers.leaking") == {
        "trigger": "trg_messages",
        "table": "messages",
        "missing": 2,
        "rows": 3,
        "from": instant(NOON + CLOCK_S + 31.001),
        "to": instant(NOON + CLOCK_S + 31.003),
    }
    assert judgement.headline == {"value": 3, "of": 3}
    assert judgement.tells == (Silent({}),)


def test_leaking_adds_up():
    """More of them are counted together with those before, and with the rows in between."""
    steps = [signals(20, 1, 3), look(32, 1, 2, 3), back(43), signals(50, 4, 6), look(62, 4, 5, 6), back(73)]
    judgement = life(*steps)
    leaking = params(judgement, "triggers.leaking")
    assert (leaking["missing"], leaking["rows"]) == (2, 4)
    assert leaking["from"] == instant(NOON + CLOCK_S + 31.001)
    assert leaking["to"] == instant(NOON + CLOCK_S + 61.001)


def test_last_rows_leak():
    """The last rows leak too, as long as they are too few to be mute; then they are mute and no longer leak."""
    some = [signals(20, 1), look(32, 1, 2, 3), back(43)]
    assert params(life(*some), "triggers.leaking")["missing"] == 2
    judgement = life(*some, look(62, 4), back(73))
    assert codes(judgement) == {"triggers.mute": "fail"}
    # An older leak stays beside it.
    older = [signals(20, 1, 3), look(32, 1, 2, 3), back(43), look(62, 4, 5, 6), back(73)]
    judgement = life(*older)
    assert list(codes(judgement)) == ["triggers.mute", "triggers.leaking"]
    assert params(judgement, "triggers.leaking")["missing"] == 1
    healed = life(*older, signals(80, 7, 9), look(92, 7, 8, 9), back(103))
    leaking = params(healed, "triggers.leaking")
    assert (leaking["missing"], leaking["rows"]) == (2, 7)


def test_first_rows_leak():
    """Rows without a signal before the first row with one were a leak after all."""
    judgement = life(look(32, 1, 2), back(43), signals(50, 3), look(62, 3), back(73))
    assert codes(judgement) == {"triggers.leaking": "warn"}


def test_bulk_load():
    """Many rows without a signal that were over before anybody looked are a leak, however many they are."""
    judgement = life(signals(20, 99), look(32, *range(1, 78), 99), back(43))
    assert codes(judgement) == {"triggers.leaking": "warn"}
    assert params(judgement, "triggers.leaking")["missing"] == 77


def test_leak_holds():
    """A leak is told for an hour after its last row was judged, to the second, and a later one begins anew."""
    steps = [signals(20, 1, 3), look(32, 1, 2, 3), back(43)]
    judgement = life(*steps, (400, Tick(at(400))))
    assert judgement.holds_until == at(3643).mono
    assert codes(KEYED.judge(Tick(at(3642.9)), judgement, at(3642.9))) == {"triggers.leaking": "warn"}
    later = KEYED.judge(Tick(at(3643)), judgement, at(3643))
    assert codes(later) == {}
    assert later.holds_until == math.inf
    last = life(signals(20, 1), look(32, 1, 2), back(43), (3643, Tick(at(3643))))
    assert codes(last) == {}
    assert last.holds_until == math.inf


# When rows are judged


def test_settling():
    """Rows are judged when a test signal is back that was sent ten seconds after they were found, and not before."""
    rows = [look(32, 1, 2, 3)]
    assert codes(life(*rows, back(42))) == {}
    assert codes(life(*rows, back(42.02))) == {"triggers.mute": "fail"}
    assert codes(life(*rows, (99, Tick(at(99))))) == {}


def test_signal_after_the_look():
    """A signal that is heard after its row was found, and before the test signal, is in time."""
    assert codes(life(look(32, 1, 2, 3), signals(42, 1, 2, 3), back(43))) == {}


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param((20, Gap(at(20), "reset")), id="lost"),
        pytest.param((20, Dropped()), id="too fast"),
        pytest.param(back(20, "conversations"), id="not listed"),
    ],
)
def test_gap(gap):
    """What was committed around a gap is not judged; what comes afterwards is."""
    gone = [gap, back(25), look(32, 1, 2, 3), back(43)]
    assert codes(life(*gone)) == {}
    assert "proof" not in row(life(*gone))
    assert codes(life(look(32, 1, 2, 3), (33, Gap(at(33), "reset")), back(43))) == {}
    assert codes(life(*gone, look(62, 4, 5, 6), back(73))) == {"triggers.mute": "fail"}


def test_not_in_a_row():
    """Rows before a gap and rows after it are not one row of rows."""
    halves = [look(32, 1, 2), back(43), (44, Gap(at(44), "reset")), back(45), look(62)]
    assert codes(life(*halves, look(92, 3), back(103))) == {}
    # Among rows with their signals they are a leak all the same.
    judgement = life(signals(20, 0), look(32, 0, 1, 2), *halves[1:], look(92, 3), back(103))
    assert params(judgement, "triggers.leaking")["missing"] == 3


def test_before_the_way_is_proven():
    """What was committed before the first test signal came back is not judged."""
    steps = [look(2), (1, catalogue()), (3, back(3)[1])]
    rows = [look(32, 1, 2, 3, since="at 2"), back(43)]
    assert codes(fold(KEYED, *steps, *rows)) == {}


def test_no_first_look():
    """Rows since a snapshot that is not the last one known are not judged, and one of another trigger is nobody's."""
    assert codes(life(look(32, 1, 2, 3, since="at 0"), back(43))) == {}
    assert codes(life(look(32, 1, 2, 3, trigger="trg_conversations"), back(43))) == {}


def test_trigger_that_is_off():
    """Rows of a time in which the trigger was not there, or off, are explained by that, also afterwards."""
    for state in ("", "D", "R"):
        off = (20, catalogue(trg_messages=state))
        assert "triggers.mute" not in codes(life(off, look(32, 1, 2, 3), back(43)))
        on = life(off, (31, catalogue()), look(32, 1, 2, 3), back(43))
        assert codes(on) == {}
        again = life(off, (31, catalogue()), look(32), look(62, 1, 2, 3), back(73))
        assert codes(again) == {"triggers.mute": "fail"}
    mute = life(look(32, 1, 2, 3), back(43), (50, catalogue(trg_messages="")), (51, catalogue()))
    assert codes(mute) == {}


def test_bounded():
    """However long no test signal comes back, only the last spans wait for one."""
    steps = [look(2 + 30 * number, number) for number in range(1, PENDING + 5)]
    judgement = life(*steps, back(5000))
    assert params(judgement, "triggers.mute")["rows"] == PENDING
    many = [step for number in range(1, LATELY + 5) for step in (look(2 + number, number), back(13 + number))]
    quick = Triggers((MESSAGES,), mute_settle_s=0.1)
    judgement = life(*many, check=quick)
    assert row(judgement)["rows_5m"] == LATELY


# What is no proof


def test_changed_rows():
    """A row that is older than the span may only have been changed in it: it is no proof, heard or not."""
    old = [-100, -90, -80]
    assert codes(life(look(32, 1, 2, 3, created=old), back(43))) == {}
    assert codes(life(signals(20, 1), look(32, 1, 2, created=[1, 31]), back(43))) == {}
    judgement = life(signals(20, 1, 2), look(32, 1, 2, 3, created=[1, 31, 31]), back(43))
    assert params(judgement, "triggers.leaking")["rows"] == 1


@pytest.mark.life
def test_forgotten_keys():
    """When more signals came than can be remembered, a key that is not among them may have been heard."""
    flood = [(20, Event(at(20), "messages", {"id": number})) for number in range(BLOCK * (BLOCKS + 1))]
    judgement = life(flood, look(32, "a", "b", "c", BLOCK * BLOCKS), back(43))
    assert codes(judgement) == {}
    assert row(judgement)["proof"]["rows"] == 1


@pytest.mark.parametrize("payload", [{}, {"id": None}, {"id": True}, {"id": 1.5}, {"id": {"a": 1}}, {"id": [1]}])
def test_nameless_signals(payload):
    """A signal that names no row may have been that of each of them."""
    nameless = (20, Event(at(20), "messages", payload))
    assert codes(life(nameless, look(32, 1, 2, 3), back(43))) == {}
    # One from before the span is none of it.
    earlier = (1.5, nameless[1].__class__(at(1.5), "messages", payload))
    judgement = fold(KEYED, back(1), (1, catalogue()), earlier, look(2), look(32, 1, 2, 3, since="at 2"), back(43))
    assert codes(judgement) == {"triggers.mute": "fail"}


def test_long_keys():
    """A key is compared by its first characters only, so that nobody can make us keep long ones."""
    key = "k" * 8000
    judgement = life(signals(20, key), look(32, key[:64]), back(43))
    assert row(judgement)["proof"]["signals"] == 1


def test_own_signals():
    """A signal of another channel is not one of this trigger's rows."""
    judgement = life(signals(20, 1, 2, 3, channel="conversations"), look(32, 1, 2, 3), back(43))
    assert codes(judgement) == {"triggers.mute": "fail"}


# Without a key


def test_without_a_key():
    """Where signals name no row, one signal in the span speaks for all of it; without any, each transaction counts."""
    rows = look(32, 1, 2, 3, 4, transactions=[7, 7, 8, 8])
    judgement = life(signals(20, 1), rows, back(43), check=KEYLESS)
    assert (codes(judgement), row(judgement)["proof"]["rows"]) == ({}, 2)
    judgement = life(rows, back(43), check=KEYLESS)
    assert (codes(judgement), row(judgement)["unsignalled_5m"]) == ({}, 2)
    judgement = life(look(32, 1, 2, 3), back(43), check=KEYLESS)
    assert params(judgement, "triggers.mute")["rows"] == 3


def test_recent_rows_leave():
    """Rows count for five minutes after they were judged, and leave at the second that was told beforehand."""
    judgement = life(look(32, 1), back(43))
    assert judgement.holds_until == at(343).mono
    later = KEYED.judge(Tick(at(343)), judgement, at(343))
    assert row(later)["rows_5m"] == row(later)["unsignalled_5m"] == 0
    assert later.holds_until == at(3643).mono


def test_limits():
    """The limits are shown where rows are counted."""
    assert KEYED.limits == {"mute_rows": 3, "mute_settle_s": 10, "leak_hold_min": 60}
    assert Triggers(TRIGGERS).limits == {}


# Signals that come all at once


def burst(second, *keys, unread=0):
    return second, Burst(at(second), "messages", tuple({"id": key} for key in keys), 0, unread, 40)


def test_burst():
    """Signals that come at once count one by one, each for its row."""
    judgement = life(burst(20, 1, 2, 3), look(32, 1, 2, 3, 4), back(43))
    assert codes(judgement) == {"triggers.leaking": "warn"}
    assert (row(judgement)["fired_5m"], row(judgement)["unsignalled_5m"]) == (3, 1)


def test_flood():
    """What nobody read in a flood may have been the signal of any row: none is called missing, all are counted."""
    judgement = life(burst(20, 1, unread=5000), look(32, 1, 2, 3, 4), back(43))
    assert codes(judgement) == {}
    assert row(judgement)["fired_5m"] == 5001


def test_flood_on_a_shared_channel():
    """On a shared channel nobody can tell whose the signals were that were not read: they count for no trigger."""
    shared = Trigger("trg_messages", "messages", "messages", {"table": "messages"}, rows="messages", key="id")
    judgement = life(burst(20, unread=5000), look(32, 1, 2, 3), back(43), check=Triggers((shared, *TRIGGERS[1:])))
    assert codes(judgement) == {}
    assert row(judgement)["fired_5m"] == 0


def test_lost_test_signal():
    """A test signal that was lost is deafness too: what was under way is not judged."""
    lost = (33, SignalLost(1, None, 77, "10.0.0.5:5432/huph"))
    assert codes(life(look(32, 1, 2, 3), lost, back(43))) == {}


# Signals that no row explains


def unclaimed(judgement):
    return judgement.memory.proving["trg_messages"].unclaimed()


def test_claimed():
    """A signal is explained by a row that is seen; what was looked for is settled."""
    assert unclaimed(life(signals(20, 1, 2))) == ["1", "2"]
    assert unclaimed(life(signals(20, 1, 2), look(32, 1))) == []
    # What was heard after the question was asked is no part of it.
    assert unclaimed(life(signals(20, 1), signals(31.999, 2), look(32))) == ["2"]


def test_unexplained():
    """What no row bears is told once, by its channel."""
    judgement = life(signals(20, 1, 2, 3), look(32, 1, unexplained=1))
    assert judgement.tells == (Silent({}), Unexplained("messages", 1, at(32).mono))
    # No more can be unexplained than was asked about.
    judgement = life(look(32, 1, unexplained=1))
    assert judgement.tells == (Silent({}),)


def test_unexplained_is_bounded():
    """Of very many the last thousand wait, and a hundred are looked for at once, the oldest first."""
    judgement = life(signals(20, *range(1500)))
    assert unclaimed(judgement) == [str(key) for key in range(500, 600)]
    judgement = life(signals(20, *range(1500)), look(32))
    assert unclaimed(judgement) == [str(key) for key in range(600, 700)]


def test_an_old_row_that_is_changed():
    """A row from before the span that is merely changed in it heals no mute trigger, though it was heard once."""
    old = look(62, 2, 4, 5, 6, created=[10, 60, 60, 60])
    judgement = life(signals(9, 1, 2, 3), look(32), old, back(73))
    assert codes(judgement) == {"triggers.mute": "fail"}
    again = look(92, 1, created=[9])
    assert codes(life(signals(9, 1, 2, 3), look(32), old, back(73), again, back(103))) == {"triggers.mute": "fail"}

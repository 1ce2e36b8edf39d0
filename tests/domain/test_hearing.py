"""How our own listening connection hears: rows 3 and 7 to 11 of the decision table, cell by cell."""

from __future__ import annotations

import pytest

from monitor.domain.hearing import Hearing
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import Gap
from monitor.domain.verdict import instant
from tests.domain.build import NOON, at

CHANNELS = ("messages", "conversations")
ALL = frozenset(CHANNELS)
BACK = Listening(ALL, 4.0)
SOME = Listening(frozenset({"messages"}), 4.0)
HUNG = SignalLost(1, None, 77, "10.0.0.5:5432/huph")
MUTE = SignalLost(1, ALL, 77, "10.0.0.5:5432/huph")
UNLISTENED = SignalLost(1, frozenset(), 77, "10.0.0.5:5432/huph")


def again(lost, number=2, *, pooled=False):
    """The same loss once more, on a fresh connection."""
    return SignalLost(number, lost.channels, lost.pid, lost.target, pooled)


def ended(cause="after_hung", *, error=None, attempt=0):
    """The connection's end; `at` is filled in when it is folded."""
    return ("gap", cause, attempt, error)


def hearing(*words):
    """Fold words, one a second from second 1 on."""
    found = Hearing(CHANNELS, 3.0)
    for second, word in enumerate(words, start=1):
        now = at(second)
        found = found.take(Gap(now, *word[1:]) if isinstance(word, tuple) else word, now)
    return found


def told(*words):
    reason = hearing(*words).reason()
    return None if reason is None else (reason.code, reason.verdict.value)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ((), None),
        ((BACK,), None),
        # 11, 10: one test signal lost
        ((BACK, HUNG), ("realtime.listener_hung", "unknown")),
        ((BACK, MUTE), ("realtime.listener_hung", "unknown")),
        ((BACK, UNLISTENED), ("realtime.channel_down", "warn")),
        ((UNLISTENED,), ("realtime.channel_down", "warn")),
        ((SOME, HUNG), ("realtime.listener_hung", "unknown")),
        ((SOME,), ("realtime.channel_down", "warn")),
        ((BACK, HUNG, BACK), None),
        ((UNLISTENED, BACK), None),
        # 9: the connection ended
        ((BACK, ended("terminated")), ("realtime.reconnecting", "unknown")),
        ((BACK, HUNG, ended()), ("realtime.reconnecting", "unknown")),
        ((ended("closed", error="refused"),), ("realtime.reconnecting", "unknown")),
        ((BACK, ended(), BACK), None),
        # 8: by its own will
        ((BACK, HUNG, ended("dropped")), ("unknown.blocked_by", "unknown")),
        # 3: twice, the second time on a fresh connection; two must come back
        ((BACK, HUNG, ended(), again(MUTE)), ("realtime.canary_lost", "fail")),
        ((BACK, HUNG, ended(), again(HUNG), ended()), ("realtime.canary_lost", "fail")),
        ((again(MUTE), BACK), ("realtime.canary_lost", "fail")),
        ((again(MUTE), BACK, BACK), None),
        ((again(MUTE), BACK, again(MUTE, 3), BACK), ("realtime.canary_lost", "fail")),
        ((again(MUTE), BACK, ended("terminated"), BACK), ("realtime.canary_lost", "fail")),
        # Who cannot even connect knows nothing any more.
        ((again(MUTE), ended("closed", error="refused")), ("realtime.reconnecting", "unknown")),
        # 7: a pooler answers; one that comes back disproves it
        ((again(MUTE, pooled=True),), ("realtime.pooler", "fail")),
        ((again(MUTE, pooled=True), ended()), ("realtime.pooler", "fail")),
        ((again(MUTE, pooled=True), BACK), None),
        ((SignalLost(1, ALL, 77, "here", pooled=True),), ("realtime.listener_hung", "unknown")),
    ],
)
def test_reason(words, reason):
    """The first row of the table that matches decides."""
    assert told(*words) == reason


def test_parameters():
    """Each reason tells since when, what is missing, and at which address."""
    down = hearing(BACK, UNLISTENED, UNLISTENED).reason()
    assert down.params == {
        "channels": "messages, conversations", "count": 2, "total": 2, "since": instant(NOON + 2),
    }  # fmt: skip
    hung = hearing(BACK, HUNG)
    assert hung.reason().params == {"since": instant(NOON + 2), "pid": 77}
    lost = hearing(BACK, HUNG, ended(), again(MUTE), ended(), again(MUTE, 3))
    assert lost.reason().params == {"lost": 3, "since": instant(NOON + 2), "deadline_s": 3.0}
    pooled = hearing(again(MUTE, pooled=True))
    assert pooled.reason().params == {"target": "10.0.0.5:5432/huph", "lost": 2}
    dropped = hearing(BACK, ended("dropped"), ended("dropped"))
    assert dropped.reason().params == {"parent": "monitor", "since": instant(NOON + 2)}
    closed = hearing(BACK, ended("closed"), ended("closed", error="refused", attempt=3))
    expected = {"since": instant(NOON + 2), "cause": "closed", "attempt": 3, "error": "refused"}
    assert closed.reason().params == expected
    assert closed.fault_since == NOON + 2
    assert (hung.fault_since, lost.fault_since, hearing(BACK).fault_since) == (NOON + 2, NOON + 2, None)
    assert hearing(BACK, HUNG, ended()).fault_since == NOON + 3


def test_detail():
    """The listener's state, since when, and the test signal's way, which moves only when a reader would notice."""
    states = {
        "listening": (BACK,),
        "unproven": (BACK, HUNG),
        "reconnecting": (BACK, HUNG, ended()),
        "dropped": (BACK, ended("dropped")),
    }
    assert {state: hearing(*words).detail()["listener"]["state"] for state, words in states.items()} == {
        state: state for state in states
    }
    assert hearing().detail() == {}
    assert hearing(BACK, ended(), BACK).detail()["listener"]["since"] == instant(NOON + 3)
    assert hearing(BACK, BACK).detail()["listener"]["since"] == instant(NOON + 1)
    assert hearing(BACK, Listening(ALL, 6.0)).detail()["test_signal"] == {"ms": 4.0}
    assert hearing(BACK, Listening(ALL, 60.0)).detail()["test_signal"] == {"ms": 60.0}


def test_deaf():
    """Deaf is whoever cannot prove that signals come."""
    deaf = [(), (BACK, HUNG), (BACK, ended()), (again(MUTE), BACK)]
    assert [hearing(*words).deaf for words in deaf] == [True] * 4
    assert not hearing(BACK).deaf
    assert [hearing(*words).known for words in ((), (BACK,), (HUNG,), (ended(),))] == [False, True, True, True]

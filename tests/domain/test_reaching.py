"""The way to the broker: what proves that it is down or refuses us, and how long its word is good for."""

from __future__ import annotations

import math

import pytest

from monitor.domain.brokering import Broker
from monitor.domain.reaching import MOMENT_S, Reach
from monitor.domain.verdict import Verdict, instant
from tests.domain.build import NOON, at

TARGET = "http://127.0.0.1:3001"
UP = Broker("connected", TARGET, connect_ms=20.0, round_trip_ms=2.0, subscribers=3, listens=True)
DOWN = Broker("down", TARGET, error="refused")
NO = Broker("refused", TARGET, answer="unauthorized")


def reach(*words, settle_s=60, ttl_s=65):
    """Fold words, each at its second."""
    found = Reach.begin(at(0), settle_s, ttl_s)
    for seconds, word in words:
        found = found.take(word, at(seconds))
    return found


def told(found, seconds):
    """Give its reason at that second as (code, verdict), None when there is none."""
    reason = found.reason(at(seconds).mono)
    return reason and (reason.code, reason.verdict.value)


FAILS_DOWN = ("realtime.broker_down", "fail")
REFUSES = ("realtime.broker_refuses_token", "fail")
STALE = ("unknown.stale", "unknown")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([(1, UP)], None),
        ([(1, DOWN)], None),
        ([(1, DOWN), (11, DOWN)], FAILS_DOWN),
        ([(1, DOWN), (11.5, DOWN)], None),
        ([(1, DOWN), (11.5, DOWN), (20, DOWN)], FAILS_DOWN),
        ([(1, DOWN), (2, UP), (3, DOWN)], None),
        ([(1, UP), (2, DOWN), (3, DOWN), (4, UP)], None),
        ([(1, UP), (2, DOWN), (3, DOWN), (30, DOWN), (60, DOWN)], FAILS_DOWN),
        ([(1, NO)], REFUSES),
        ([(1, NO), (2, UP)], None),
        ([(1, NO), (2, DOWN)], REFUSES),
        ([(1, NO), (2, DOWN), (3, DOWN)], FAILS_DOWN),
        ([(1, DOWN), (2, NO), (3, DOWN)], REFUSES),
        ([(1, DOWN), (2, DOWN), (3, NO)], REFUSES),
    ],
)
def test_reason(words, reason):
    """Down is proven by two misses within ten seconds and ends when it lets us in; a refusal is proven at once."""
    found = reach(*words)
    assert told(found, words[-1][0]) == reason


def test_down():
    """Since is the first miss, the error the last one."""
    found = reach((1, UP), (5, DOWN), (6, DOWN), (9, Broker("down", TARGET, error="timeout")))
    params = found.reason(at(9).mono).params
    assert params == {"error": "timeout", "target": TARGET, "since": instant(NOON + 5)}
    assert found.fault_since == NOON + 5
    assert found.detail() == {
        "state": "down",
        "since": instant(NOON + 5),
        "target": TARGET,
        "error": "timeout",
        "tells_subscribers": False,
    }


def test_refused():
    """A refusal is quoted, since the first; who differs nobody knows. A lost transport does not make it unsaid."""
    found = reach((5, NO), (8, NO), (9, DOWN))
    params = {"differs": "not_known", "answer": "unauthorized", "since": instant(NOON + 5)}
    assert found.reason(at(9).mono).params == params
    detail = {"state": "refused", "since": instant(NOON + 5), "target": TARGET, "answer": "unauthorized"}
    assert reach((5, NO), (8, NO)).detail() == detail | {"tells_subscribers": False}


def test_refused_again():
    """A second refusal, after it was let in, begins when it begins."""
    assert reach((5, NO), (6, UP), (9, NO)).fault_since == NOON + 9


def test_connected():
    """Connected tells its figures; latencies move only when a reader would notice, and stay where one was not asked."""
    found = reach((1, UP))
    detail = {
        "state": "connected", "since": instant(NOON + 1), "target": TARGET, "subscribers": 3, "listens": True,
        "connect_ms": 20.0, "round_trip_ms": 2.0, "tells_subscribers": True,
    }  # fmt: skip
    assert found.detail() == detail
    plain = Broker("connected", TARGET, connect_ms=20.0, round_trip_ms=6.9)
    assert reach((1, UP), (6, plain)).detail()["round_trip_ms"] == 2.0
    slow = Broker("connected", TARGET, round_trip_ms=7.13)
    found = reach((1, UP), (6, slow))
    assert found.detail() == {
        "state": "connected", "since": instant(NOON + 1), "target": TARGET,
        "connect_ms": 20.0, "round_trip_ms": 7.1, "tells_subscribers": False,
    }  # fmt: skip
    assert "round_trip_ms" not in reach((1, Broker("connected", TARGET))).detail()


def test_starting():
    """Until its first word there is nothing to say, for as long as it has time; a first miss is no answer yet."""
    found = reach()
    assert found.detail() == {"state": "starting", "tells_subscribers": False}
    assert found.starting(at(59.9).mono)
    assert told(found, 59.9) is None
    assert found.next_change(at(5).mono) == at(60).mono
    assert reach((5, DOWN)).starting(at(6).mono)
    for words in ([(5, UP)], [(5, NO)], [(5, DOWN), (6, DOWN)]):
        assert not reach(*words).starting(at(6).mono)


def test_never_answered():
    """Who has not answered when its time is over is not known to be well."""
    found = reach()
    assert told(found, 60) == STALE
    assert found.reason(at(60).mono).params == {"last_verdict": "unknown", "last_at": instant(NOON), "ttl_s": 65}
    assert found.next_change(at(60).mono) == math.inf
    assert told(reach((5, DOWN)), 60) == STALE


@pytest.mark.parametrize(
    ("words", "last"), [([(5, UP)], Verdict.OK), ([(5, NO)], Verdict.FAIL), ([(4, DOWN), (5, DOWN)], Verdict.FAIL)]
)
def test_stale(words, last):
    """A word is good for its time, whatever it was; then nothing is known until the next."""
    found = reach(*words)
    assert found.next_change(at(69).mono) == at(70).mono
    assert told(found, 69.9) != STALE
    params = {"last_verdict": last.value, "last_at": instant(NOON + 5), "ttl_s": 65}
    assert found.reason(at(70).mono).params == params
    assert found.next_change(at(70).mono) == math.inf
    assert told(found.take(UP, at(80)), 80) is None


def test_ready():
    """What is sent reaches us from a moment after it has let us in, while its word is good; not when it is lost."""
    found = reach((5, UP), (30, UP))
    assert not found.ready(at(5 + MOMENT_S - 0.1).mono)
    assert found.ready(at(5 + MOMENT_S).mono)
    assert found.accepted
    assert not found.ready(at(95).mono)
    assert not reach().ready(at(30).mono)
    assert not reach((5, UP), (6, DOWN)).ready(at(30).mono)
    assert not reach((5, UP), (6, DOWN)).accepted

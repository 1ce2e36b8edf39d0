"""Who queues inside PostgreSQL: when it is said, in what words, and when it is over."""

from __future__ import annotations

import pytest

from monitor.domain.contention import Limits, Queues
from tests.domain.build import at, contention

WAIT = (71, 70, 12.9, "messages")
"""Session 71 has waited for session 70 for longer than it may."""


def steps(*facts, limits=None):
    """One sample every five seconds."""
    queues = Queues.within(limits or Limits())
    for number, one in enumerate(facts, 1):
        queues = queues.step(one, at(5 * number))
    return queues


def codes(queues):
    return {reason.code: reason.verdict.value for reason in queues.reasons()}


def params(*facts):
    (reason,) = steps(*facts).reasons()
    return dict(reason.params)


def test_nobody_queues():
    """Where nobody has looked, or nobody queues, there is nothing to say."""
    assert Queues.within(Limits()).reasons() == []
    assert Queues.within(Limits()).detail() == {}
    assert codes(steps(contention())) == {}


def test_blocked():
    """One wait that is too long is told at once: how many wait for this table, how long the first, and for whom."""
    others = [(72, 70, 11.2, "messages"), (73, 70, 9.9, "messages"), (74, 60, 12.0, "users")]
    assert params(contention(*others, WAIT)) == {"waiting": 2, "longest_s": 12, "table": "messages", "holder": 70}
    assert codes(steps(contention(WAIT))) == {"db.blocked": "warn"}
    assert codes(steps(contention((71, 70, 10.0, "messages")))) == {}


def test_blocked_until_it_is_gone():
    """A jam is over when two samples in a row have none; until then the last one stands."""
    calm = contention((72, 70, 3.0, "messages"))
    assert codes(steps(contention(WAIT), calm)) == {"db.blocked": "warn"}
    assert codes(steps(contention(WAIT), calm, calm)) == {}
    again = contention((71, 70, 30.0, "users"))
    assert params(contention(WAIT), calm, again, calm)["table"] == "users"


def test_who_is_at_the_end():
    """The holder is whoever waits for nobody, also behind one that waits itself; a circle ends where it began."""
    line = [(72, 71, 11.0, "messages"), (71, 70, 20.0, "messages"), (70, 60, 15.0, "users")]
    assert params(contention(*line))["holder"] == 60
    assert params(contention((71, 70, 20.0, "a"), (70, 71, 19.0, "a")))["holder"] == 71


def test_nameless():
    """A table that could not be found and a holder without a session are told as unknown."""
    told = params(contention((71, 0, 12.0, "")))
    assert (told["table"], told["holder"]) == ("?", "?")


def test_the_turn_to_send_signals():
    """Three writers in line, in three of five samples, queue to send signals; the rate is what we have heard since."""
    facts = [contention(commit_waiters=3, heard=heard) for heard in (100, 350, 1350)]
    assert codes(steps(*facts[:2])) == {}
    assert params(*facts) == {"waiting": 3, "notify_per_s": 200}
    assert codes(steps(*facts, contention(commit_waiters=2))) == {"db.notify_commit_lock": "warn"}
    assert codes(steps(*facts, *[contention(commit_waiters=2)] * 2)) == {}


def test_heard():
    """The rate is told of two samples; a count that began anew, or no time between them, says nothing."""
    queues = steps(contention(heard=500))
    assert queues.per_s == 0
    assert queues.step(contention(heard=900), at(5)).per_s == 0
    queues = queues.step(contention(heard=600), at(10))
    assert queues.per_s == 20
    assert queues.step(contention(heard=0), at(15)).per_s == 20


def test_the_queue_fills():
    """A queue that fills warns from 3 of 5 samples on, fails where it is half full, and leaves below 70 %."""
    warn, fail = contention(queue=1.0, holder="huph-api"), contention(queue=50.0, holder="huph-api")
    assert codes(steps(warn, warn)) == {}
    assert codes(steps(warn, warn, warn)) == {"db.notify_queue": "warn"}
    assert codes(steps(fail, fail)) == {}
    assert codes(steps(fail, fail, fail)) == {"db.notify_queue": "fail"}
    assert codes(steps(fail, fail, fail, *[contention(queue=35.0)] * 2)) == {"db.notify_queue": "warn"}
    assert codes(steps(warn, warn, warn, contention(queue=0.7))) == {"db.notify_queue": "warn"}
    assert codes(steps(warn, warn, warn, *[contention(queue=0.7)] * 2)) == {}


def test_a_full_queue():
    """Where nothing can be sent any more there is no waiting for a third sample."""
    assert codes(steps(contention(queue=98.4))) == {"db.notify_queue": "fail"}


def test_who_holds_the_queue():
    """The holder is named with the time it holds: of its transaction, or since we first saw it if that is longer."""
    held = contention(queue=1.234, holder="huph-api")
    assert params(held, held, held) == {"usage_pct": 1.23, "holder": "huph-api", "holder_age_s": 10}
    old = contention(queue=2.0, holder="huph-api", queue_holder_age_s=300.9)
    assert params(held, held, old)["holder_age_s"] == 300
    stuck = contention(queue=2.0, holder="other", queue_holder_age_s=None)
    assert params(held, held, stuck) == {"usage_pct": 2.0, "holder": "other", "holder_age_s": 0}
    nobody = contention(queue=2.0)
    assert params(held, held, nobody) == {"usage_pct": 2.0, "holder": "?", "holder_age_s": 0}


@pytest.mark.parametrize("queue", [2.0, 99.0])
def test_our_own_listener(queue):
    """What our own listener has not read is no reason of the database's, however full it is; the detail tells it."""
    ours = contention(queue=queue, holder="huph-monitor listen", queue_holder_ours=True)
    queues = steps(ours, ours, ours)
    assert codes(queues) == {}
    assert queues.detail()["queue_holder"] == {"name": "huph-monitor listen", "age_s": 10, "ours": True}


def test_all_at_once():
    """Several are told in the order of the catalogue."""
    facts = contention(WAIT, queue=5.0, holder="x", commit_waiters=9)
    assert list(codes(steps(facts, facts, facts))) == ["db.notify_queue", "db.notify_commit_lock", "db.blocked"]


def test_limits():
    """The limits are those of the profile."""
    limits = Limits(lock_wait_s=1, commit_waiters=1, queue_warn_pct=0.1, queue_fail_pct=0.2)
    facts = contention((71, 70, 1.5, "a"), queue=0.25, commit_waiters=1)
    assert set(codes(steps(facts, facts, facts, limits=limits)).values()) == {"fail", "warn"}
    assert len(codes(steps(facts, facts, facts, limits=limits))) == 3


def test_detail():
    """A standby's detail tells how far behind it is."""
    assert steps(contention(replay_lag_s=1.26)).detail()["replication_lag_s"] == 1.3


def test_what_a_reader_would_notice():
    """Other sessions that wait are noticed, longer waits of the same are not."""
    queues = steps(contention(WAIT))
    assert queues.looks_like(steps(contention((71, 70, 99.0, "messages"))))
    assert not queues.looks_like(steps(contention()))
    assert not Queues.within(Limits()).looks_like(steps(contention()))

"""The counts: since the start for Prometheus, of the last five minutes for the vitals."""

from __future__ import annotations

from monitor.domain.transitions import Transition
from monitor.domain.verdict import Verdict
from monitor.outputs.counts import Counts
from tests.fakes import FakeClock


def test_five_minutes():
    """Who was turned away is told for 300 s by the clock that only runs, then only the sum since the start knows it."""
    clock = FakeClock()
    counts = Counts(clock)
    assert counts.turned_away() == {}
    for _ in range(3):
        counts.turn_away("limit")
    clock.advance(200)
    counts.turn_away("protocol")
    clock.wall -= 5000
    assert counts.turned_away() == {"limit": 3, "protocol": 1}
    clock.advance(99)
    assert counts.turned_away() == {"limit": 3, "protocol": 1}
    clock.advance(1)
    assert counts.turned_away() == {"protocol": 1}
    clock.advance(200)
    assert counts.turned_away() == {}
    assert counts.refusals == {"limit": 3, "protocol": 1}


def test_a_flood():
    """However many are turned away, what is kept of them stays small."""
    clock = FakeClock()
    counts = Counts(clock)
    for _ in range(2000):
        counts.turn_away("slow_reader")
        clock.advance(0.5)
    assert 590 < counts.turned_away()["slow_reader"] <= 600
    assert len(counts._recent["slow_reader"].buckets) <= 301


def test_transitions():
    """Each transition counts for what turned, and for the verdict that it turned to."""
    counts = Counts(FakeClock())
    turns = [
        ("db", Verdict.OK, Verdict.FAIL),
        ("db", Verdict.FAIL, Verdict.OK),
        ("services/dify", Verdict.OK, Verdict.FAIL),
    ]
    counts.remember(Transition(0.0, name, before, after, None) for name, before, after in turns)
    counts.remember([Transition(0.0, "db", Verdict.WARN, Verdict.FAIL, None)])
    assert counts.transitions == {("db", "fail"): 2, ("db", "ok"): 1, ("services/dify", "fail"): 1}

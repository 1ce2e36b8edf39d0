"""The rows of a trigger: each answer since the last one that was emitted."""

from __future__ import annotations

import asyncio

from monitor.domain.catalogue import Committed, RowsSeen
from monitor.domain.signal import Sample
from monitor.refusals import Turned
from monitor.sources.queries import Query
from monitor.sources.rows import CAP, Rows
from monitor.sources.sweep import Pull, Puller
from tests.fakes import LoopClock, Recorder, leaping
from tests.sources.test_sweep import SWEEP_S, Desk, running

QUERY = Query("rows_messages.sql", "select", Committed)


def answer(snapshot):
    return {"snapshot": snapshot, "now": 1.0, "identity": [], "transaction": [], "created": [], "unexplained": 0}


def test_since():
    """Each question is since the last answer, and the facts say since which, and when it was asked."""
    keys = {"t": ["7"], "other": ["8"]}
    rows = Rows("t", lambda trigger: keys[trigger])
    assert rows.arguments() == (None, CAP, ["7"])
    keys["t"] = []
    first, second = Committed("a", 1.0, [], [], [], 0), Committed("b", 2.0, [], [], [], 0)
    assert rows.dress(first, 7.0) == RowsSeen("t", 7.0, None, first)
    assert rows.arguments() == ("a", CAP, [])
    assert rows.arguments() == ("a", CAP, [])
    assert rows.dress(second, 8.0) == RowsSeen("t", 8.0, "a", second)
    assert rows.arguments() == ("b", CAP, [])


def test_turned_away():
    """A question that is turned away is asked again since the same snapshot: no row is left out."""

    async def scene():
        clock, emitted = LoopClock(), Recorder()
        rows = Rows("t")
        desk = Desk(0.5, Turned("timeout", limit="lock", limit_ms=200, object="messages"), 0.5)
        desk.rows = [answer("a")]
        pull = Pull(
            "triggers", QUERY, desk, 1.0, optional=True, hinted=False, arguments=rows.arguments, dress=rows.dress
        )
        async with running(Puller(pull, SWEEP_S, clock, emitted, Recorder())):
            await asyncio.sleep(75)
        assert desk.arguments == [(None, CAP, []), ("a", CAP, []), ("a", CAP, [])]
        first, second = [signal.facts for signal in emitted.seen if isinstance(signal, Sample)]
        assert (first.since, second.since) == (None, "a")
        # It was asked before it took its half second.
        assert [one.asked for one in (first, second)] == [desk.asked_at[0], desk.asked_at[2]]

    leaping(scene())

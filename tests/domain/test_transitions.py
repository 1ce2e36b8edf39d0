"""Transitions: what happened, as the document tells it."""

from __future__ import annotations

from monitor.domain.transitions import KEPT, Transition
from monitor.domain.verdict import Reason, Verdict


def test_entry():
    """A transition tells when, which check, from what to what, and why, with its own copy of the parameters."""
    params = {"trigger": "trg_messages", "table": "messages"}
    reason = Reason("triggers.missing", Verdict.FAIL, params)
    entry = Transition(1_795_310_411.0, "triggers", Verdict.OK, Verdict.FAIL, reason).entry()
    assert entry == {
        "at": "2026-11-22T01:20:11.000Z",
        "check": "triggers",
        "from": "ok",
        "to": "fail",
        "reason": "triggers.missing",
        "params": params,
    }
    assert entry["params"] is not params
    assert list(map(type, (entry["from"], entry["to"]))) == [str, str]


def test_back_to_well():
    """Back to a plain ok there is no reason, and so no key for one."""
    entry = Transition(0.0, "db", Verdict.FAIL, Verdict.OK, None).entry()
    assert entry == {"at": "1970-01-01T00:00:00.000Z", "check": "db", "from": "fail", "to": "ok"}


def test_kept():
    """Fifty are kept: what the page's list and the contract promise."""
    assert KEPT == 50

"""Folding: which troubles of the database hide its children."""

from __future__ import annotations

import pytest

from monitor.domain.folding import CHILDREN, PARENT, blocks
from monitor.domain.verdict import Reason, Verdict


@pytest.mark.parametrize(
    ("code", "verdict", "hides"),
    [
        ("db.refused", Verdict.FAIL, True),
        ("db.starting", Verdict.FAIL, True),
        ("db.hung", Verdict.FAIL, True),
        ("db.unreachable", Verdict.FAIL, True),
        ("db.saturated", Verdict.FAIL, True),
        ("db.saturated", Verdict.WARN, False),
        ("db.login_refused", Verdict.UNKNOWN, True),
        ("db.login_refused", Verdict.OK, False),
        ("db.no_new_connections", Verdict.WARN, False),
        ("db.slow", Verdict.WARN, False),
        ("db.restarted", Verdict.OK, False),
        ("db.elevated", Verdict.OK, False),
        ("unknown.blind", Verdict.UNKNOWN, True),
        ("unknown.stale", Verdict.UNKNOWN, True),
        ("unknown.blocked_by", Verdict.UNKNOWN, True),
        ("unknown.timeout", Verdict.UNKNOWN, True),
        ("unknown.starting", Verdict.UNKNOWN, False),
    ],
)
def test_blocks(code, verdict, hides):
    """Children are hidden while the database cannot be asked, and by nothing less; a start hides nothing yet."""
    assert blocks(Reason(code, verdict)) is hides


def test_well():
    """A database without any reason hides nothing."""
    assert blocks(None) is False


def test_family():
    """What is asked by SQL is a child of the database; the parent is not its own child."""
    assert PARENT == "db"
    assert {"realtime", "triggers", "recent_activity", "message_throughput"} == CHILDREN

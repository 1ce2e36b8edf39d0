"""The live document: the form of an entry, what a reader would notice, and the roll-up."""

from __future__ import annotations

import pytest

from monitor.domain import document
from monitor.domain.checks.db import Db
from monitor.domain.verdict import Reason, Verdict
from tests.domain.build import nulls

LIMITS = {"elevated_ms": 50, "slow_ms": 500, "saturated_pct": 90}


def entry(verdict=Verdict.OK, reason=None, also=(), **given):
    known = {"since": 0.0, "observed_at": None, "source": None, "headline": None, "detail": {}}
    return document.entry(Db(), verdict, reason, also, **(known | given))


def test_bare_entry():
    """What is not known is absent, never null."""
    bare = entry(Verdict.UNKNOWN)
    assert bare == {
        "verdict": "unknown",
        "since": "1970-01-01T00:00:00.000Z",
        "ttl_s": 13,
        "limits": LIMITS,
        "detail": {},
    }
    assert nulls(bare) == []


def test_full_entry():
    """An entry tells the verdict, why, what else is true, since when, how fresh, from where, and the number."""
    refused = Reason("db.refused", Verdict.FAIL, {"why": "stopped"})
    note = Reason("db.elevated", Verdict.OK, {"limit_ms": 50})
    headline, detail = {"value": 12.0, "unit": "ms"}, {"version": "18.1"}
    full = entry(
        Verdict.FAIL, refused, [note], observed_at=1.5, source="sample", headline=headline, detail=detail, since=1.0
    )
    assert full == {
        "verdict": "fail",
        "reason": "db.refused",
        "params": {"why": "stopped"},
        "also": {"db.elevated": {"verdict": "ok", "params": {"limit_ms": 50}}},
        "since": "1970-01-01T00:00:01.000Z",
        "observed_at": "1970-01-01T00:00:01.500Z",
        "ttl_s": 13,
        "source": "sample",
        "headline": headline,
        "limits": LIMITS,
        "detail": detail,
    }
    assert full["headline"] is not headline
    assert full["detail"] is not detail
    assert {type(full["verdict"]), type(full["also"]["db.elevated"]["verdict"])} == {str}


@pytest.mark.parametrize(
    ("patch", "noticed"),
    [
        ({}, False),
        ({"observed_at": "…"}, False),
        ({"observed_at": "…", "source": "event"}, False),
        ({"detail": {"as_of": "…"}}, False),
        ({"observed_at": "…", "detail": {"as_of": "…"}}, False),
        ({"detail": {}}, False),
        ({"detail": None}, False),
        ({"detail": {"as_of": "…", "count_5m": 0}}, True),
        ({"detail": {"count_5m": None}}, True),
        ({"observed_at": "…", "verdict": "ok"}, True),
        ({"reason": None, "params": None}, True),
        ({"headline": {"value": 0}}, True),
        ({"since": "…"}, True),
    ],
)
def test_noticeable(patch, noticed):
    """Fresh evidence with the same meaning is no news; a number, a verdict or a reason is."""
    assert document.noticeable(patch) is noticed


@pytest.mark.parametrize(
    ("verdicts", "status", "counts"),
    [
        ("", "unknown", (0, 0, 0, 0)),
        ("ok ok", "healthy", (2, 0, 0, 0)),
        ("ok unknown", "unknown", (1, 0, 0, 1)),
        ("ok warn unknown", "degraded", (1, 1, 0, 1)),
        ("unknown fail", "degraded", (0, 0, 1, 1)),
        ("warn", "degraded", (0, 1, 0, 0)),
        ("fail fail ok", "degraded", (1, 0, 2, 0)),
    ],
)
def test_roll_up(verdicts, status, counts):
    """Any trouble degrades; else any ignorance is ignorance; only all well is healthy; every verdict is counted."""
    told = document.roll_up([Verdict(one) for one in verdicts.split()])
    assert told == (status, dict(zip(("ok", "warn", "fail", "unknown"), counts, strict=True)))


def test_order():
    """The checks stand in the brief's order."""
    assert document.ORDER == (
        "db",
        "realtime",
        "triggers",
        "cluster_coverage",
        "recent_activity",
        "feature_flags",
        "message_throughput",
    )

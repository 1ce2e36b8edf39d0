"""The live document: the form of an entry in each section, what a reader would notice, and the roll-up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from monitor.domain import document
from monitor.domain.checks.db import Db
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Verdict
from monitor.domain.watch import Watch
from tests.domain.build import nulls

LIMITS = Db().limits


@dataclass(frozen=True)
class Plain:
    """A check without a rule of its own."""

    name: str
    section: str
    ttl_s: float = 65
    limits: dict = field(default_factory=dict)


def watch(check, verdict=Verdict.OK, reason=None, **given):
    judged = {"headline": None, "detail": {}, "pending": None}
    judgement = Judgement(None, **{key: given.pop(key, value) for key, value in judged.items()})
    return Watch(check, judgement, given.pop("since", 0.0), verdict, reason, **given)


def entry(*args, **given):
    return document.entry(watch(Db(), *args, **given))


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
        Verdict.FAIL,
        refused,
        also=(note,),
        observed=At(1.5, 1.5),
        source="sample",
        headline=headline,
        detail=detail,
        since=1.0,
        pending={"to": "ok", "n": 1, "need": 2},
        explained_by="service.refused",
        flapping=True,
    )
    assert full == {
        "verdict": "fail",
        "reason": "db.refused",
        "params": {"why": "stopped"},
        "also": {"db.elevated": {"verdict": "ok", "params": {"limit_ms": 50}}},
        "flapping": True,
        "pending": {"to": "ok", "n": 1, "need": 2},
        "explained_by": "service.refused",
        "since": "1970-01-01T00:00:01.000Z",
        "observed_at": "1970-01-01T00:00:01.500Z",
        "ttl_s": 13,
        "source": "sample",
        "headline": headline,
        "limits": LIMITS,
        "detail": detail,
    }
    assert {type(full["verdict"]), type(full["also"]["db.elevated"]["verdict"])} == {str}


def test_flat_sections():
    """Cron and the monitor are one entry each, with their detail beside the verdict; a service stands by its name."""
    cron = watch(Plain("cron", "cron"), detail={"jobs": {"sync": {"verdict": "ok"}}})
    assert document.entry(cron)["jobs"] == {"sync": {"verdict": "ok"}}
    assert "detail" not in document.entry(cron)
    assert document.place(cron, {"verdict": "ok"}) == {"cron": {"verdict": "ok"}}
    dify = watch(Plain("dify", "services"), detail={"kind": "http"})
    assert document.entry(dify)["detail"] == {"kind": "http"}
    assert document.place(dify, {"verdict": "ok"}) == {"services": {"dify": {"verdict": "ok"}}}


def test_settings():
    """Settings are their keys; what cannot be read now is unknown, each of them, and keeps its last value."""
    kept = {"a": {"verdict": "warn", "reason": "settings.invalid", "params": {"key": "a"}, "value": "x"}}
    section = Plain("settings", "settings")
    assert document.entry(watch(section, Verdict.WARN, detail=kept)) == kept
    blocked = Reason("unknown.blocked_by", Verdict.UNKNOWN, {"parent": "db"})
    assert document.entry(watch(section, Verdict.UNKNOWN, blocked, detail=kept)) == {
        "a": {"verdict": "unknown", "reason": "unknown.blocked_by", "params": {"parent": "db"}, "value": "x"}
    }


def test_lay():
    """What is laid over a document keeps its neighbours, and makes a section that was not there."""
    first = document.lay({"status": "healthy"}, {"services": {"dify": {"verdict": "ok"}}})
    both = document.lay(first, {"services": {"valkey": {"verdict": "ok"}}})
    assert both == {"status": "healthy", "services": {"dify": {"verdict": "ok"}, "valkey": {"verdict": "ok"}}}
    assert "valkey" not in first["services"]


def test_rank():
    """The seven stand in the brief's order, everything else after them."""
    names = [Plain("cron", "cron"), Plain("message_throughput", "checks"), Plain("db", "checks")]
    assert [one.name for one in sorted(names, key=document.rank)] == ["db", "message_throughput", "cron"]


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

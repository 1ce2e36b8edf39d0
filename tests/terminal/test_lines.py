"""The document in lines: what has a verdict, the worst of it, and what has changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from monitor.domain.document import roll_up
from monitor.domain.verdict import Verdict
from monitor.terminal.entries import entries, figure, label, overall, watched
from monitor.terminal.lines import answer, changes
from tests.outputs import whole

NOW = datetime.fromisoformat("2026-05-28T20:26:40+00:00")
STATUS = {"ok": "healthy", "warn": "degraded", "fail": "degraded", "unknown": "unknown"}


def of(*verdicts: str) -> dict[str, Any]:
    checks = {str(at): {"verdict": verdict} for at, verdict in enumerate(verdicts)}
    return {"platform": "huph", "status": "x", "checks": checks, "counts": {}}


def test_entries():
    """All that has a verdict is there by the name that a person types, in the board's order."""
    assert list(entries(whole.DOCUMENT)) == [
        *whole.CHECKS,
        "cron",
        "cron/follow_up",
        "cron/nightly_sync",
        "services/dify",
        "services/milvus",
        "services/valkey",
        "monitor",
    ]
    mixed = {"checks": {name: {"verdict": "ok"} for name in ("zz", "triggers", "db")}, "cron": 3, "services": {"x": 1}}
    assert list(entries(mixed)) == ["db", "triggers", "zz"]
    assert entries({}) == {}


@pytest.mark.parametrize(
    "verdicts",
    [(), ("ok",), ("ok", "unknown"), ("unknown", "warn", "ok"), ("warn", "fail", "unknown"), ("ok", "ok"), ("fail",)],
)
def test_overall(verdicts):
    """The verdict of the whole is the worst check's, and agrees with the daemon's own status."""
    assert STATUS[overall(of(*verdicts))] == roll_up([Verdict(one) for one in verdicts])[0]


def test_watched():
    """A name gives that entry's verdict, no name the whole's, an unknown one none; a new verdict is unknown."""
    assert watched(whole.DOCUMENT, None) == "fail"
    assert watched(whole.DOCUMENT, "cron/follow_up") == "warn"
    assert watched(whole.DOCUMENT, "services/gone") is None
    assert watched(of("splendid"), "0") == "unknown"


@pytest.mark.parametrize(
    ("headline", "told"),
    [
        ({"value": 12.5, "unit": "ms"}, "12.5 ms"),
        ({"value": 3, "of": 4}, "3/4"),
        ({"value": 1200, "unit": "per_h"}, "1,200/h"),
        ({"value": "x"}, ""),
        (None, ""),
    ],
)
def test_figure(headline, told):
    assert figure({"headline": headline}) == told


def test_label():
    """A heading is the page's word; a part's is its own name."""
    assert [label(name) for name in ("db", "services/dify", "monitor", "new\x1b")] == [
        "Database",
        "dify",
        "Monitor",
        "new␛",
    ]


def test_changes():
    """At first each entry has a line, then only those whose verdict or reason turned, and what is gone."""
    first = list(changes(None, whole.DOCUMENT, NOW))
    assert first[0] == "03:26:40 fail    degraded (ok 4, warn 2, fail 1, unknown 0)"
    assert len(first) == 1 + len(entries(whole.DOCUMENT))
    assert "03:26:40 ok      services/dify: 41 ms" in first
    assert list(changes(whole.DOCUMENT, whole.DOCUMENT, NOW)) == []
    faster = {**whole.CHECKS["triggers"], "headline": {"value": 3, "of": 4}}
    assert list(changes(whole.DOCUMENT, {**whole.DOCUMENT, "checks": {**whole.CHECKS, "triggers": faster}}, NOW)) == []
    checks = {name: entry for name, entry in whole.CHECKS.items() if name != "feature_flags"}
    checks["realtime"] = {"verdict": "ok", "headline": {"value": 3, "of": 3}}
    assert list(changes(whole.DOCUMENT, {**whole.DOCUMENT, "checks": checks}, NOW)) == [
        "03:26:40 warn    degraded (ok 4, warn 2, fail 1, unknown 0)",
        "03:26:40 ok      realtime (was fail): 3/3",
        "03:26:40 gone    feature_flags",
    ]


def test_answer():
    """One line about one entry, or the whole; never the bar behind which Nagios looks for figures."""
    assert answer(whole.DOCUMENT, "services/dify", NOW) == "OK services/dify: 41 ms; for 1 h"
    told = answer(whole.DOCUMENT, "realtime", NOW)
    assert told.startswith("FAIL realtime [realtime.broker_not_relaying]: 3/3; The realtime server is connected, but")
    assert answer(whole.DOCUMENT, None, NOW) == "FAIL huph: realtime fail, cluster_coverage warn, feature_flags warn"
    assert answer(of("ok", "ok"), None, NOW) == "OK huph: all 2 checks are ok"
    assert answer(of(), None, NOW) == "UNKNOWN huph: no check is known"
    barred = {"services": {"a|b": {"verdict": "ok", "since": whole.EARLY}}}
    assert answer(barred, "services/a|b", NOW) == "OK services/a/b: for 1 h"

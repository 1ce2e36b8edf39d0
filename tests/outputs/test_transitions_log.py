"""The log of transitions: one line for each, as a warning when the news is bad."""

from __future__ import annotations

from structlog.testing import capture_logs

from monitor.domain.change import Change
from monitor.domain.transitions import Transition
from monitor.domain.verdict import Reason, Verdict
from monitor.outputs import transitions_log


def told(*transitions: Transition) -> list[dict[str, object]]:
    with capture_logs() as lines:
        transitions_log.publish(Change(7, 3, 0.0, {}, {}, transitions))
    return lines


def test_line():
    """A line says which check, from what to what, since when and why."""
    refused = Reason("db.refused", Verdict.FAIL, {"why": "stopped"})
    assert told(Transition(0.0, "db", Verdict.OK, Verdict.FAIL, refused)) == [
        {
            "event": "check.changed",
            "log_level": "warning",
            "check": "db",
            "before": "ok",
            "after": "fail",
            "since": "1970-01-01T00:00:00.000Z",
            "reason": "db.refused",
            "params": {"why": "stopped"},
            "epoch": 7,
            "seq": 3,
        }
    ]


def test_good_news():
    """Good news is no warning, and a plain ok has no reason."""
    [line] = told(Transition(0.0, "db", Verdict.UNKNOWN, Verdict.OK, None))
    assert (line["log_level"], line["reason"], line["params"]) == ("info", None, {})


def test_each():
    """Several transitions of one change are several lines; a change without any is none."""
    lines = told(*(Transition(0.0, name, Verdict.OK, Verdict.UNKNOWN, None) for name in ("db", "realtime")))
    assert [line["check"] for line in lines] == ["db", "realtime"]
    assert {line["log_level"] for line in lines} == {"warning"}
    assert told() == []

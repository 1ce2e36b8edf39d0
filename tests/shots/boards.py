"""The made boards by their names."""

from __future__ import annotations

import copy

from tests.outputs import whole
from tests.shots import crowd, made

_DAY = made.turns(
    (4 * 3600, "message_throughput", "ok", "warn", "message_throughput.spike"),
    (3.8 * 3600, "message_throughput", "warn", "ok", None),
    (2400, "db", "ok", "warn", "db.slow"),
    (2100, "db", "warn", "ok", None),
    (487, "triggers", "ok", "fail", "triggers.missing"),
)
_QUIET = {"cron": None, "services": None, "settings": None, "monitor": None}


def _unseen() -> made.Json:
    unknown = {"verdict": "unknown", "reason": "unknown.starting", "params": {}, "headline": None, "observed_at": None}
    return {
        "status": "unknown",
        "checks": {name: unknown | {"detail": None} for name in made.BOARDS["ok"]["checks"]},
        "cron": unknown | {"jobs": None},
        "services": dict.fromkeys(made.BOARDS["ok"]["services"], unknown),
        "transitions": {},
    }


def _stale() -> made.Json:
    stale = {
        "verdict": "unknown",
        "reason": "unknown.stale",
        "params": {"last_verdict": "ok", "since": made.stamp(240)},
    }
    names = ("triggers", "cluster_coverage", "recent_activity", "feature_flags")
    return {
        "status": "unknown",
        "since": made.stamp(240),
        "checks": dict.fromkeys(names, stale | {"observed_at": made.stamp(300)}),
    }


def _nothing() -> made.Json:
    """A platform on which nothing has ever happened."""
    empty = {
        "message_throughput": {"headline": {"value": 0}, "detail": None},
        "recent_activity": {"headline": {"value": 0}, "detail": None},
    }
    bare = {name: {"detail": None} for name in ("db", "realtime", "triggers", "cluster_coverage", "feature_flags")}
    return {"checks": bare | empty, "cron": {"jobs": None}, "services": None, "settings": None, "transitions": {}}


def boards() -> dict[str, made.Json]:
    """Give every made board by its name."""
    return {
        "healthy": made.board(_DAY | {"transitions": {}}),
        "degraded": made.board("trigger_missing", "cron_failing", "service_timeout", "monitor_gap", _DAY),
        "database": made.board("db_refused", _DAY),
        "unknown": made.board(_unseen()),
        "stale": made.board(_stale()),
        "many": made.board(
            "broker_down",
            "coverage_inactive_assigned",
            "coverage_uncovered",
            "flags_missing",
            "throughput_drop",
            "cron_late",
            "settings_invalid",
            _DAY,
        ),
        "crowd": made.board(crowd.patch()),
        "nothing": made.board(_nothing()),
        "alone": made.board(_QUIET, {"transitions": {}}),
        "whole": copy.deepcopy(whole.DOCUMENT),
    }

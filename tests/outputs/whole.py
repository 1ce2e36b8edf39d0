"""A document that holds everything that one can hold, with the age of its evidence and the series beside it."""

from __future__ import annotations

from typing import Any

from monitor.runbook import Entry, Runbook
from monitor.settings.edit import Change

Json = dict[str, Any]
EARLY, LATE = "2026-05-28T19:00:00.000Z", "2026-05-28T20:26:30.000Z"
AGE_S = 10.0
"""How old the evidence LATE is on the tests' clock, which shows 20:26:40."""
LIMITS = {"limit": 1, "share": 0.5, "word": "x", "on": True}


def entry(detail: Json, headline: Json | None = None, *, verdict: str = "ok", **more: Any) -> Json:
    """Make an entry; its evidence is of 19:00 until somebody says better."""
    head = {"verdict": verdict, **more, "since": EARLY, "observed_at": EARLY, "ttl_s": 65, "source": "sample"}
    return {**head, **({"headline": headline} if headline else {}), "limits": LIMITS, "detail": detail}


def section(detail: Json, **more: Any) -> Json:
    """Make a section that is one entry, its detail laid flat."""
    flat = entry({}, **more)
    del flat["detail"]
    return {**detail, **flat}


CHECKS: Json = {
    "db": entry(
        {
            "server_ms": 0.1,
            "started_at": EARLY,
            "connect_ms": 4.1,
            "wait_ms": 0.2,
            "read_only": False,
            "connections": {"active": 3, "idle": 9, "idle_in_transaction": 0, "used": 12, "max": 100, "ours": 3},
            "slow_now": 1,
            "longest_transaction_s": 12,
            "lock_waits": 1,
            "blocked": {"4711": {"by": 4712, "waiting_s": 11, "relation": "messages"}},
            "commit_waiters": 2,
            "notify_queue_pct": 0.25,
            "queue_holder": {"name": "huph-api", "age_s": 31, "ours": False},
            "replication_lag_s": 0.5,
            "version": "18.6",
            "size_mb": 512,
            "wraparound_pct": 0.1,
            "slow_statements": 2,
        },
        {"value": 12.5, "unit": "ms"},
        reason="db.elevated",
        params={"latency_ms": 60, "limit_ms": 50},
        also={"db.restarted": {"verdict": "ok", "params": {"cause": "crash"}}},
    ),
    "realtime": entry(
        {
            "channels": {
                "messages": {
                    "listening": True,
                    "realtime": True,
                    "events_5m": 4,
                    "last_event": LATE,
                    "relay": {
                        "event": "message",
                        "seen": 4,
                        "relayed": 3,
                        "missed": 1,
                        "unheard": 2,
                        "last_relayed": LATE,
                        "delay_ms": 3.5,
                    },
                },
                "audit": {"listening": False, "realtime": False, "events_5m": 0},
            },
            "broker": {
                "state": "connected",
                "since": EARLY,
                "target": "127.0.0.1:3001",
                "connect_ms": 5.0,
                "round_trip_ms": 1.0,
                "subscribers": 2,
                "tells_subscribers": True,
                "listens": True,
                "error": "timeout",
                "answer": "unauthorized",
            },
            "unreadable": 0,
            "unmatched": 1,
            "listener": {"state": "listening", "since": EARLY},
            "test_signal": {"ms": 0.8},
        },
        {"value": 3, "of": 3},
        verdict="fail",
        reason="realtime.broker_not_relaying",
        params={"missed": 1, "seen": 4, "channel": "messages", "since": LATE},
        explained_by="service.refused",
    ),
    "triggers": entry(
        {
            "watching_since": EARLY,
            "triggers": {
                "trg_messages_notify": {
                    "table": "messages",
                    "channel": "messages",
                    "function": "notify_message",
                    "state": "enabled",
                    "mute": True,
                    "notifies": False,
                    "hash": "5b0c2d9e41f7",
                    "level": "row",
                    "hazard": "whole_row",
                    "last_fired": LATE,
                    "fired_5m": 4,
                    "rows_5m": 4,
                    "unsignalled_5m": 0,
                    "proof": {"from": EARLY, "to": LATE, "rows": 4, "signals": 4},
                }
            },
        },
        {"value": 4, "of": 4},
        flapping=True,
    ),
    "cluster_coverage": entry(
        {
            "covered": 4,
            "total": 5,
            "clusters": {
                "Teknik": {"covered": True, "expected": True, "counselors": {"Sari": {"active": True}}},
                "Hukum": {"covered": False, "expected": True, "counselors": {"Budi": {"active": False}}},
                "Seni": {"covered": False, "expected": True, "counselors": {}, "in_table": False},
            },
        },
        {"value": 4, "of": 5},
        verdict="warn",
        reason="cluster_coverage.inactive_only",
        params={"clusters": "Hukum", "names": "Budi", "covered": 4, "total": 5},
        pending={"to": "ok", "n": 1, "need": 2},
    ),
    "recent_activity": entry(
        {
            "last": {"user": LATE},
            "hour": {"user": 3},
            "last_at": LATE,
            "last_sender": "user",
            "quiet_hours": "22:00-06:00",
        },
        {"value": 3, "unit": "per_h"},
    ),
    "feature_flags": entry(
        {
            "source": "file",
            "where": "/opt/huph/.env",
            "changed_at": EARLY,
            "applied_by": "huph-api",
            "api_started_at": EARLY,
            "flags": {
                "RAG_ENABLED": {"type": "bool", "state": "read", "value": "true", "line": 3, "changed_at": EARLY},
                "MAX_BOT_TURNS": {"type": "int", "state": "malformed", "line": 4},
                "HANDOVER_ENABLED": {"type": "bool", "state": "missing"},
                "DEFAULT_LANGUAGE": {"type": "text"},
            },
        },
        {"value": 1, "of": 3},
        verdict="warn",
        reason="feature_flags.malformed",
        params={"flag": "MAX_BOT_TURNS", "line": 4, "expected_type": "int"},
    ),
    "message_throughput": entry(
        {
            "count_5m": 15,
            "scheme": "deltas",
            "in_sync": True,
            "by_sender": {"user": 9, "bot": 6},
            "as_of": LATE,
            "newest_at": LATE,
            "count_60m": 120,
            "window": {"start": LATE, "user": 4, "bot": 3},
            "reply": {"count": 6, "p50_s": 2.5, "p95_s": 9.0},
            "usual": {
                "w5": {"count": 15, "usual": 14.2, "spread": 4.1, "spike_from": 40, "drop_to": 0},
                "w15": {"count": 40, "usual": 42.0, "spread": 9.5, "spike_from": 90, "drop_to": 5},
                "w60": {"count": 120, "usual": 160.0, "spread": 20.0, "spike_from": 300, "drop_to": 60},
                "slot": EARLY,
            },
            "learning": {"day": 3, "days": 7},
        },
        {"value": 3.0, "unit": "per_min"},
        reason="message_throughput.learning",
        params={"day": 3, "days": 7},
    ),
}
JOBS: Json = {
    "follow_up": {
        "verdict": "warn",
        "reason": "cron.failing",
        "params": {"job": "follow_up", "fails": 5, "limit": 3},
        "since": LATE,
        "explained_by": "service.refused",
        "schedule": "20m",
        "enabled": True,
        "last_run": EARLY,
        "last_status": "failed",
        "last_s": 2.5,
        "running_since": LATE,
        "fails_24h": 5,
        "runs_24h": 72,
        "abandoned": 1,
        "next_expected": LATE,
        "usual_s": 3.0,
        "last_error": "rate limit <b>of Sari</b>",
        "fingerprint": "9f1c",
        "streak": 0,
        "errors": {"9f1c": {"count": 5, "error": "rate limit <b>of Sari</b>", "last_at": LATE}},
    },
    "nightly_sync": {
        "verdict": "unknown",
        "reason": "unknown.disabled",
        "params": {"by": "profile"},
        "schedule": "0 22 * * *",
        "enabled": False,
        "fails_24h": 0,
        "runs_24h": 0,
        "abandoned": 0,
    },
}
SERVICES: Json = {
    "dify": entry(
        {"kind": "http", "target": "https://127.0.0.1:5001/health", "started_at": EARLY},
        {"value": 41.0, "unit": "ms"},
    ),
    "milvus": entry(
        {"kind": "tcp", "target": "127.0.0.1:9091", "answer": "503"},
        verdict="fail",
        reason="service.bad_answer",
        params={"service": "milvus", "answer": "503"},
    ),
    "valkey": entry(
        {"kind": "valkey", "target": "127.0.0.1:6379"},
        verdict="fail",
        reason="service.refused",
        params={"service": "valkey", "target": "127.0.0.1:6379"},
    ),
}
SETTINGS: Json = {
    "system.anthropic_model": {
        "verdict": "ok",
        "type": "text",
        "max_length": 2000,
        "editable": True,
        "value": "claude-haiku…",
        "partial": True,
        "version": 3,
        "changed_at": EARLY,
        "changed_by": "Sari",
    },
    "system.max_turns": {
        "verdict": "warn",
        "reason": "settings.unaudited",
        "params": {"key": "system.max_turns", "at": EARLY},
        "type": "int",
        "minimum": 1,
        "maximum": 20,
        "editable": True,
        "value": "8",
        "version": 2,
        "changed_at": EARLY,
    },
    "system.tone": {
        "verdict": "ok",
        "type": "choice",
        "choices": ["formal", "warm"],
        "editable": True,
        "value": "warm",
    },
    "system.intent_llm_enabled": {"verdict": "ok", "type": "bool", "editable": False, "value": "true"},
    "system.anthropic_api_key": {
        "verdict": "warn",
        "reason": "settings.invalid",
        "params": {"key": "system.anthropic_api_key", "problem": "not configured"},
        "type": "text",
        "editable": True,
        "secret": True,
        "configured": False,
    },
}
MONITOR = section(
    {
        "version": "0",
        "started_at": EARLY,
        "subscribers": 3,
        "loop": {"lag_ms": 2.0, "longest_ms": 30.0},
        "memory_mb": 52.0,
        "sweep": {"ms": 120.0, "slowest": "connections"},
        "test_signal_ms": 0.8,
        "notify_queue_pct": 0.5,
        "clock_offset_ms": -3.0,
        "refused_5m": {"limit": 2},
        "gaps": {EARLY: {"from": EARLY, "to": LATE, "cause": "reset", "healed": True}},
    },
    reason="monitor.clients_refused",
    params={"count": 2, "window_min": 5, "why": "limit"},
)
DOCUMENT: Json = {
    "platform": "huph",
    "zone": "Asia/Jakarta",
    "status": "degraded",
    "since": LATE,
    "counts": {"ok": 4, "warn": 2, "fail": 1, "unknown": 0},
    "position": {"epoch": 7, "seq": 4182},
    "as_of": EARLY,
    "checks": CHECKS,
    "cron": section({"jobs": JOBS}, verdict="warn", reason="cron.failing", params={}, headline={"value": 0, "of": 2}),
    "services": SERVICES,
    "settings": SETTINGS,
    "monitor": MONITOR,
    "transitions": {
        "4181": {"at": LATE, "check": "services/valkey", "from": "ok", "to": "fail", "reason": "service.refused"},
        "4181.1": {"at": LATE, "check": "triggers", "from": "unknown", "to": "ok"},
    },
}
EVIDENCE = dict.fromkeys([*CHECKS, *(f"services/{name}" for name in SERVICES), "cron", "settings", "monitor"], LATE)
SERIES: Json = {
    "messages": {
        "as_of": LATE,
        "snapshot": "7:9:",
        "scheme": "deltas",
        "in_sync": True,
        "seconds": {"1780000000": 4},
    },
    "message_rates": {
        "as_of": LATE,
        "start": EARLY,
        "step_s": 300,
        "counts": {"user": [0, 4], "bot": [1, 3]},
        "band": {"low": [0, 1], "usual": [2.5, 3], "high": [8, 9.5]},
    },
    "db_latency": {"as_of": LATE, "points": [[1780000000.1, 12.5]]},
    "cron_runs:follow_up": {
        "job": "follow_up",
        "as_of": LATE,
        "runs": [
            {"started_at": LATE, "status": "running"},
            {
                "started_at": EARLY,
                "finished_at": LATE,
                "status": "failed",
                "duration_s": 2.5,
                "error": "rate limit",
                "fingerprint": "9f1c",
            },
        ],
    },
    "cron_runs:nightly_sync": {"job": "nightly_sync", "as_of": LATE, "runs": []},
}
PAST = (
    Change("12", 1_780_000_000.0, "Sari", "cheaper", secret=False, old="claude-opus", new="claude-haiku"),
    Change("7", 1_770_000_000.0, "token:deploy", "", secret=True),
)
"""Edits of a setting, newest first."""

LINKS = {"users": "/settings/users"}
_BARE = Entry("It is as it is.", ("Nobody knows.",), "Wait.", "It ends.", "", "", "")
_FULL = Entry(
    "{trigger} is gone.", ("A migration.",), "Look at {table}.", "It is back.", "psql -c '{table}'", "users", "db"
)
RUNBOOKS = {
    language: Runbook({"users": "Users"}, {"triggers.missing": _FULL, "unknown.starting": _BARE})
    for language in ("id", "en")
}

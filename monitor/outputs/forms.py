"""The forms of the live document, its entries and the series: the components of the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.outputs.edits import ACCESS
from monitor.outputs.schema import (
    AMOUNT,
    CODE,
    COUNT,
    FLAG,
    GROUND,
    NUMBER,
    REASON,
    TEXT,
    TIME,
    TRUE,
    Schema,
    by_name,
    entry,
    form,
    listed,
    one_of,
    ref,
    said,
    section,
)
from monitor.runbook import LANGUAGES

RELAY = form(
    "event", event=TEXT, seen=COUNT, relayed=COUNT, missed=COUNT, unheard=COUNT, last_relayed=TIME, delay_ms=AMOUNT
)
CHANNEL = form(
    "listening realtime events_5m", listening=FLAG, realtime=FLAG, events_5m=COUNT, last_event=TIME, relay=RELAY
)
BROKER = form(
    "state",
    state=one_of("not_configured", "starting", "connected", "down", "refused"),
    since=TIME,
    target=TEXT,
    error=TEXT,
    answer=TEXT,
    connect_ms=AMOUNT,
    round_trip_ms=AMOUNT,
    subscribers=COUNT,
    tells_subscribers=FLAG,
    listens=FLAG,
)
CONNECTIONS = form(active=COUNT, idle=COUNT, idle_in_transaction=COUNT, used=COUNT, max=COUNT, ours=COUNT)
SCHEME = said(one_of("recount", "deltas"), "Counted anew at each signal, or moved by our own triggers' signals.")
IN_SYNC = said(FLAG, "Whether no signal can have been missed since the count began.")
PROOF = form("from to rows signals", rows=COUNT, signals=COUNT, **{"from": TIME, "to": TIME})
USUAL = form("count usual spread", count=COUNT, usual=AMOUNT, spread=AMOUNT, spike_from=AMOUNT, drop_to=AMOUNT)
CHECKS: Mapping[str, Schema] = {
    "db": form(
        server_ms=AMOUNT,
        started_at=TIME,
        connect_ms=AMOUNT,
        wait_ms=AMOUNT,
        read_only=FLAG,
        connections=CONNECTIONS,
        slow_now=COUNT,
        longest_transaction_s=AMOUNT,
        lock_waits=COUNT,
        blocked=by_name(form("by waiting_s", by=COUNT, waiting_s=AMOUNT, relation=TEXT)),
        commit_waiters=COUNT,
        notify_queue_pct=AMOUNT,
        queue_holder=form("name age_s ours", name=TEXT, age_s=AMOUNT, ours=FLAG),
        replication_lag_s=AMOUNT,
        version=TEXT,
        size_mb=AMOUNT,
        wraparound_pct=AMOUNT,
        slow_statements=COUNT,
    ),
    "realtime": form(
        channels=by_name(CHANNEL),
        broker=BROKER,
        unreadable=COUNT,
        unmatched=COUNT,
        listener=form("state since", state=one_of("listening", "unproven", "reconnecting", "dropped"), since=TIME),
        test_signal=form("ms", ms=AMOUNT),
    ),
    "triggers": form(
        watching_since=TIME,
        triggers=by_name(
            form(
                "table channel fired_5m",
                table=TEXT,
                channel=TEXT,
                function=TEXT,
                state=one_of("enabled", "always", "replica", "disabled", "missing"),
                mute=FLAG,
                hash=TEXT,
                level=one_of("row", "statement"),
                notifies=FLAG,
                hazard=one_of("whole_row", "partitioned_statement"),
                last_fired=TIME,
                fired_5m=COUNT,
                rows_5m=COUNT,
                unsignalled_5m=COUNT,
                proof=PROOF,
            )
        ),
    ),
    "cluster_coverage": form(
        covered=COUNT,
        total=COUNT,
        clusters=by_name(
            form(
                "covered expected counselors",
                covered=FLAG,
                expected=FLAG,
                in_table=FLAG,
                counselors=by_name(form("active", active=FLAG)),
            )
        ),
    ),
    "recent_activity": form(last=by_name(TIME), hour=by_name(COUNT), last_at=TIME, last_sender=TEXT, quiet_hours=TEXT),
    "feature_flags": form(
        source=one_of("file", "http", "sql"),
        where=TEXT,
        changed_at=TIME,
        applied_by=TEXT,
        api_started_at=TIME,
        flags=by_name(
            form(
                "type",
                type=one_of("bool", "int", "text"),
                state=one_of("read", "missing", "malformed"),
                value=TEXT,
                line=COUNT,
                changed_at=TIME,
            )
        ),
    ),
    "message_throughput": form(
        count_5m=COUNT,
        by_sender=by_name(COUNT),
        as_of=TIME,
        scheme=SCHEME,
        in_sync=IN_SYNC,
        newest_at=TIME,
        count_60m=COUNT,
        window={**form("start", start=TIME), "additionalProperties": COUNT},
        reply=form("count p50_s p95_s", count=COUNT, p50_s=AMOUNT, p95_s=AMOUNT),
        usual=form(w5=USUAL, w15=USUAL, w60=USUAL, slot=TIME),
        learning=form("day days", day=COUNT, days=COUNT),
    ),
}
"""The drill-down of each check; what is not known is absent."""

SECTIONS: Mapping[str, Schema] = {
    "Job": form(
        "verdict schedule enabled",
        **REASON,
        since=TIME,
        explained_by=CODE,
        schedule=said(TEXT, "An interval such as 20m, or a cron expression in the platform's zone."),
        enabled=FLAG,
        last_run=TIME,
        last_status=said(TEXT, "As the platform writes it: success, failed or running."),
        last_s=AMOUNT,
        running_since=TIME,
        fails_24h=COUNT,
        runs_24h=COUNT,
        abandoned=said(COUNT, "Runs left as running by a process that is gone."),
        next_expected=TIME,
        usual_s=AMOUNT,
        last_error=TEXT,
        fingerprint=TEXT,
        streak=said(COUNT, "Runs that ended well since the last failure."),
        errors=said(by_name(form("count error last_at", count=COUNT, error=TEXT, last_at=TIME)), "By fingerprint."),
    ),
    "Cron": section("verdict since ttl_s limits", jobs=by_name(ref("Job"))),
    "Runs": form(
        "job as_of runs",
        job=TEXT,
        as_of=TIME,
        runs=said(
            listed(
                form(
                    "started_at status",
                    started_at=TIME,
                    finished_at=TIME,
                    status=TEXT,
                    duration_s=AMOUNT,
                    error=TEXT,
                    fingerprint=TEXT,
                )
            ),
            "Newest first.",
        ),
    ),
    "Service": entry(form(kind=one_of("http", "tcp", "valkey"), target=TEXT, answer=TEXT, started_at=TIME)),
    "Services": by_name(ref("Service")),
    "Setting": form(
        "verdict type editable",
        **REASON,
        type=one_of("text", "bool", "int", "choice"),
        editable=FLAG,
        choices=listed(TEXT),
        minimum=NUMBER,
        maximum=NUMBER,
        max_length=COUNT,
        value=said(TEXT, "Never of a secret."),
        partial=said(TRUE, "The value is not shown whole: it is long, or has something in it that is not shown."),
        secret=TRUE,
        configured=said(FLAG, "Whether a secret is set."),
        version=COUNT,
        changed_at=TIME,
        changed_by=said(TEXT, "By the audit log; the name of a user, or token:NAME."),
    ),
    "Settings": by_name(ref("Setting")),
    "Monitor": section(
        "version started_at",
        version=TEXT,
        started_at=TIME,
        subscribers=COUNT,
        loop=form("lag_ms longest_ms", lag_ms=AMOUNT, longest_ms=AMOUNT),
        memory_mb=AMOUNT,
        sweep=form("ms slowest", ms=AMOUNT, slowest=TEXT),
        test_signal_ms=AMOUNT,
        notify_queue_pct=AMOUNT,
        clock_offset_ms=NUMBER,
        refused_5m=said(by_name(COUNT), "Subscribers turned away, by why."),
        gaps=by_name(form("from cause", **{"from": TIME}, to=TIME, cause=TEXT, healed=FLAG)),
    ),
}


def _camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


DOCUMENT = form(
    "platform status since counts position as_of checks monitor transitions",
    platform=TEXT,
    zone=said(TEXT, "The platform's time zone (IANA)."),
    status=ref("Status"),
    since=TIME,
    counts=ref("Counts"),
    position=form("epoch seq", epoch=COUNT, seq=COUNT),
    as_of=TIME,
    checks=form("db", **{name: ref(_camel(name)) for name in CHECKS}),
    cron=ref("Cron"),
    services=ref("Services"),
    settings=ref("Settings"),
    monitor=ref("Monitor"),
    transitions=said(
        {**by_name(ref("Transition")), "propertyNames": {"pattern": r"^\d+(\.\d+)?$"}}, "The last 50, by position."
    ),
)
SERIES: Mapping[str, Schema] = {
    "messages": form(
        "as_of snapshot scheme in_sync seconds",
        as_of=TIME,
        snapshot=said(TEXT, "The pg_snapshot in which anyone finds the same count."),
        scheme=SCHEME,
        in_sync=IN_SYNC,
        seconds=said(by_name(COUNT), "Messages of the last 5 minutes by the Unix second that they were written in."),
    ),
    "message_rates": form(
        "as_of start step_s counts",
        as_of=TIME,
        start=TIME,
        step_s=COUNT,
        counts=said(by_name(listed(COUNT)), "By sender, oldest window first."),
        band=form("low usual high", low=listed(AMOUNT), usual=listed(AMOUNT), high=listed(AMOUNT)),
    ),
    "db_latency": form(
        "as_of points",
        as_of=TIME,
        points=listed({"type": "array", "prefixItems": [NUMBER, AMOUNT], "minItems": 2, "maxItems": 2}),
    ),
}
RUNBOOK = form(
    "language links entries",
    language=one_of(*LANGUAGES),
    links=said(by_name(form("title href", title=TEXT, href=TEXT)), "The pages of the platform's admin, by name."),
    entries=by_name(
        form(
            "means causes first verify",
            means=said(TEXT, "`{name}` in a text stands for that parameter of the reason."),
            causes=said(listed(TEXT), "The likeliest first."),
            first=said(TEXT, "The first step."),
            command=said(TEXT, "One line for a shell; its parameters must be plain names or numbers, or be quoted."),
            verify=said(TEXT, "How it shows that it is over."),
            link=said(TEXT, "Which of the links helps."),
            see=said(TEXT, "Which check or section is to be looked at."),
        )
    ),
)
SCHEMAS: Mapping[str, Schema] = {
    **GROUND,
    **ACCESS,
    **{_camel(name): entry(detail) for name, detail in CHECKS.items()},
    **SECTIONS,
    **{_camel(name): schema for name, schema in SERIES.items()},
    "Document": DOCUMENT,
    "Runbook": RUNBOOK,
    "Short": form(
        "platform status since counts as_of",
        platform=TEXT,
        status=ref("Status"),
        since=TIME,
        counts=ref("Counts"),
        as_of=TIME,
    ),
}
"""Every form by its name."""


def entries() -> list[Schema]:
    """Give what one check may look like."""
    return [ref(_camel(name)) for name in CHECKS]


def series() -> list[Schema]:
    """Give what one series may look like."""
    return [ref(_camel(name)) for name in SERIES]

"""Facts and checks with sane values, for the tests of the domain: name only what a test is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from monitor.domain.board import Board
from monitor.domain.brokering import Broker, Relay
from monitor.domain.catalogue import Catalogue, Silent, Trigger
from monitor.domain.checks.check import Check
from monitor.domain.checks.cluster_coverage import ClusterCoverage, Coverage
from monitor.domain.checks.cron import Cron
from monitor.domain.checks.db import Db
from monitor.domain.checks.feature_flags import FeatureFlags, Flags
from monitor.domain.checks.message_throughput import History, MessageThroughput, Rates, Recent, Recount
from monitor.domain.checks.realtime import Realtime
from monitor.domain.checks.recent_activity import Activity, RecentActivity
from monitor.domain.checks.service import Service
from monitor.domain.checks.settings import Entries, Setting, Settings
from monitor.domain.checks.triggers import Triggers
from monitor.domain.checks.vitals import Monitor
from monitor.domain.connection import Answer, Connections, Opening, Pulse
from monitor.domain.contention import Contention
from monitor.domain.cron import Job, Jobs
from monitor.domain.listening import Listening
from monitor.domain.patch import Json
from monitor.domain.probing import Probe
from monitor.domain.quiet_hours import QuietHours
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement
from monitor.domain.vitals import Vitals

JAKARTA = ZoneInfo("Asia/Jakarta")
NIGHT = QuietHours(dt.time(22), dt.time(6), JAKARTA)
CHANNELS = {"messages": True, "conversations": True, "notifications": False}
JOB = Job("sync", 1200, None, JAKARTA, 120)
TRIGGERS = (
    Trigger("trg_messages", "messages", "messages"),
    Trigger("trg_conversations", "conversations", "conversations", {"table": "conversations"}),
    Trigger("trg_assignments", "cluster_assignments", "conversations", {"table": "cluster_assignments"}),
)


def unix(text: str) -> float:
    """Read an instant of RFC 3339 as Unix seconds."""
    return dt.datetime.fromisoformat(text).timestamp()


NOON = unix("2026-11-22T05:00:00Z")
"""Noon in Jakarta."""


def at(seconds: float, wall: float = NOON) -> At:
    """Give the instant so many seconds after the start of the watch, which is noon unless told otherwise."""
    return At(1000.0 + seconds, wall + seconds)


def answer(
    ms: float = 12.0, *, server_ms: float | None = None, started: float = NOON - 86_400, **other: object
) -> Answer:
    """An answer whose time the server itself took, unless told otherwise."""
    return Answer(ms, ms if server_ms is None else server_ms, started, **other)  # type: ignore[arg-type]


def pulse(
    old: Answer | None = None,
    new: str | None = None,
    *,
    sqlstate: str = "",
    ended_by: frozenset[str] = frozenset(),
    lost: bool = False,
) -> Pulse:
    """A sample: what an old session answered (None = nothing), how a new connection ended (None = untried)."""
    opening = None
    if new is not None:
        opening = Opening(new, connect_ms=20.0 if new == "opened" else None, sqlstate=sqlstate)  # type: ignore[arg-type]
    return Pulse("10.0.0.5:5432", "huph_monitor", old, opening, ended_by, lost)


def connections(*, used: int = 12, most: int = 100, commits: int = 1000, **other: object) -> Connections:
    facts: dict[str, object] = {
        "active": 3, "idle": 9, "idle_in_transaction": 1, "used": used, "max": most, "ours": 3, "top_app": "huph-api",
        "slow_now": 0, "longest_transaction_s": 1.9, "replication_lag_s": None, "commits": commits, "version": "18.1",
    }  # fmt: skip
    return Connections(**(facts | other))  # type: ignore[arg-type]


def contention(
    *waits: tuple[int, int, float, str], queue: float = 0.0, holder: str = "", **other: object
) -> Contention:
    """What contention.sql says; each wait is who waits, for whom, for how many seconds and for which table."""
    pids, blockers, seconds, relations = (list(column) for column in zip(*waits, strict=True)) if waits else ([],) * 4
    facts: dict[str, object] = {
        "heard": 0, "commit_waiters": 0, "lock_waits": len(waits), "blocked": pids, "blocker": blockers,
        "waiting_s": seconds, "relation": relations, "notify_queue_pct": queue, "queue_holder": holder or None,
        "queue_holder_age_s": 7.5 if holder else None, "queue_holder_ours": False, "replay_lag_s": None,
    }  # fmt: skip
    return Contention(**(facts | other))  # type: ignore[arg-type]


def listening(*channels: str, ms: float = 4.0) -> Listening:
    return Listening(frozenset(channels or CHANNELS), ms)


def catalogue(
    *,
    hash_: str = "0123456789abcdef" * 2,
    notifies: bool = True,
    whole_row: bool = False,
    level: str = "row",
    partitioned: bool = False,
    **enabled: str,
) -> Catalogue:
    """The expected triggers, enabled and well made unless told otherwise; "" leaves one out."""
    found = [(one, enabled.get(one.name, "O")) for one in TRIGGERS]
    kept = [(one, state) for one, state in found if state]
    many = len(kept)
    return Catalogue(
        trigger=[one.name for one, _ in kept],
        relation=[one.table for one, _ in kept],
        function=[f"notify_{one.table}" for one, _ in kept],
        enabled=[state for _, state in kept],
        hash=[hash_] * many,
        notifies=[notifies] * many,
        whole_row=[whole_row] * many,
        level=[level] * many,
        partitioned=[partitioned] * many,
    )


def silent(**seconds: float) -> Silent:
    """The channels of which a trigger does not fire, each with the second at which that was found."""
    return Silent({channel: at(since).wall for channel, since in seconds.items()})


def activity(
    now: float = NOON, *, last: Mapping[str, float] | None = None, asked: int = 0, answered: int = 0
) -> Activity:
    """What activity.sql says at `now`; `last` is the age of each sender's last message in seconds."""
    ages = {"bot": 30.0, "user": 60.0} if last is None else last
    return Activity(now, list(ages), [now - age for age in ages.values()], [5] * len(ages), asked, answered)


def recount(now: float = NOON, rows: Mapping[int, int] | None = None, *, total: int | None = None) -> Recount:
    """What recount.sql says at `now`; `rows` maps an age in seconds, counted from the whole second, to a count."""
    counted = {10: 3} if rows is None else rows
    ages = sorted(counted, reverse=True)
    return Recount(
        snapshot="700:700:",
        now=now,
        second=[int(now) - age for age in ages],
        sender=["user"] * len(ages),
        count=[counted[age] for age in ages],
        total=sum(counted.values()) if total is None else total,
        newest=now - ages[-1] if ages else None,
    )


def rates(now: float = NOON, *, since: float | None = None) -> Rates:
    last = int(now) // 300 * 300
    return Rates(
        now,
        now - 86_400 if since is None else since,
        [last - 300, last, last],
        ["user", "bot", "user"],
        [4, 2, 3],
    )


def history(now: float = NOON) -> History:
    """What history.sql says of a platform that nobody has written to yet."""
    return History(now, now, [], [], [])


def recent(now: float = NOON, *, hour: int = 40) -> Recent:
    return Recent(now, ["user", "bot"], [3, 2], [hour - hour // 2, hour // 2], [now - 60, now - 30], 0)


def coverage(**active: bool) -> Coverage:
    """Two clusters with a counselor each, active unless told otherwise."""
    return Coverage(
        ["north", "south"], ["Counselor 1", "Counselor 2"], [active.get("north", True), active.get("south", True)]
    )


def flags(state: str = "read", **values: str) -> Flags:
    return Flags("file", "/opt/huph/.env", state, {"BILINGUAL_ENABLED": "true"} | values, {}, (), NOON - 3600)  # type: ignore[arg-type]


def probe(service: str = "dify", outcome: str = "answered", ms: float | None = 20.0) -> Probe:
    return Probe(service, outcome, f"http://{service}", ms if outcome == "answered" else None)  # type: ignore[arg-type]


def entries(value: str = "claude-haiku") -> Entries:
    return Entries(NOON, ["system.model"], [value], [True], [False], [True], [1], [NOON - 60], [""], [False])


def jobs(now: float = NOON, *, ago: float = 60.0, fails: int = 0, error: str = "") -> Jobs:
    """What cron.sql says of JOB, which ran `ago` seconds ago."""
    started = now - ago
    status = "failed" if error else "success"
    return Jobs(
        now,
        started,
        ["sync"],
        [started],
        [started + 9],
        [status],
        [error],
        [bool(error)],
        [0],
        [fails],
        [9],
        [0],
        [9.0],
    )


def broker(state: str = "connected") -> Broker:
    return Broker(state, "http://broker", subscribers=2, listens=True)  # type: ignore[arg-type]


def vitals(lag_ms: float = 0.0) -> Vitals:
    return Vitals(lag_ms, lag_ms, 0.0, 0.0, 60.0, 1, {})


def checks(*, quiet_hours: QuietHours | None = None, broker: bool = False) -> list[object]:
    """All checks, not in the brief's order."""
    relays = {"messages": Relay("message", ("id",))} if broker else {}
    return [
        Cron((JOB,)),
        Monitor(version="0.1.0"),
        Service("dify", "http", "http://dify"),
        Settings((Setting("system.model", pattern="^claude-"),)),
        FeatureFlags({"BILINGUAL_ENABLED": "bool"}),
        ClusterCoverage(("north", "south")),
        MessageThroughput(quiet_hours=quiet_hours, senders=("user", "bot"), zone=JAKARTA),
        RecentActivity(quiet_hours=quiet_hours),
        Triggers((replace(TRIGGERS[0], rows="messages", key="id"), *TRIGGERS[1:])),
        Realtime(CHANNELS, relays=relays, broker=broker),
        Db(),
    ]


def board(
    *, only: tuple[str, ...] = (), quiet_hours: QuietHours | None = None, wall: float = NOON, broker: bool = False
) -> Board:
    """A board of all checks, or only of those named, at second 0."""
    every = checks(quiet_hours=quiet_hours, broker=broker)
    kept = [one for one in every if not only or one.name in only]  # type: ignore[attr-defined]
    return Board(
        platform="huph",
        zone="Asia/Jakarta",
        version="0.1.0",
        senders=("user", "bot"),
        checks=kept,  # type: ignore[arg-type]
        at=at(0, wall),
        explains={"dify": ("recent_activity.bot_silent",)},
    )


def nulls(value: Json, path: str = "") -> list[str]:
    """Name every place of a document that holds a null."""
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in nulls(inner, f"{path}.{key}")]
    if isinstance(value, list | tuple):
        return [found for number, inner in enumerate(value) for found in nulls(inner, f"{path}[{number}]")]
    return [path] if value is None else []


def fold(check: Check, *steps: tuple[float, object], wall: float = NOON) -> Judgement[Any]:
    """Let a check judge one fact after another, each at its second, from its start on."""
    judgement = check.begin(at(0, wall))
    for seconds, facts in steps:
        judgement = check.judge(facts, judgement, at(seconds, wall))
    return judgement


def codes(judgement: Judgement[Any]) -> dict[str, str]:
    """Give the reasons of a judgement in their order, each with its verdict."""
    return {reason.code: reason.verdict.value for reason in judgement.reasons}


def params(judgement: Judgement[Any], code: str) -> dict[str, object]:
    """Give the parameters of one reason."""
    return dict(next(reason.params for reason in judgement.reasons if reason.code == code))

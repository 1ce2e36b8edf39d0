"""How one platform is shaped: read from its profile.toml, every mistake noted with key, value and mend."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from importlib import resources
from importlib.resources.abc import Traversable
from itertools import islice, pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from monitor import runbook, targets, toml
from monitor.domain.brokering import BrokerSettings
from monitor.domain.catalogue import Trigger
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.domain.checks.settings import Setting
from monitor.domain.cron import Job
from monitor.domain.probing import ServiceTarget
from monitor.domain.quiet_hours import QuietHours
from monitor.runbook import Runbook
from monitor.settings import expected
from monitor.toml import Reader

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
HASH = re.compile(r"[0-9a-f]{12,32}")
HINTED = ("message_throughput", "recent_activity", "triggers", "cluster_coverage", "cron", "settings", "users")
LAID_OVER = ("limits", "broker", "flags", "services", "links")
"""Tables of the profile that a configuration may lay its own values over."""
LIMITS: Mapping[str, tuple[float, float]] = {
    "sample_s": (1, 3600),
    "sweep_s": (5, 3600),
    "settle_s": (1, 3600),
    "elevated_ms": (1, 60_000),
    "slow_ms": (1, 60_000),
    "saturated_pct": (1, 100),
    "lock_wait_s": (0.1, 3600),
    "commit_waiters": (1, 10_000),
    "queue_warn_pct": (0.001, 100),
    "queue_drop_pct": (0.001, 100),
    "queue_fail_pct": (0.001, 100),
    "query_timeout_s": (0.1, 60),
    "connect_timeout_s": (0.1, 60),
    "canary_deadline_s": (0.1, 60),
    "relay_deadline_s": (0.1, 60),
    "relay_misses": (1, 1000),
    "relay_single_s": (1, 3600),
    "relay_proof_min": (1, 1440),
    "hop_slow_ms": (1, 60_000),
    "storm_per_s": (1, 1_000_000),
    "mute_rows": (1, 100_000),
    "mute_settle_s": (0.1, 3600),
    "leak_hold_min": (1, 1440),
    "quiet_h": (0.01, 1000),
    "silent_h": (0.01, 1000),
    "bot_window_min": (1, 1440),
    "bot_min_user": (1, 100_000),
    "max_5m": (1, 100_000_000),
    "min_60m": (0, 100_000_000),
    "alpha": (1e-12, 0.1),
    "learning_days": (1, 365),
    "fails_24h": (0, 100_000),
    "long_factor": (1, 1000),
    "service_timeout_s": (0.1, 60),
    "service_slow_ms": (1, 60_000),
    "lag_ms": (10, 60_000),
    "stall_s": (0.1, 60),
    "sweep_budget_s": (0.1, 600),
    "clock_step_s": (0.1, 3600),
    "note_min": (1, 1440),
}
"""The thresholds, each with the least and the most that make sense."""
COUNTS = {
    "bot_window_min", "bot_min_user", "max_5m", "min_60m", "relay_misses", "fails_24h", "learning_days",
    "commit_waiters", "mute_rows",
}  # fmt: skip
"""Thresholds that count things: whole numbers."""
BELOW = (
    ("quiet_h", "silent_h", "a note comes before a warning"),
    ("elevated_ms", "slow_ms", "a note comes before a warning"),
    ("lag_ms", "stall_s", "a stutter is shorter than a stall"),
    ("queue_warn_pct", "queue_drop_pct", "a warning comes before we stop listening"),
    ("queue_drop_pct", "queue_fail_pct", "we stop listening before the platform fails"),
)
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that the platform's triggers notify; a signal on it makes the `hints` checks look again."""

    realtime: bool
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeltaSettings:
    """Our own triggers that tell each change of the messages, where they are installed, and their channel."""

    channel: str
    triggers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """How one platform is shaped. `limits` holds every threshold by its name, in the unit of its name.

    What a platform does not have is None or empty, and is not watched. `explains` says for a service which reasons
    follow from its trouble; `roles` are those of its users who may see all this; `links` are pages of its admin, and
    `runbooks` say in each language what to do.
    """

    platform: str
    zone: ZoneInfo
    senders: tuple[str, ...]
    quiet_hours: QuietHours | None
    channels: Mapping[str, Channel]
    triggers: tuple[Trigger, ...]
    deltas: DeltaSettings | None
    clusters: tuple[str, ...] | None
    flags: FlagSettings | None
    broker: BrokerSettings | None
    jobs: tuple[Job, ...]
    services: tuple[ServiceTarget, ...]
    explains: Mapping[str, tuple[str, ...]]
    settings: tuple[Setting, ...]
    roles: tuple[str, ...]
    limits: Mapping[str, float]
    links: Mapping[str, str]
    runbooks: Mapping[str, Runbook] = field(repr=False)
    queries: Traversable


def read(top: Reader, mistakes: list[str]) -> Profile | None:
    """Read the profile that the configuration names, with the configuration's own values laid over it."""
    name = top.text("profile", "huph")
    folder: Traversable = Path(name) if "/" in name else resources.files("monitor.profiles") / name
    try:
        table = tomllib.loads((folder / "profile.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        top.wrong("profile", name, f"its profile.toml is not TOML: {error}.")
        return None
    except (OSError, ValueError, RecursionError):
        top.wrong("profile", name, "give the name of a profile (huph) or the path of a folder with a profile.toml.")
        return None
    for section in LAID_OVER:
        toml.lay_deep(table, section, top.table(section))
    if top.has("quiet_hours"):
        table["quiet_hours"] = top.text("quiet_hours")
    reader = Reader(table, "", mistakes)
    zone = _zone(reader)
    channels = _channels(reader.part("channels"))
    services, explains = targets.services(reader.part("services"))
    links = runbook.links(reader.part("links"))
    profile = Profile(
        platform=reader.text("platform", needed=True),
        zone=zone,
        senders=reader.texts("senders"),
        quiet_hours=_quiet_hours(reader, zone),
        channels=channels,
        triggers=_triggers(reader.part("triggers"), channels),
        deltas=_deltas(reader, channels),
        clusters=_clusters(reader),
        flags=targets.flags(reader, [service.name for service in services if service.started_at]),
        broker=targets.broker(reader, channels),
        jobs=_jobs(reader.part("jobs"), zone),
        services=services,
        explains=explains,
        settings=expected.read(reader.part("settings")),
        roles=_roles(reader.part("access")),
        limits=_limits(reader.part("limits")),
        links=links,
        runbooks=runbook.read(folder, links, mistakes),
        queries=folder / "queries",
    )
    reader.done(
        "platform, zone, senders, quiet_hours, channels, triggers, deltas, clusters, flags, broker, jobs, services, "
        "settings, access, links, limits"
    )
    return profile


def _zone(reader: Reader) -> ZoneInfo:
    name = reader.text("zone", "UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        reader.wrong("zone", name, "give a time zone of the IANA database, such as Asia/Jakarta.")
        return ZoneInfo("UTC")


def _quiet_hours(reader: Reader, zone: ZoneInfo) -> QuietHours | None:
    text = reader.text("quiet_hours")
    if not text:
        return None
    try:
        start, end = (time.fromisoformat(part.strip()) for part in text.split("-"))
    except ValueError:
        reader.wrong("quiet_hours", text, 'give two times of the day, as in "22:00-06:00", or "" for none.')
        return None
    return QuietHours(start, end, zone)


def _channels(reader: Reader) -> dict[str, Channel]:
    channels = {}
    for name in reader.names():
        part = reader.part(name)
        channels[name] = Channel(part.flag("realtime", default=False), part.texts("hints", one_of=HINTED))
        part.done("realtime, hints")
        if not 0 < len(name.encode()) <= 63:
            reader.wrong(name, None, "give a channel's name 1 to 63 bytes; PostgreSQL would cut it.")
    return channels


def _triggers(reader: Reader, channels: Mapping[str, Channel]) -> tuple[Trigger, ...]:
    triggers = []
    for name in reader.names():
        part = reader.part(name)
        relation, channel = part.text("table", needed=True), part.text("channel", needed=True)
        if channel and channel not in channels:
            part.wrong("channel", channel, f"give one of the profile's channels: {', '.join(channels)}.")
        if relation and not NAME.fullmatch(relation.rpartition(".")[2]):
            part.wrong("table", relation, "give a table's name, as PostgreSQL writes it without quotes.")
        match = dict(part.table("match"))
        for key, value in match.items():
            if not isinstance(value, str | bool | int | float):
                part.wrong(f"match.{key}", value, "give a text, number or boolean, as the payload has it.")
        triggers.append(Trigger(name, relation, channel, match, part.texts("hints", one_of=HINTED), *_proof(part)))
        part.done("table, channel, match, hints, rows, key, hash")
    return tuple(triggers)


def _deltas(reader: Reader, channels: Mapping[str, Channel]) -> DeltaSettings | None:
    if not reader.has("deltas"):
        return None
    part = reader.part("deltas")
    channel, triggers = part.text("channel", needed=True), part.texts("triggers")
    part.done("channel, triggers")
    if channel in channels or len(channel.encode()) > 63:
        part.wrong("channel", channel, "give a channel of our own, 1 to 63 bytes; the platform's are its own.")
    return DeltaSettings(channel, triggers)


def _proof(part: Reader) -> tuple[str, str, str]:
    """Read how a trigger is proven: the query of its rows, the key that names one, the hash of its definition."""
    rows, key, accepted = part.text("rows"), part.text("key"), part.text("hash")
    if rows and not NAME.fullmatch(rows):
        part.wrong("rows", rows, "give NAME of a file rows_NAME.sql among the profile's queries.")
    if key and not rows:
        part.wrong("key", key, "give rows as well: a key names a row that is counted.")
    if accepted and not HASH.fullmatch(accepted):
        part.wrong("hash", accepted, "give the 12 hex digits that the page shows, or all 32 of them.")
    return rows, key, accepted


def _clusters(reader: Reader) -> tuple[str, ...] | None:
    if not reader.has("clusters"):
        return None
    part = reader.part("clusters")
    expected = part.texts("expected")
    part.done("expected")
    return expected


def _jobs(reader: Reader, zone: ZoneInfo) -> tuple[Job, ...]:
    jobs = []
    for name in reader.names():
        part = reader.part(name)
        every_s = _duration(part, "every")
        schedule = part.text("schedule") or None
        if (every_s is None) == (schedule is None):
            part.wrong("every", None, 'give either every = "20m" or schedule = "0 22 * * *".')
            every_s, schedule = 3600.0, None
        interval_s = every_s if every_s is not None else _least_gap(part, schedule or "", zone)
        grace_s = part.number("grace_s", max(60.0, 0.1 * interval_s), 1, 86_400)
        enabled = part.flag("enabled", default=True)
        part.done("every, schedule, grace_s, enabled")
        jobs.append(Job(name, every_s, schedule, zone, grace_s, enabled=enabled))
    return tuple(jobs)


def _duration(part: Reader, key: str) -> float | None:
    text = part.text(key)
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})([smhd])", text)
    if found is None:
        part.wrong(key, text, 'give a number and a unit, as in "20m"; units are s, m, h, d.')
        return 3600.0
    return float(int(found[1]) * UNITS[found[2]])


def _least_gap(part: Reader, schedule: str, zone: ZoneInfo) -> float:
    """Give the shortest time between two of the next runs, in seconds."""
    try:
        dues = list(islice(CronSim(schedule, datetime.fromtimestamp(0, UTC).astimezone(zone)), 9))
    except CronSimError:
        part.wrong("schedule", schedule, 'give a cron expression of five fields, as in "0 22 * * *".')
        return 3600.0
    return min(((later - earlier).total_seconds() for earlier, later in pairwise(dues)), default=86_400.0)


def _roles(reader: Reader) -> tuple[str, ...]:
    """Read which roles of the platform may see its health."""
    roles = reader.texts("roles")
    reader.done("roles")
    return roles


def _limits(reader: Reader) -> dict[str, float]:
    limits = {}
    for name, (least, most) in LIMITS.items():
        if not reader.has(name):
            reader.wrong(name, None, f"is missing in the profile; give a number from {least:g} to {most:g}.")
        # What is not a number is neither above nor below another: no mistake calls a second one forth.
        limits[name] = reader.number(name, math.nan, least, most, whole=name in COUNTS)
    reader.done(", ".join(LIMITS))
    for low, high, why in BELOW:
        scale = 1000 if low.endswith("_ms") and high.endswith("_s") else 1
        if limits[low] >= scale * limits[high]:
            reader.wrong(low, limits[low], f"give less than {high}: {why}.")
    return limits

"""The configuration: TOML and environment to one frozen Config; every mistake at once, with key, value and mend."""

from __future__ import annotations

import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from monitor import toml
from monitor.database import Target
from monitor.domain.catalogue import Trigger
from monitor.domain.quiet_hours import QuietHours
from monitor.errors import ConfigError
from monitor.toml import Reader

ENVIRONMENT = "HUPH_MONITOR_"
NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
HINTED = ("message_throughput", "recent_activity", "triggers")
LIMITS: Mapping[str, tuple[float, float]] = {
    "sample_s": (1, 3600),
    "sweep_s": (5, 3600),
    "elevated_ms": (1, 60_000),
    "slow_ms": (1, 60_000),
    "saturated_pct": (1, 100),
    "query_timeout_s": (0.1, 60),
    "connect_timeout_s": (0.1, 60),
    "canary_deadline_s": (0.1, 60),
    "quiet_h": (0.01, 1000),
    "silent_h": (0.01, 1000),
    "bot_window_min": (1, 1440),
    "bot_min_user": (1, 100_000),
    "max_5m": (1, 100_000_000),
    "min_60m": (0, 100_000_000),
    "note_min": (1, 1440),
}
"""The thresholds, each with the least and the most that make sense."""
COUNTS = {"bot_window_min", "bot_min_user", "max_5m", "min_60m"}
"""Thresholds that count things: whole numbers."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that the platform's triggers notify; a signal on it makes the `hints` checks look again."""

    realtime: bool
    hints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """How one platform is shaped. `limits` holds every threshold by its name, in the unit of its name."""

    platform: str
    zone: ZoneInfo
    senders: tuple[str, ...]
    quiet_hours: QuietHours | None
    channels: Mapping[str, Channel]
    triggers: tuple[Trigger, ...]
    limits: Mapping[str, float]
    queries: Traversable


@dataclass(frozen=True, slots=True)
class Http:
    """Where to serve; `base_path` begins and ends with a slash, `hosts` are further names that visitors may use."""

    host: str
    port: int
    base_path: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """All that the daemon is told."""

    profile: Profile
    database: Target
    listen: Target
    http: Http
    log_json: bool | None
    log_level: str


def load(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """Read a configuration file, then the environment, then the command line; each wins over the one before.

    Raises `ConfigError` with every mistake at once.
    """
    mistakes: list[str] = []
    table = toml.read(path) if path is not None else {}
    merged = _with_environment(table, environment, mistakes)
    for section, values in overrides.items():
        toml.lay(merged, section, values)
    top = Reader(merged, "", mistakes)
    profile = _profile(top, mistakes)
    database, listen = _database(top.part("database"), mistakes)
    http = _http(top.part("http"))
    log = top.part("log")
    log_format = log.text("format", "auto", one_of=("auto", "json", "text"))
    level = log.text("level", "info", one_of=("debug", "info", "warning", "error"))
    log.done("format, level")
    top.done("profile, quiet_hours, database, http, limits, log")
    if mistakes or profile is None or database is None or listen is None:
        raise ConfigError(mistakes)
    return Config(profile, database, listen, http, {"json": True, "text": False}.get(log_format), level)


def _with_environment(table: Mapping[str, Any], environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Lay HUPH_MONITOR_SECTION_KEY over the table; numbers and booleans are read as TOML reads them."""
    merged = dict(table)
    sections = ("database", "http", "limits", "log")
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT) or name == f"{ENVIRONMENT}CONFIG":
            continue
        key = name.removeprefix(ENVIRONMENT).lower()
        section = next((one for one in sections if key.startswith(f"{one}_")), None)
        if section is not None:
            # A password of digits is a text all the same.
            value = text if section == "database" else toml.value(text)
            toml.lay(merged, section, {key.removeprefix(f"{section}_"): value})
        elif key in {"profile", "quiet_hours"}:
            merged[key] = text
        else:
            mistakes.append(
                f"{name}: is not known; variables are {ENVIRONMENT}SECTION_KEY, as in {ENVIRONMENT}HTTP_PORT."
            )
    return merged


def _profile(top: Reader, mistakes: list[str]) -> Profile | None:
    name = top.text("profile", "huph")
    folder: Traversable = Path(name) if "/" in name else resources.files("monitor.profiles") / name
    try:
        table = tomllib.loads((folder / "profile.toml").read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        top.wrong("profile", name, f"its profile.toml is not TOML: {error}.")
        return None
    except (OSError, ValueError):
        top.wrong("profile", name, "give the name of a profile (huph) or the path of a folder with a profile.toml.")
        return None
    toml.lay(table, "limits", top.table("limits"))
    if top.has("quiet_hours"):
        table["quiet_hours"] = top.text("quiet_hours")
    reader = Reader(table, "", mistakes)
    zone = _zone(reader)
    channels = _channels(reader.part("channels"))
    profile = Profile(
        platform=reader.text("platform", needed=True),
        zone=zone,
        senders=reader.texts("senders"),
        quiet_hours=_quiet_hours(reader, zone),
        channels=channels,
        triggers=_triggers(reader.part("triggers"), channels),
        limits=_limits(reader.part("limits")),
        queries=folder / "queries",
    )
    reader.done("platform, zone, senders, quiet_hours, channels, triggers, limits")
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
        triggers.append(Trigger(name, relation, channel, match))
        part.done("table, channel, match")
    return tuple(triggers)


def _limits(reader: Reader) -> dict[str, float]:
    limits = {}
    for name, (least, most) in LIMITS.items():
        if not reader.has(name):
            reader.wrong(name, None, f"is missing in the profile; give a number from {least:g} to {most:g}.")
        # What is not a number is neither above nor below another: no mistake calls a second one forth.
        limits[name] = reader.number(name, math.nan, least, most, whole=name in COUNTS)
    reader.done(", ".join(LIMITS))
    if limits["quiet_h"] >= limits["silent_h"]:
        reader.wrong("quiet_h", limits["quiet_h"], "give less than silent_h: a note comes before a warning.")
    if limits["elevated_ms"] >= limits["slow_ms"]:
        reader.wrong("elevated_ms", limits["elevated_ms"], "give less than slow_ms: a note comes before a warning.")
    return limits


def _database(reader: Reader, mistakes: list[str]) -> tuple[Target | None, Target | None]:
    dsn = reader.secret("dsn")
    password: str | None = reader.secret("password") or None
    if file := reader.text("password_file"):
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError):
            reader.wrong("password_file", file, "cannot be read as text in UTF-8; name a file that exists.")
    listen_dsn = reader.secret("listen_dsn") or dsn
    reader.done("dsn, listen_dsn, password, password_file")
    targets: list[Target | None] = []
    for key, text in (("dsn", dsn), ("listen_dsn", listen_dsn)):
        try:
            targets.append(Target.of(text, password))
        except ValueError as error:
            targets.append(None)
            if key == "dsn" or text != dsn:
                mend = "give an address such as postgresql://huph_monitor@127.0.0.1:5432/huph"
                mistakes.append(f"database.{key}: {'is missing' if not text else error}; {mend}.")
    return targets[0], targets[1]


def _http(reader: Reader) -> Http:
    host = reader.text("host", "127.0.0.1")
    port = int(reader.number("port", 8787, 0, 65_535, whole=True))
    base = reader.text("base_path", "/")
    hosts = reader.texts("hosts")
    reader.done("host, port, base_path, hosts")
    if not _loopback(host):
        reader.wrong(
            "host", host, "only a loopback address (127.0.0.1, ::1, localhost) is served until access control exists."
        )
    plain = re.fullmatch(r"/([A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*", base)
    # A browser takes segments of dots away before it asks (RFC 3986, 5.2.4).
    if not plain or {".", ".."} & set(base.split("/")):
        reader.wrong("base_path", base, 'give a path such as "/hm/".')
    return Http(host, port, base if base.endswith("/") else f"{base}/", hosts)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def configured(path: Path | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether anything names a database to watch; with nothing configured, the demo is watched."""
    return path is not None or any(name.startswith(f"{ENVIRONMENT}DATABASE_") for name in environment)

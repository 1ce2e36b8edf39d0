"""The configuration: TOML and environment to one frozen Config; every mistake at once, with key, value and mend."""

from __future__ import annotations

import ipaddress
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

from monitor.database import Target
from monitor.domain.checks.triggers import Trigger
from monitor.domain.quiet_hours import QuietHours
from monitor.errors import ConfigError

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
    """Where to serve; `base_path` begins and ends with a slash."""

    host: str
    port: int
    base_path: str


@dataclass(frozen=True, slots=True)
class Config:
    """All that the daemon is told."""

    profile: Profile
    database: Target
    listen: Target
    http: Http
    log_json: bool | None
    log_level: str


class Reader:
    """One table of TOML: takes keys out, one by one, and notes what is wrong with them."""

    def __init__(self, table: Mapping[str, Any], path: str, mistakes: list[str]) -> None:
        self._left = dict(table)
        self._path = path
        self._mistakes = mistakes

    def wrong(self, key: str, value: object, mend: str) -> None:
        """Note a mistake; a secret's value must be given as None."""
        shown = "" if value is None else f" is {value!r}:"
        self._mistakes.append(f"{self._path}{key}{shown or ':'} {mend}")

    def has(self, key: str) -> bool:
        return key in self._left

    def text(self, key: str, default: str = "", *, one_of: tuple[str, ...] = (), needed: bool = False) -> str:
        value = self._left.pop(key, None)
        if value is None:
            if needed:
                self.wrong(key, None, "is missing; give it as a text in quotes.")
            return default
        if not isinstance(value, str) or (needed and not value):
            self.wrong(key, value, "give a text in quotes.")
        elif one_of and value not in one_of:
            self.wrong(key, value, f"give one of {', '.join(one_of)}.")
        else:
            return value
        return default

    def secret(self, key: str, default: str = "") -> str:
        value = self._left.pop(key, None)
        if value is not None and not isinstance(value, str):
            self.wrong(key, None, "give a text in quotes.")
            return default
        return default if value is None else value

    def number(self, key: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
        value = self._left.pop(key, None)
        if value is None:
            return default
        kind = "a whole number" if whole else "a number"
        if (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not least <= value <= most
        ):
            self.wrong(key, value, f"give {kind} from {least:g} to {most:g}.")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            self.wrong(key, value, "give true or false.")
            return default
        return value

    def texts(self, key: str, *, one_of: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, value, "give a list of texts.")
            return ()
        for item in value:
            if one_of and item not in one_of:
                self.wrong(key, item, f"give only {', '.join(one_of)}.")
        return tuple(value)

    def table(self, key: str) -> Mapping[str, Any]:
        value = self._left.pop(key, {})
        if not isinstance(value, Mapping):
            self.wrong(key, value, f"make it a table: [{self._path}{key}].")
            return {}
        return value

    def part(self, key: str) -> Reader:
        """Read a table within this one."""
        return Reader(self.table(key), f"{self._path}{key}.", self._mistakes)

    def done(self, known: str) -> None:
        """Note every key that nobody took."""
        for key, value in self._left.items():
            shown = value if isinstance(value, bool | int | float) else None
            self.wrong(key, shown, f"is not known here; known: {known}.")


def load(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, Mapping[str, Any]]) -> Config:
    """Read a configuration file, then the environment, then the command line; each wins over the one before.

    Raises `ConfigError` with every mistake at once.
    """
    mistakes: list[str] = []
    table = _toml(path) if path is not None else {}
    merged = _with_environment(table, environment, mistakes)
    for section, values in overrides.items():
        merged[section] = {**merged.get(section, {}), **values}
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


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); name a file that exists."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The line is named, never quoted: it may hold a password.
        where = re.search(r"at line \d+", str(error))
        raise ConfigError([f"{path}: is not TOML {where[0] if where else ''}; mend that line."]) from None


def _with_environment(table: Mapping[str, Any], environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Lay HUPH_MONITOR_SECTION_KEY over the table; numbers and booleans are read as TOML reads them."""
    merged: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in table.items()}
    sections = ("database", "http", "limits", "log")
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT) or name == f"{ENVIRONMENT}CONFIG":
            continue
        key = name.removeprefix(ENVIRONMENT).lower()
        section = next((one for one in sections if key.startswith(f"{one}_")), None)
        if section is not None:
            merged.setdefault(section, {})[key.removeprefix(f"{section}_")] = _value(text, section)
        elif key in {"profile", "quiet_hours"}:
            merged[key] = text
        else:
            mistakes.append(
                f"{name}: is not known; variables are {ENVIRONMENT}SECTION_KEY, as in {ENVIRONMENT}HTTP_PORT."
            )
    return merged


def _value(text: str, section: str) -> Any:
    if section == "database":
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _profile(top: Reader, mistakes: list[str]) -> Profile | None:
    name = top.text("profile", "huph")
    folder: Traversable = Path(name) if "/" in name else resources.files("monitor.profiles") / name
    try:
        table = tomllib.loads((folder / "profile.toml").read_text(encoding="utf-8"))
    except OSError:
        top.wrong("profile", name, "give the name of a profile (huph) or the path of a folder with a profile.toml.")
        return None
    except tomllib.TOMLDecodeError as error:
        top.wrong("profile", name, f"its profile.toml is not TOML: {error}.")
        return None
    limits = {**table.get("limits", {}), **top.table("limits")}
    quiet = top.text("quiet_hours", str(table.get("quiet_hours", "")))
    reader = Reader({**table, "limits": limits, "quiet_hours": quiet}, "", mistakes)
    zone = _zone(reader)
    channels = {}
    for channel, values in reader.table("channels").items():
        part = Reader(values, f"channels.{channel}.", mistakes)
        channels[channel] = Channel(part.flag("realtime", default=False), part.texts("hints", one_of=HINTED))
        part.done("realtime, hints")
        if len(channel.encode()) > 63:
            reader.wrong("channels", channel, "a channel's name has at most 63 bytes; PostgreSQL would cut it.")
    profile = Profile(
        platform=reader.text("platform", needed=True),
        zone=zone,
        senders=reader.texts("senders"),
        quiet_hours=_quiet_hours(reader, zone),
        channels=channels,
        triggers=_triggers(reader.table("triggers"), channels, mistakes),
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


def _triggers(table: Mapping[str, Any], channels: Mapping[str, Channel], mistakes: list[str]) -> tuple[Trigger, ...]:
    triggers = []
    for name, values in table.items():
        part = Reader(values, f"triggers.{name}.", mistakes)
        relation, channel = part.text("table", needed=True), part.text("channel", needed=True)
        if channel and channel not in channels:
            part.wrong("channel", channel, f"give one of the profile's channels: {', '.join(channels)}.")
        if relation and not NAME.fullmatch(relation.rpartition(".")[2]):
            part.wrong("table", relation, "give a table's name, as PostgreSQL writes it without quotes.")
        triggers.append(Trigger(name, relation, channel, dict(part.table("match"))))
        part.done("table, channel, match")
    return tuple(triggers)


def _limits(reader: Reader) -> dict[str, float]:
    limits = {
        name: reader.number(name, least, least, most, whole=name in COUNTS) for name, (least, most) in LIMITS.items()
    }
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
        except OSError as error:
            reader.wrong("password_file", file, f"cannot be read ({error.strerror}); name a file that exists.")
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
    reader.done("host, port, base_path")
    if not _loopback(host):
        reader.wrong(
            "host", host, "only a loopback address (127.0.0.1, ::1, localhost) is served until access control exists."
        )
    if not re.fullmatch(r"/([A-Za-z0-9._~-]+/)*[A-Za-z0-9._~-]*", base):
        reader.wrong("base_path", base, 'give a path such as "/hm/".')
    return Http(host, port, base if base.endswith("/") else f"{base}/")


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

"""The configuration: TOML and environment to one frozen Config; every mistake at once, with key, value and mend."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import doors, toml
from monitor import profile as profiles
from monitor.access.rules import Rules
from monitor.database import Target
from monitor.doors import Http
from monitor.errors import ConfigError
from monitor.profile import DeltaSettings, Profile
from monitor.toml import Reader

ENVIRONMENT = "HUPH_MONITOR_"


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """How the live stream is sent: what follows a change within `coalesce_s` seconds goes out with the next (0: never).

    At most so many subscribers at a time, in total, from one address, and as one user or token.
    """

    coalesce_s: float = 0.025
    max_subscribers: int = 1000
    max_per_address: int = 250
    max_per_caller: int = 250


@dataclass(frozen=True, slots=True)
class Config:
    """All that the daemon is told."""

    profile: Profile
    database: Target
    listen: Target
    edit: Target | None
    http: Http
    access: Rules
    log_json: bool | None
    log_level: str
    deltas: DeltaSettings | None = None
    stream: StreamSettings = StreamSettings()


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
    profile = profiles.read(top, mistakes)
    own_triggers = top.flag("deltas", default=False)
    if own_triggers and profile is not None and profile.deltas is None:
        top.wrong("deltas", value=True, mend="the profile names no triggers of our own ([deltas]); leave it false.")
    database, listen, edit = _database(top.part("database"), mistakes)
    http = doors.http(top.part("http"))
    access = doors.access(top.part("access"), profile.roles if profile is not None else (), http)
    stream = _stream(top.part("stream"))
    log = top.part("log")
    log_format = log.text("format", "auto", one_of=("auto", "json", "text"))
    level = log.text("level", "info", one_of=("debug", "info", "warning", "error"))
    log.done("format, level")
    top.done(
        "profile, quiet_hours, deltas, database, http, access, stream, limits, broker, flags, services, links, log"
    )
    if mistakes or profile is None or database is None or listen is None:
        raise ConfigError(mistakes)
    as_json = {"json": True, "text": False}.get(log_format)
    return Config(
        profile=profile,
        database=database,
        listen=listen,
        edit=edit,
        http=http,
        access=access,
        log_json=as_json,
        log_level=level,
        deltas=profile.deltas if own_triggers else None,
        stream=stream,
    )


def _with_environment(table: Mapping[str, Any], environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Lay HUPH_MONITOR_SECTION_KEY over the table; numbers and booleans are read as TOML reads them."""
    merged = dict(table)
    sections = ("database", "http", "access", "stream", "limits", "broker", "flags", "log")
    for name, text in sorted(environment.items()):
        # The token is not the daemon's: `watch` and `check` show it to one.
        if not name.startswith(ENVIRONMENT) or name in {f"{ENVIRONMENT}CONFIG", f"{ENVIRONMENT}TOKEN"}:
            continue
        key = name.removeprefix(ENVIRONMENT).lower()
        section = next((one for one in sections if key.startswith(f"{one}_")), None)
        if section is not None:
            # A password of digits is a text all the same.
            value = text if section in {"database", "broker"} or "secret" in key else toml.value(text)
            toml.lay(merged, section, {key.removeprefix(f"{section}_"): value})
        elif key in {"profile", "quiet_hours"}:
            merged[key] = text
        elif key == "deltas":
            merged[key] = toml.value(text)
        else:
            mistakes.append(
                f"{name}: is not known; variables are {ENVIRONMENT}SECTION_KEY, as in {ENVIRONMENT}HTTP_PORT."
            )
    return merged


def _database(reader: Reader, mistakes: list[str]) -> tuple[Target | None, Target | None, Target | None]:
    """Give where to ask, where to listen, and by which role to edit (None: nothing is edited)."""
    dsn = reader.secret("dsn")
    password = _password(reader, "password")
    listen_dsn = reader.secret("listen_dsn") or dsn
    edit_dsn, edit_password = reader.secret("edit_dsn"), _password(reader, "edit_password")
    reader.done("dsn, listen_dsn, password, password_file, edit_dsn, edit_password, edit_password_file")
    targets: list[Target | None] = []
    for key, text, word in (
        ("dsn", dsn, password),
        ("listen_dsn", listen_dsn, password),
        ("edit_dsn", edit_dsn, edit_password),
    ):
        if key == "edit_dsn" and not text:
            if edit_password is not None:
                mistakes.append("database.edit_dsn: is missing; a password alone does not say by which role to edit.")
            targets.append(None)
            continue
        try:
            targets.append(Target.of(text, word))
        except ValueError as error:
            targets.append(None)
            if key != "listen_dsn" or text != dsn:
                mend = "give an address such as postgresql://huph_monitor@127.0.0.1:5432/huph"
                mistakes.append(f"database.{key}: {'is missing' if not text else error}; {mend}.")
    asks, listens, edits = targets
    return asks, listens, edits


def _password(reader: Reader, key: str) -> str | None:
    password: str | None = reader.secret(key) or None
    if file := reader.text(f"{key}_file"):
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\n")
        except (OSError, ValueError):
            reader.wrong(f"{key}_file", file, "cannot be read as text in UTF-8; name a file that exists.")
    return password


def _stream(reader: Reader) -> StreamSettings:
    usual = StreamSettings()
    coalesce_ms = reader.number("coalesce_ms", 1000 * usual.coalesce_s, 0, 1000)
    total = int(reader.number("max_subscribers", usual.max_subscribers, 1, 100_000, whole=True))
    one = int(reader.number("max_per_address", usual.max_per_address, 1, 100_000, whole=True))
    caller = int(reader.number("max_per_caller", usual.max_per_caller, 1, 100_000, whole=True))
    reader.done("coalesce_ms, max_subscribers, max_per_address, max_per_caller")
    return StreamSettings(coalesce_ms / 1000, total, one, caller)


def configured(path: Path | None, environment: Mapping[str, str] = os.environ) -> bool:
    """Say whether anything names a database to watch; with nothing configured, the demo is watched."""
    return path is not None or any(name.startswith(f"{ENVIRONMENT}DATABASE_") for name in environment)

"""Where the parts of a platform beside its database are found: services, the realtime broker, the feature flags."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from monitor import addresses
from monitor.domain.brokering import BrokerSettings, Relay
from monitor.domain.checks.feature_flags import FlagSettings
from monitor.domain.probing import Kind, ServiceTarget
from monitor.secret import Secret
from monitor.toml import Reader

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
KINDS: Mapping[str, Kind] = {"http": "http", "tcp": "tcp", "valkey": "valkey"}
EXPLAINED = (
    "recent_activity.bot_silent", "realtime.broker_*", "cron.failing", "cron.late", "cron.scheduler_stuck",
)  # fmt: skip
"""Reasons that may follow from the trouble of a service (catalogue of reasons, section 6.1)."""
CLOSED = (
    "no service lives at a link-local, multicast, broadcast or unspecified address, nor at a cloud's metadata; "
    "give the service's own."
)


def services(reader: Reader) -> tuple[tuple[ServiceTarget, ...], Mapping[str, tuple[str, ...]]]:
    """Read the services; one without an address is not watched. Give with them what each explains."""
    found, explains = [], {}
    for name in reader.names():
        part = reader.part(name)
        kind = part.text("kind", "http", one_of=tuple(KINDS))
        key, other = ("url", "address") if kind == "http" else ("address", "url")
        where, misplaced = part.text(key), part.text(other)
        expect = part.numbers("expect", (200,), 100, 599)
        started_at = part.text("started_at")
        password = _secret_file(part, "password_file")
        explained = part.texts("explains", one_of=EXPLAINED)
        part.done("kind, url, address, expect, started_at, password_file, explains")
        if not NAME.fullmatch(name):
            reader.wrong(name, None, "give a service a name of small letters, digits, _ . and -.")
        if misplaced:
            part.wrong(other, None, f"a service of kind {kind} has its {key} instead.")
        if where and not (_is_http(where) if kind == "http" else _is_address(where)):
            # Not its value: an address may hold a password.
            mend = "http://127.0.0.1:5001/health, without a user or password" if kind == "http" else "127.0.0.1:6379"
            part.wrong(key, None, f"give an address such as {mend}.")
        elif where and _closed(where if kind == "http" else f"//{where}"):
            part.wrong(key, None, CLOSED)
        elif where:
            url, address = (where, "") if kind == "http" else ("", where)
            found.append(ServiceTarget(name, KINDS[kind], url, address, expect, started_at, password))
        if explained:
            explains[name] = explained
    return tuple(found), explains


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.port is None or 0 < parts.port < 65_536
    except ValueError:
        return False
    return plain and parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None


def _judge(part: Reader, url: str, mend: str) -> None:
    if not _is_http(url):
        part.wrong("url", None, mend)
    elif _closed(url):
        part.wrong("url", None, CLOSED)


def _closed(url: str) -> bool:
    """Say whether it names, without a name server, an address that nobody may be sent to."""
    host = urlsplit(url).hostname or ""
    return addresses.literal(host) is not None and addresses.closed(host)


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    try:
        numbered = bool(urlsplit(f"//{text}").port) and port.isascii()
    except ValueError:
        return False
    return numbered and bool(re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", host))


def flags(reader: Reader, telling: Collection[str]) -> FlagSettings | None:
    """Read where the feature flags are; `telling` names the services that tell since when they run."""
    if not reader.has("flags"):
        return None
    part = reader.part("flags")
    source = part.text("source", "file", one_of=("file", "http", "sql"))
    path, url, applied_by = part.text("path"), part.text("url"), part.text("applied_by")
    wanted = part.part("expected")
    expected = {name: wanted.text(name, "text", one_of=("bool", "int", "text")) for name in wanted.names()}
    part.done("source, path, url, applied_by, expected")
    if not path.isprintable():
        part.wrong("path", path, "holds a character that no path has.")
    if source == "file" and not path:
        part.wrong("path", None, "is missing; name the file that holds the flags.")
    if source == "http":
        _judge(part, url, "give the address that answers with the flags as a JSON object.")
    if applied_by and applied_by not in telling:
        # Said only where somebody watches that service: without its address nothing can be compared.
        applied_by = ""
    return FlagSettings(source, path, url, expected, applied_by)


def broker(reader: Reader, channels: Collection[str]) -> BrokerSettings | None:
    """Read how the realtime broker is reached; None where no address is given."""
    part = reader.part("broker")
    url, path, namespace = part.text("url"), part.text("path", "socket.io"), part.text("namespace", "/")
    join, claims = part.table("join"), part.table("claims")
    stats = part.text("stats")
    written, secret = _newest(_secret_file(part, "secret_file")), _secret(part, "secret")
    secret = written or secret
    relays = {}
    wanted = part.part("relays")
    for channel in wanted.names():
        one = wanted.part(channel)
        relays[channel] = Relay(one.text("event", needed=True), one.texts("keys"))
        one.done("event, keys")
        if channel not in channels:
            wanted.wrong(channel, None, f"give one of the profile's channels: {', '.join(channels)}.")
        if not relays[channel].keys:
            one.wrong("keys", None, 'give the keys of the payload that identify a signal, as in ["id"].')
    part.done("url, path, namespace, join, claims, stats, secret, secret_file, relays")
    for key, value in claims.items():
        if not isinstance(value, str | bool | int | float):
            part.wrong(f"claims.{key}", value, "give a text, number or boolean.")
    if join.keys() - {"event", "data"} or not all(isinstance(value, str) for value in join.values()):
        part.wrong(
            "join", None, 'give the event that asks for a room, and its text: { event = "join", data = "inbox" }.'
        )
    if not url:
        return None
    _judge(part, url, "give an address such as http://127.0.0.1:3001, without a user or password.")
    if secret is None:
        part.wrong("secret_file", None, "is missing; name a file that holds the secret shared with the broker.")
        secret = Secret("")
    join_event, join_data = str(join.get("event", "")), str(join.get("data", ""))
    return BrokerSettings(url, path, namespace, join_event, join_data, stats, relays, dict(claims), secret)


def _newest(secret: Secret | None) -> Secret | None:
    """Give the first line: while the secret is exchanged, its file holds the older ones below it."""
    return None if secret is None else Secret(secret.reveal().partition("\n")[0].rstrip())


def _secret(part: Reader, key: str) -> Secret | None:
    text = part.secret(key)
    return Secret(text) if text else None


def _secret_file(part: Reader, key: str) -> Secret | None:
    name = part.text(key)
    if not name:
        return None
    try:
        text = Path(name).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        part.wrong(key, name, "cannot be read as text in UTF-8; name a file that exists.")
        return None
    if not text:
        part.wrong(key, name, "is empty; write the secret into it.")
    return Secret(text)

"""`huph-monitor token`: make, list and revoke service tokens; a token's text is shown once and taken by no option."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor import toml
from monitor.access.tokens import MOST_DAYS, SCOPES, Token, TokenStore, default_path
from monitor.clock import SystemClock
from monitor.errors import ConfigError, MonitorError

DAYS = 90
_SCOPES = """\
scopes, each with those before it: read (asks), stream (follows the live stream too), admin (edits settings too).
A running daemon knows a new token, and a revoked one, at once.
"""


def add_parser(commands: Any) -> None:
    """Add the command, and what stands below it."""
    place = argparse.ArgumentParser(add_help=False)
    place.add_argument("--store", type=Path, metavar="PATH", help="the file of the tokens ([access] tokens)")
    place.add_argument("--config", type=Path, metavar="FILE", help="the daemon's configuration (TOML), which names it")
    parser = commands.add_parser("token", help="make, list and revoke service tokens", allow_abbrev=False)
    below = parser.add_subparsers(metavar="add | list | revoke", required=True)
    adding = below.add_parser(
        "add",
        help="make a token, and print it once",
        epilog=_SCOPES,
        parents=[place],
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    adding.add_argument("name", metavar="NAME", help="who will use it; stands in the audit log")
    adding.add_argument("--scope", choices=tuple(SCOPES), required=True, help="what it is good for")
    adding.add_argument("--days", type=int, default=DAYS, metavar="N", help=f"how long: 1 to {MOST_DAYS} ({DAYS})")
    adding.set_defaults(call=add)
    listing = below.add_parser("list", help="list all that were ever made", parents=[place], allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(call=show)
    revoking = below.add_parser("revoke", help="revoke a token for good", parents=[place], allow_abbrev=False)
    revoking.add_argument("name", metavar="NAME")
    revoking.set_defaults(call=revoke)


def add(arguments: argparse.Namespace) -> int:
    """Print the text of a new token to standard output, and nothing else there."""
    path, now = _path(arguments), SystemClock().now().wall
    store = TokenStore(path)
    text = store.add(arguments.name, arguments.scope, arguments.days, now)
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except OSError as error:
        store.revoke(arguments.name, now)
        raise MonitorError(f"The token could not be printed ({error.strerror}), and was revoked again.") from None
    until = _day(store.list(now)[-1].expires_at)
    _note(f"Token {arguments.name} ({arguments.scope}) is good until {until}. It is not shown again; kept in {path}.")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print all tokens: a table, or JSON."""
    path = _path(arguments)
    tokens = TokenStore(path).list(SystemClock().now().wall)
    if arguments.json:
        sys.stdout.write(json.dumps([_as_json(one) for one in tokens], indent=2) + "\n")
        return 0
    if not tokens:
        _note(f"There are no tokens in {path}.")
        return 0
    rows = [("NAME", "SCOPE", "STANDING", "CREATED", "EXPIRES", "LAST USED")]
    for one in tokens:
        used = _minute(one.used_at) if one.used_at is not None else "never"
        rows.append((one.name, one.scope, one.standing, _day(one.created_at), _day(one.expires_at), used))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(f"{line.rstrip()}\n")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """Revoke a token; one that is dead already is no mistake."""
    done = TokenStore(_path(arguments)).revoke(arguments.name, SystemClock().now().wall)
    _note(f"Token {arguments.name} {'is revoked' if done else 'was dead already'}.")
    return 0


def _path(arguments: argparse.Namespace) -> Path:
    """Find the store as the daemon does: the option, else the environment, the configuration, our own place."""
    if arguments.store is not None:
        return Path(arguments.store).absolute()
    if named := os.environ.get("HUPH_MONITOR_ACCESS_TOKENS"):
        return Path(named).absolute()
    config = arguments.config or os.environ.get("HUPH_MONITOR_CONFIG")
    return (configured(Path(config)) if config else None) or default_path()


def configured(path: Path) -> Path | None:
    """Read `[access] tokens` of a configuration; a mistake elsewhere in it is the daemon's to tell."""
    access = toml.read(path).get("access", {})
    named = access.get("tokens", "") if isinstance(access, dict) else ""
    if not isinstance(named, str):
        raise ConfigError(["access.tokens: give a path as a text in quotes."])
    return Path(named).absolute() if named else None


def _as_json(one: Token) -> dict[str, str | None]:
    return {
        "name": one.name,
        "scope": one.scope,
        "standing": one.standing,
        "created_at": _instant(one.created_at),
        "expires_at": _instant(one.expires_at),
        "revoked_at": _instant(one.revoked_at),
        "used_at": _instant(one.used_at),
    }


def _instant(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def _minute(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%MZ")


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201 - the command line speaks to a person

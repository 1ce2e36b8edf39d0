"""The configuration that describes the demo to the monitor: an ordinary one, as a person would write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def text(
    *,
    dsn: str,
    broker: str,
    secret: Path,
    sign_in: str,
    tokens: Path,
    flags: Path,
    services: Mapping[str, Mapping[str, str]],
    edit_dsn: str | None = None,
    edit_password: Path | None = None,
) -> str:
    """Write it; a service is described by the key of its kind: `url` for http, `address` for the rest.

    `secret` is the file of NEXTAUTH_SECRET, which also signs the tokens towards the broker. Settings can be edited
    where `edit_dsn` says by which role, whose password is in the file `edit_password`.
    """
    database = {"dsn": dsn}
    if edit_dsn is not None and edit_password is not None:
        database |= {"edit_dsn": edit_dsn, "edit_password_file": str(edit_password)}
    sections = {
        "database": database,
        "access": {"nextauth_secret_file": str(secret), "sign_in_url": sign_in, "tokens": str(tokens)},
        "broker": {"url": broker, "secret_file": str(secret)},
        "flags": {"path": str(flags)},
        # The demo's admin signs people in, and has no other page.
        "links": dict.fromkeys(("users", "audit_log", "follow_up", "inbox"), ""),
        **{f"services.{name}": place for name, place in services.items()},
    }
    lines = ["# Written by `huph-monitor demo`; it describes the demo platform to the monitor.", 'profile = "huph"']
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_quoted(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """Write a string of TOML; it knows the escapes of JSON, but no pairs of surrogates, and it wants one more."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

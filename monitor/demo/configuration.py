"""The configuration that describes the demo to the monitor: an ordinary one, as a person would write it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def text(*, dsn: str, broker: str, broker_secret: Path, flags: Path, services: Mapping[str, Mapping[str, str]]) -> str:
    """Write it; a service is described by the key of its kind: `url` for http, `address` for the rest."""
    sections = {
        "database": {"dsn": dsn},
        "broker": {"url": broker, "secret_file": str(broker_secret)},
        "flags": {"path": str(flags)},
        **{f"services.{name}": place for name, place in services.items()},
    }
    lines = ["# Written by `huph-monitor demo`; it describes the demo platform to the monitor.", 'profile = "huph"']
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {_quoted(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    """Write a string of TOML; it knows the escapes of JSON, but no pairs of surrogates, and it wants one more."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")

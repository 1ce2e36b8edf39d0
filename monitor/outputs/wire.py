"""The live document and its changes as bytes: the twin of web/src/live/protocol.ts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from monitor import __version__
from monitor.domain.change import Change, Document
from monitor.domain.verdict import instant

PROTOCOL = "health.v1.json"
HEARTBEAT_S = 3


def encode(value: object) -> bytes:
    """Write JSON (RFC 8259)."""
    return orjson.dumps(value)


def decode(text: str | bytes) -> Any:
    """Read JSON; ValueError when it is none."""
    return orjson.loads(text)


def fresh(document: Document, evidence: Mapping[str, str], at: float) -> dict[str, object]:
    """Give the document with the age of its evidence as it is now, as a bookmark would tell it.

    Evidence is named after what it belongs to: `db` for a check, `services/dify` for a service, `cron` or `monitor` for
    a section that is one entry. Settings have no age of their own.
    """
    renewed = {**document, "as_of": instant(at)}
    for section, prefix in (("checks", ""), ("services", "services/")):
        entries = document.get(section)
        if isinstance(entries, Mapping):
            renewed[section] = {name: _aged(entry, evidence.get(prefix + name)) for name, entry in entries.items()}
    for section in ("cron", "monitor"):
        if section in document:
            renewed[section] = _aged(document[section], evidence.get(section))
    return renewed


def _aged(entry: Any, observed_at: str | None) -> object:
    return entry if observed_at is None else {**entry, "observed_at": observed_at}


def hello(document: Document) -> bytes:
    position: Any = document["position"]
    return encode(
        {
            "type": "hello",
            "proto": "health.v1",
            "epoch": position["epoch"],
            "seq": position["seq"],
            "heartbeat": HEARTBEAT_S,
            "resumed": False,
            "features": [],
            "version": __version__,
        }
    )


def snapshot(document: Document, reason: str) -> bytes:
    position: Any = document["position"]
    return encode(
        {
            "type": "snapshot",
            "epoch": position["epoch"],
            "seq": position["seq"],
            "reason": reason,
            "data": document,
        }
    )


def diff(change: Change) -> bytes:
    return encode({"type": "diff", "seq": change.seq, "ts": instant(change.at), "patch": change.patch})


def bookmark(seq: int, evidence: Mapping[str, str], at: float) -> bytes:
    return encode({"type": "bookmark", "seq": seq, "ts": instant(at), "as_of": instant(at), "evidence": evidence})


def error(code: str, message: str, *, fatal: bool) -> bytes:
    return encode({"type": "error", "code": code, "message": message, "fatal": fatal})


def pong(name: str | float | None = None) -> bytes:
    return encode({"type": "pong", **({"id": name} if name is not None else {})})

"""The live document and its changes as bytes: the twin of web/src/live/protocol.ts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from monitor import __version__
from monitor.domain.change import Change, Document
from monitor.domain.verdict import instant
from monitor.outputs.frames import Message

PROTOCOL = "health.v1.json"
HEARTBEAT_S = 3
FEATURES = ("resume", "merge", "bookmark")
"""What was added to the first version of the protocol, or may be left out by another server of it."""


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


def position(document: Document) -> tuple[int, int]:
    """Give epoch and number of a document."""
    place: Any = document["position"]
    return place["epoch"], place["seq"]


def hello(place: tuple[int, int], *, resumed: bool) -> Message:
    """Answer a subscription; `resumed` says that what was missed follows, and no snapshot."""
    epoch, seq = place
    said = {"proto": "health.v1", "epoch": epoch, "seq": seq, "heartbeat": HEARTBEAT_S, "resumed": resumed}
    return Message("hello", encode({"type": "hello", **said, "features": FEATURES, "version": __version__}))


def snapshot(document: Document, reason: str) -> Message:
    """Give everything anew; it replaces all that a subscriber knows."""
    epoch, seq = position(document)
    body = encode({"type": "snapshot", "epoch": epoch, "seq": seq, "reason": reason, "data": document})
    return Message("snapshot", body, prev=seq, seq=seq, name=f"{epoch}:{seq}")


def diff(epoch: int, prev: int, change: Change, patch: Mapping[str, object]) -> Message:
    """Give the patch from `prev` to the position of `change`."""
    merged = {"prev": prev} if prev != change.seq - 1 else {}
    body = encode({"type": "diff", "seq": change.seq, **merged, "ts": instant(change.at), "patch": patch})
    return Message("diff", body, prev=prev, seq=change.seq, name=f"{epoch}:{change.seq}")


def bookmark(place: tuple[int, int], evidence: Mapping[str, str], at: float) -> Message:
    """Say that nothing is missing up to here, and how old the evidence is."""
    epoch, seq = place
    body = encode({"type": "bookmark", "seq": seq, "ts": instant(at), "as_of": instant(at), "evidence": evidence})
    return Message("bookmark", body, prev=seq, seq=seq, name=f"{epoch}:{seq}")


def error(code: str, message: str, *, fatal: bool, retry_after: float | None = None) -> bytes:
    """Say what was wrong; a fatal error is the last word. `retry_after` (seconds) says when it may be tried again."""
    again = {"retry_after": retry_after} if retry_after is not None else {}
    return encode({"type": "error", "code": code, "message": message, "fatal": fatal, **again})


def pong(name: str | float | None = None) -> bytes:
    return encode({"type": "pong", **({"id": name} if name is not None else {})})

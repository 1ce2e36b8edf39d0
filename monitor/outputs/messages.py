"""The forms of the stream's messages, with examples that are made as the messages themselves are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from monitor.domain.change import Change
from monitor.outputs import forms, wire
from monitor.outputs.schema import AMOUNT, COUNT, FLAG, TEXT, TIME, Schema, by_name, form, listed, one_of, ref, said

PLACE: Mapping[str, Schema] = {
    "epoch": said(COUNT, "One life of the daemon."),
    "seq": said(COUNT, "The number of the newest change in it."),
}
NAME = said({"type": ["string", "number"]}, "Comes back as it was sent.")
PATCH = said(
    {"type": "object", "propertyNames": {"enum": [key for key in forms.DOCUMENT["properties"] if key != "position"]}},
    "A merge patch of the document (RFC 7396): objects are merged, null removes, everything else replaces. "
    "Set position.seq to `seq` afterwards.",
)


def _message(name: str, required: str = "", **properties: Schema) -> dict[str, Any]:
    return form(f"type {required}".strip(), type={"const": name}, **properties)


SAID: Mapping[str, Schema] = {
    "Hello": _message(
        "hello",
        "proto epoch seq heartbeat resumed features version",
        proto=said({"const": "health.v1"}, "The protocol. Fields and types that are not known are to be passed over."),
        **PLACE,
        heartbeat=said(AMOUNT, "Seconds between two bookmarks."),
        resumed=said(FLAG, "True: what was missed since the place that was asked for follows. False: a snapshot does."),
        features=said(listed(TEXT), "What this server does beyond the least: resume, merge, bookmark."),
        version=said(TEXT, "The monitor's."),
    ),
    "Snapshot": _message(
        "snapshot",
        "epoch seq reason data",
        **PLACE,
        reason=said(
            one_of("initial", "gap", "epoch", "slow"),
            "You are new; you asked, or missed what is too old; the daemon has started anew; you read too slowly.",
        ),
        data=ref("Document"),
    ),
    "Diff": _message(
        "diff",
        "seq ts patch",
        seq=said(COUNT, "The place after it."),
        prev=said(COUNT, "The place that it starts from; absent when that is seq - 1."),
        ts=TIME,
        patch=PATCH,
    ),
    "Bookmark": _message(
        "bookmark",
        "seq ts as_of evidence",
        seq=said(COUNT, "The place that all have reached; who is at another one has missed something."),
        ts=TIME,
        as_of=TIME,
        evidence=said(
            by_name(TIME), "`observed_at` of each entry: `db` for a check, `services/dify`, `cron`, `monitor`."
        ),
    ),
    "Trouble": _message(
        "error",
        "code message fatal",
        code=said({"type": "string", "pattern": "^[a-z_]+$"}, "Stable."),
        message=said(TEXT, "A sentence that names the mend."),
        fatal=said(FLAG, "It is the last word: a close follows."),
        retry_after=said(AMOUNT, "Seconds after which it may be tried again."),
    ),
    "Pong": _message("pong", id=NAME),
}
"""What the server says; the `error` is called Trouble, since Error is the form of a refusal over HTTP."""

HEARD: Mapping[str, Schema] = {
    "Subscribe": {
        **_message("subscribe", "", **PLACE),
        "anyOf": [
            {"required": ["epoch", "seq"]},
            {"not": {"anyOf": [{"required": ["epoch"]}, {"required": ["seq"]}]}},
        ],
    },
    "Ping": _message("ping", id=NAME),
    "Auth": _message("auth", "token", token=TEXT),
}
"""What a client may say."""

WORDS: Mapping[str, tuple[str, str]] = {
    "Hello": ("Answers a subscription", "The first word after the connection, and after each `subscribe`."),
    "Snapshot": ("The whole document", "Replaces all that you know, whatever you waited for. It may come at any time."),
    "Diff": (
        "What has changed",
        (
            "Apply it when `prev` (or seq - 1) is your place; pass over it when `seq` is not beyond your place; "
            "else you have missed something: send `subscribe` with your place."
        ),
    ),
    "Bookmark": ("Nothing is missing", "Every 3 s. Who hears nothing for 8 s has lost the server."),
    "Trouble": ("What was wrong", "A fatal one is followed by the close."),
    "Pong": ("Answers a ping", "With its `id`, if it had one."),
    "Subscribe": (
        "Ask for what is missing",
        "With both of `epoch` and `seq`: what came after that place. With neither: a snapshot.",
    ),
    "Ping": ("Ask for a sign of life", "Browsers cannot send the pings of WebSocket."),
    "Auth": ("Say who you are", "Accepted from everybody before there is access control; answered by nothing."),
}
"""A title and a description of each."""

_AT = 1_779_999_990.0
_EARLY, _EVIDENCE = "2026-05-28T20:20:00.000Z", {"db": "2026-05-28T20:26:29.400Z"}
_DB = {"verdict": "ok", "since": _EARLY, "observed_at": _EVIDENCE["db"], "ttl_s": 65, "source": "sample", "limits": {}}
_DOCUMENT: Mapping[str, Any] = {
    "platform": "huph",
    "status": "healthy",
    "since": _EARLY,
    "counts": {"ok": 1, "warn": 0, "fail": 0, "unknown": 0},
    "position": {"epoch": 1779999000123, "seq": 41},
    "as_of": "2026-05-28T20:26:30.000Z",
    "checks": {"db": {**_DB, "headline": {"value": 1.2, "unit": "ms"}, "detail": {"server_ms": 0.2}}},
    "monitor": {"verdict": "ok", "since": _EARLY, "ttl_s": 65, "limits": {}, "version": "0.1.0", "started_at": _EARLY},
    "transitions": {},
}
_PLACE = wire.position(_DOCUMENT)
_TURN = {"checks": {"db": {"verdict": "warn", "reason": "db.elevated", "params": {"latency_ms": 60, "limit_ms": 50}}}}


def _diff(prev: int, seq: int, patch: Mapping[str, object]) -> bytes:
    return wire.diff(_PLACE[0], prev, Change(_PLACE[0], seq, _AT, patch, _DOCUMENT), patch).body


EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "Hello": {
        name: wire.decode(wire.hello(_PLACE, resumed=resumed).body)
        for name, resumed in (("afresh", False), ("resumed", True))
    },
    "Snapshot": {"first": wire.decode(wire.snapshot(_DOCUMENT, "initial").body)},
    "Diff": {
        "next": wire.decode(_diff(41, 42, _TURN)),
        "merged": wire.decode(_diff(42, 47, {"status": "degraded", "counts": {"ok": 0, "warn": 1}})),
        "removing": wire.decode(_diff(47, 48, {"checks": {"db": {"reason": None, "params": None}}})),
    },
    "Bookmark": {"at_rest": wire.decode(wire.bookmark(_PLACE, _EVIDENCE, _AT).body)},
    "Trouble": {
        "too_many": wire.decode(wire.error("too_many", "Send at most 20 messages in 10 s.", fatal=True, retry_after=10))
    },
    "Pong": {"plain": wire.decode(wire.pong()), "named": wire.decode(wire.pong(7))},
    "Subscribe": {"afresh": {"type": "subscribe"}, "resume": {"type": "subscribe", "epoch": _PLACE[0], "seq": 41}},
    "Ping": {"plain": {"type": "ping"}, "named": {"type": "ping", "id": 7}},
    "Auth": {"token": {"type": "auth", "token": "…"}},
}
"""Examples of each, by a name."""


def type_of(name: str) -> str:
    """Give the `type` by which a message of this form is known on the wire."""
    described: Mapping[str, Any] = {**SAID, **HEARD}[name]
    word: str = described["properties"]["type"]["const"]
    return word


def schemas() -> dict[str, Schema]:
    """Give each message's form, and those that they are made of."""
    found: dict[str, Schema] = {**SAID, **HEARD}
    wanted = [name for schema in found.values() for name in _named(schema)]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = forms.SCHEMAS[name]
            wanted += _named(found[name])
    return found


def _named(value: object) -> Iterator[str]:
    """Name the forms that are pointed to within this one."""
    if isinstance(value, Mapping):
        if isinstance(pointer := value.get("$ref"), str):
            yield pointer.rpartition("/")[2]
        for inner in value.values():
            yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)

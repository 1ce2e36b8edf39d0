"""The live stream, over WebSocket and as server-sent events, as an AsyncAPI 3.0 document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from monitor import __version__
from monitor.outputs import messages, wire
from monitor.outputs.messages import EXAMPLES, HEARD, PLACE, SAID, WORDS, type_of
from monitor.outputs.schema import TEXT, Schema, form, ref, said

DESCRIPTION = """\
The live document of one platform and each of its changes, in order, to everybody who listens.

Your place is `epoch` and `seq`. Connect, with your place if you have one. `hello` comes first: `resumed` true, and what
you have missed follows; else a `snapshot`. Then each `diff` leads from one place to the next, and a `bookmark` every 3
seconds says that nothing is missing and how old the evidence is. What does not start at your place you do not apply:
send `subscribe`. A snapshot always wins. Who hears nothing for 8 s has lost the server, and says so.

Come back with your place after a random time below 0.5 s, doubled at each failure up to 30 s; after the close code 1012
below 5 s. Objects are keyed by name, arrays never change in part, and null is never a value. What is not known is
absent. New fields, keys and types may come with any version: pass over what you do not know.

Who you are is said by the session cookie of the platform, by a service token (`Authorization: Bearer`), by a ticket,
or, where you are no browser and can send no header, by `auth` as the first message, within 5 s; `auth` with a newer
token lets a connection live on. A connection ends when its caller may read no longer.
"""
AGAIN, NEVER, NEW_TOKEN = "again", "never", "new_token"
CLOSES: Mapping[int, tuple[str, str]] = {
    1000: (AGAIN, "One of us has had enough."),
    1001: (AGAIN, "The server goes away."),
    1002: (AGAIN, "What came was not WebSocket."),
    1007: (AGAIN, "What came was not UTF-8, or could not be unpacked."),
    1009: (AGAIN, "A message was longer than 4096 bytes."),
    1012: (AGAIN, "The daemon restarts; come back at a moment of your own within 5 s."),
    1013: (AGAIN, "The server has too much to do."),
    4400: (NEVER, "A message came that is none of those described here."),
    4401: (NEW_TOKEN, "The token or the sign-in is missing, wrong, or has expired."),
    4403: (NEVER, "You may not read this: your role, your account or your token is not, or no longer, one that may."),
    4406: (NEVER, "The subprotocol is not spoken here."),
    4408: (NEW_TOKEN, "You did not say within 5 s who you are."),
    4429: (AGAIN, "More than 20 messages came in 10 s."),
}
"""What each close code means (RFC 6455, 7.4), and when to come back."""
REFUSALS: Mapping[int, tuple[str, str]] = {
    400: (NEVER, "It was no upgrade, offered other subprotocols only, or gave a place that is none."),
    401: (NEW_TOKEN, "The token, the ticket or the sign-in is missing, wrong, or has expired."),
    403: (NEVER, "You may not read this, or the page that asks is of another origin."),
    421: (NEVER, "The monitor is not known by the name in Host."),
    429: (AGAIN, "Too many subscribers of one address or caller; Retry-After says when (s)."),
    503: (AGAIN, "Too many subscribers; Retry-After says when (s)."),
}
"""The answers instead of the stream."""
OLD_HTTP = (NEVER, "The stream has no end, which HTTP/1.0 cannot tell.")
SECURITY: Mapping[str, Mapping[str, str]] = {
    "token": {"type": "http", "scheme": "bearer", "description": "A service token of scope stream or admin."},
    "session": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "authjs.session-token",
        "description": "The session of the platform's NextAuth, of either version; over TLS its name is prefixed.",
    },
}
LAST_EVENT: Schema = {"type": "string", "pattern": r"^\d{1,18}:\d{1,18}$"}


def describe(base_path: str, *, host: str, secure: bool = False) -> dict[str, object]:
    """Give the whole document; `host` (with its port) is where the reader has found it, `secure` whether over TLS."""
    pathname = {"pathname": base_path.rstrip("/")} if base_path != "/" else {}
    known = {"security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY]}
    behind = "Behind a proxy that speaks TLS it is the proxy's address, and the secure form of the protocol."
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "huph-monitor",
            "version": __version__,
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "socket": {"host": host, "protocol": "wss" if secure else "ws", **pathname, "description": behind, **known},
            "web": {
                "host": host,
                "protocol": "https" if secure else "http",
                **pathname,
                "description": behind,
                **known,
            },
        },
        "channels": {"stream": _stream(), "events": _events()},
        "operations": {**_stream_operations(), "read": _reading()},
        "components": {"messages": _messages(), "schemas": messages.schemas(), "securitySchemes": SECURITY},
    }


def _messages() -> dict[str, object]:
    return {
        type_of(name): {
            "name": type_of(name),
            "title": WORDS[name][0],
            "description": WORDS[name][1],
            "contentType": "application/json",
            "payload": ref(name),
            "examples": [{"name": word, "payload": payload} for word, payload in EXAMPLES[name].items()],
        }
        for name in (*SAID, *HEARD)
    }


def _events_messages() -> dict[str, object]:
    """Describe the same messages as events: `event` is the type, `id` the place (HTML, 9.2.6)."""
    told: dict[str, object] = {}
    for name in ("Hello", "Snapshot", "Diff", "Bookmark"):
        word = type_of(name)
        fields: dict[str, Schema] = {"event": {"const": word}, **({"id": LAST_EVENT} if name != "Hello" else {})}
        told[word] = {
            "name": word,
            "title": WORDS[name][0],
            "contentType": "application/json",
            "headers": form(" ".join(fields), **fields),
            "payload": ref(name),
        }
    return told


def _told(words: Mapping[int, tuple[str, str]]) -> dict[str, object]:
    return {str(code): {"then": then, "description": text} for code, (then, text) in words.items()}


def _query() -> Schema:
    """Describe where somebody stood."""
    place = form("", **PLACE, ticket=said(TEXT, "One of `api/v1/stream-ticket`, good once, for 30 s."))
    return said(place, "Your place: both, or neither when you have none.")


def _stream() -> dict[str, object]:
    protocol = said({"const": wire.PROTOCOL}, "Among those offered; who offers none speaks it as well.")
    return {
        "address": "/api/v1/stream",
        "title": "The stream over WebSocket",
        "description": (
            "Each message is one text frame of JSON. permessage-deflate (RFC 7692) is spoken with whoever offers it. "
            "You may say 20 messages in 10 s, of at most 4096 bytes each."
        ),
        "servers": [{"$ref": "#/servers/socket"}],
        "messages": {type_of(name): {"$ref": f"#/components/messages/{type_of(name)}"} for name in (*SAID, *HEARD)},
        "bindings": {
            "ws": {
                "method": "GET",
                "query": _query(),
                "headers": form("", **{"Sec-WebSocket-Protocol": protocol}),
                "bindingVersion": "0.1.0",
            }
        },
        "x-close-codes": _told(CLOSES),
        "x-refusals": _told(REFUSALS),
    }


def _events() -> dict[str, object]:
    return {
        "address": "/api/v1/events",
        "title": "The stream as server-sent events",
        "description": (
            "The same messages for EventSource and curl: `event` is the type, `id` the place as EPOCH:SEQ, `data` the "
            "message. Who comes back with that id as Last-Event-ID is sent what it has missed; it wins over the query. "
            "After a restart or a break the browser comes back by itself, after the time that `retry` told it."
        ),
        "servers": [{"$ref": "#/servers/web"}],
        "messages": _events_messages(),
        "x-headers": form("", **{"Last-Event-ID": LAST_EVENT}),
        "x-refusals": _told({**REFUSALS, 505: OLD_HTTP}),
    }


def _on(channel: str, names: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]


def _operation(action: str, channel: str, names: Iterable[str], summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
        "messages": _on(channel, names),
    }


def _stream_operations() -> dict[str, object]:
    """Describe what is said and heard; AsyncAPI calls `send` what the server says."""

    def answered(*names: str) -> dict[str, object]:
        return {"reply": {"channel": {"$ref": "#/channels/stream"}, "messages": _on("stream", names)}}

    told = [type_of(name) for name in SAID if name != "Pong"]
    return {
        "follow": _operation("send", "stream", told, "The document, then its changes"),
        "subscribe": _operation("receive", "stream", ["subscribe"], "Ask for what is missing") | answered("hello"),
        "ping": _operation("receive", "stream", ["ping"], "Ask for a sign of life") | answered("pong"),
        "auth": _operation("receive", "stream", ["auth"], "Say who you are"),
    }


def _reading() -> dict[str, object]:
    names = [type_of(name) for name in ("Hello", "Snapshot", "Diff", "Bookmark")]
    return {
        **_operation("send", "events", names, "The same as server-sent events"),
        "bindings": {"http": {"method": "GET", "query": _query(), "bindingVersion": "0.3.0"}},
    }

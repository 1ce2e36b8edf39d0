"""Where the stream is found: from the page's address to the stream's, and nothing in it that is a secret."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit, urlunsplit

from monitor.client.document import Position
from monitor.client.errors import BadAddress

STREAM = "api/v1/stream"
_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def stream_of(url: str) -> str:
    """Give the stream's address (`ws://` or `wss://`) from the page's, or from itself. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        raise BadAddress("The address cannot be read; it looks like http://127.0.0.1:8787/.") from None
    if parts.scheme not in _SCHEMES or not host:
        raise BadAddress("The address must look like http://127.0.0.1:8787/ or wss://host/path/.")
    if "@" in parts.netloc:
        raise BadAddress("The address must hold no user and no password: addresses end up in logs.")
    if parts.query or parts.fragment:
        raise BadAddress("The address must end with its path: what follows it does not belong to a page's address.")
    path = parts.path if parts.path.endswith("/") else f"{parts.path}/"
    path = path.removesuffix("/") if path.endswith(f"/{STREAM}/") else path + STREAM
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, "", ""))


def resuming(stream: str, position: Position | None) -> str:
    """Give the stream's address as from this place in line."""
    return stream if position is None else f"{stream}?{urlencode(position._asdict())}"

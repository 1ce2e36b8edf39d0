"""How a transport failed, in one word: never in the words of an exception, which may hold an address or more."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

KINDS = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "forbidden",
    errno.EPERM: "forbidden",
    errno.EMFILE: "open_files",
    errno.ENFILE: "open_files",
}
HANDSHAKE, CUT = "WSServerHandshakeError", "ServerDisconnectedError"
"""Two of aiohttp's own, known by their names, for this is no door of aiohttp's. Its other errors make a status up."""
DEEPEST = 16


def status_of(error: BaseException) -> int | None:
    """Give the HTTP status with which the handshake was turned away, if that is what happened."""
    found = (getattr(one, "status", None) for one in _chain(error) if type(one).__name__ == HANDSHAKE)
    return next((status for status in found if isinstance(status, int)), None)


def kind_of(error: BaseException) -> str:
    """Say in one word how a transport failed."""
    if (status := status_of(error)) is not None:
        return f"http_{status}"
    for one in _chain(error):
        if isinstance(one, ssl.SSLError):
            return "tls"
        if isinstance(one, socket.gaierror):
            return "dns"
        if isinstance(one, OSError) and one.errno in KINDS:
            return KINDS[one.errno]
        if isinstance(one, ConnectionResetError) or type(one).__name__ == CUT:
            return "reset"
        if isinstance(one, TimeoutError):
            return "timeout"
    return "bad_answer"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and all that it came from: the libraries wrap the one that says something."""
    seen = 0
    while error is not None and seen < DEEPEST:
        yield error
        error, seen = error.__cause__ or error.__context__, seen + 1

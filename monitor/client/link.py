"""One connection to the stream: the only file here that knows WebSocket, and what each way of ending means."""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHeader,
    InvalidStatus,
    NegotiationError,
    SecurityError,
    WebSocketException,
)
from websockets.typing import Subprotocol

from monitor.client.errors import BadMessage, Refused, SubscriptionError, Unauthorized, Unreachable, WrongProtocol

SUBPROTOCOL: Final = Subprotocol("health.v1.json")
MOST_BYTES: Final = 16 << 20
SILENCE_S: Final = 8.0
"""Bookmarks come every 3 s: so long a silence is two of them missed."""
OPEN_S: Final = 10.0
_RESTART: Final = 1012
_HEALABLE_STATUS: Final = {408, 425, 429}
_CLOSES: Final[dict[int, tuple[type[SubscriptionError], str]]] = {
    4400: (BadMessage, "The server could not read what we said"),
    4401: (Unauthorized, "The token is missing, or has expired"),
    4403: (Refused, "The server does not let us read the stream"),
    4406: (WrongProtocol, "The server does not speak our protocol"),
    4408: (Unauthorized, "The server wants to know who we are: give a token"),
}
_REFUSALS: Final[dict[int, tuple[type[SubscriptionError], str]]] = {
    400: (WrongProtocol, "The server does not speak our protocol"),
    401: (Unauthorized, "The token is missing, wrong, or has expired"),
    403: (Refused, "The server does not let us read the stream"),
    404: (Refused, "There is no stream at this address; it must be the page's own, with its whole path"),
    421: (Refused, "The server does not go by this name; its http.hosts names the others"),
}


class _Discreet(logging.Filter):
    """Keeps the token out of the log that websockets writes when it is told to log everything."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple) and record.args and str(record.args[0]).lower() == "authorization":
            record.args = (record.args[0], "***")
        return True


_log = logging.getLogger("monitor.client.link")
_log.addFilter(_Discreet())


class Link:
    """A connection that stands: messages as they come, and what we say."""

    def __init__(self, socket: ClientConnection, silence_s: float) -> None:
        self._socket = socket
        self._silence_s = silence_s
        self._told: dict[str, Any] = {}

    async def receive(self) -> dict[str, Any]:
        """Give the next message. Raises Unreachable when none comes, and what the server's end of it means."""
        try:
            async with asyncio.timeout(self._silence_s):
                frame = await self._socket.recv()
        except TimeoutError:
            # Who is silent will not answer a close either.
            self._socket.transport.abort()
            raise Unreachable(f"The server has said nothing for {self._silence_s:g} s.") from None
        except ConnectionClosed as end:
            raise self._ended(end) from None
        try:
            message = orjson.loads(frame)
        except ValueError:
            raise BadMessage("A message came that is not JSON.") from None
        if not isinstance(message, dict):
            raise BadMessage("A message came that is not an object.")
        if message.get("type") == "error":
            self._told = message
            if message.get("code") == "sign_in":
                # A token is shown as the connection begins: there is no other to say.
                raise Unauthorized("The server wants to know who we are: give a token.")
        return message

    async def say(self, message: dict[str, Any]) -> None:
        """Say something to the server."""
        try:
            await self._socket.send(orjson.dumps(message).decode())
        except ConnectionClosed as end:
            raise self._ended(end) from None

    def _ended(self, end: ConnectionClosed) -> SubscriptionError:
        code = end.rcvd.code if end.rcvd is not None else None
        said = str(self._told.get("message") or (end.rcvd.reason if end.rcvd is not None else ""))
        more = f": {said}" if said else ""
        if code in _CLOSES:
            kind, text = _CLOSES[code]
            return kind(f"{text}{more}.".replace("..", "."))
        after = self._told.get("retry_after")
        return Unreachable(
            f"The server ended the connection ({code}){more}." if code is not None else "The connection was lost.",
            retry_after=float(after) if isinstance(after, int | float) and after >= 0 else None,
            restarting=code == _RESTART,
        )


@asynccontextmanager
async def linked(
    address: str, token: str | None, ssl: tls.SSLContext | None, proxy: str | None, silence_s: float
) -> AsyncIterator[Link]:
    """Open a connection, and close it in the end. Raises Unreachable, or what cannot heal."""
    if token is not None and not (token.isascii() and token.isprintable()):
        raise Unauthorized("The token holds what no header can carry: a line's end, or a letter that is not ASCII.")
    secure: dict[str, Any] = {"ssl": ssl} if ssl is not None else {}
    try:
        socket = await connect(
            address,
            subprotocols=[SUBPROTOCOL],
            additional_headers={"Authorization": f"Bearer {token}"} if token is not None else None,
            max_size=MOST_BYTES,
            open_timeout=OPEN_S,
            close_timeout=1,
            # The server's heartbeat tells more than an answered ping: that it still has something to say.
            ping_interval=None,
            proxy=proxy,
            logger=_log,
            **secure,
        )
    except InvalidStatus as refusal:
        raise _refused(refusal) from None
    except (NegotiationError, InvalidHeader, SecurityError):
        raise WrongProtocol("The server answers, but not as a stream of ours does.") from None
    except TimeoutError:
        raise Unreachable(f"No answer within {OPEN_S:g} s.") from None
    except (OSError, WebSocketException) as trouble:
        raise Unreachable(_sentence(trouble)) from None
    try:
        if socket.subprotocol != SUBPROTOCOL:
            raise WrongProtocol(f"The server did not choose {SUBPROTOCOL}.")
        yield Link(socket, silence_s)
    finally:
        await socket.close()


def _refused(refusal: InvalidStatus) -> SubscriptionError:
    status = refusal.response.status_code
    if status in _REFUSALS:
        kind, text = _REFUSALS[status]
        return kind(f"{text} (HTTP {status}).")
    if status in _HEALABLE_STATUS or status >= 500:
        return Unreachable(
            f"The server cannot take us now (HTTP {status}).",
            retry_after=_seconds(refusal.response.headers.get("Retry-After")),
        )
    if status >= 400:
        return Refused(f"The server refuses (HTTP {status}).")
    return WrongProtocol(f"The server answers, but with no stream (HTTP {status}).")


def _seconds(retry_after: str | None) -> float | None:
    """Read Retry-After (RFC 9110, 10.2.3): seconds, or a date, which only the wall clock can be held against."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    now = datetime.now(UTC)  # noqa: TID251 - the client stands alone: it has no clock of the monitor's
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _sentence(trouble: Exception) -> str:
    """Say why no connection came about, in the operating system's words where it has some."""
    if isinstance(trouble, tls.SSLCertVerificationError):
        return f"The server's certificate does not hold: {trouble.verify_message}."
    if isinstance(trouble, OSError) and trouble.strerror:
        return f"No connection: {trouble.strerror}."
    return "No connection: what answers does not speak HTTP, or stopped in the middle of it."

"""How notifications leave asyncpg: in order, all at once, a piece of a flood each turn; and a server's last words.

The one file that leans on what asyncpg keeps to itself; where that is missing, its public way is taken instead.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import asyncpg

Heard = Callable[[Sequence[tuple[str, str]]], None]
"""Takes (channel, payload) of several notifications, in the order of their arrival."""

Cause = Literal["terminated", "reset", "closed", "unreadable", "after_hung", "dropped"]
"""Why a listening connection is no more."""
FATAL = re.compile(rb"E....SFATAL\0(?:[^C\0][^\0]*\0)*C(\w{5})\0(?:[^\0]+\0)*\0$", re.DOTALL)
"""An ErrorResponse at the very end that ends the session too (PostgreSQL 18, 54.7, 54.8): C is its SQLSTATE."""
LONGEST = 1000
"""Bytes that such a message takes at most."""
PIECE = 131_072
"""Bytes that are taken in one turn of the loop: some thousand notifications, a few milliseconds."""


class HearingConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that keeps notifications until the loop's next turn, and then hands all of them over at once.

    asyncpg asks the loop for a turn per notification, which costs three times as much as the notification itself.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ear: Heard | None = None
        self._kept: list[tuple[str, str]] = []

    def _process_notification(self, _: int, channel: str, payload: str) -> None:
        if not self._kept:
            self._loop.call_soon(self._hand_over)
        self._kept.append((channel, payload))

    def _hand_over(self) -> None:
        kept, self._kept = self._kept, []
        if self._ear is not None:
            self._ear(kept)


ALL_AT_ONCE = hasattr(asyncpg.Connection, "_process_notification") and hasattr(asyncpg.Connection, "_loop")
"""Whether this asyncpg lets notifications be taken at once."""


async def listen(connection: asyncpg.Connection, channels: Sequence[str], heard: Heard) -> None:
    """Listen on these channels; `heard` must be told before the first of them is."""
    # isinstance() takes every connection of asyncpg's for one of any of its classes.
    if ALL_AT_ONCE and type(connection) is HearingConnection:
        connection._ear = heard  # noqa: SLF001 - our own class
        # All in one: a long way is gone once, not once for each.
        await connection.execute("; ".join(f"LISTEN {quoted(channel)}" for channel in channels))
        return

    def one(_: object, __: int, channel: str, payload: str) -> None:
        heard([(channel, payload)])

    for channel in channels:
        # What comes between its LISTEN and its registration is lost: the catch-up that follows sees it.
        await connection.add_listener(channel, one)


def quoted(name: str) -> str:
    """Write a channel's name as PostgreSQL reads it (PostgreSQL 18, 4.1.1)."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


class LastWords(asyncio.Protocol):
    """Stands between a transport and asyncpg's protocol, and remembers with which words the server ended us.

    asyncpg itself cannot say it of a session that was idle. `torn` says that the connection was reset or timed out.
    Of a flood it gives asyncpg a piece, and then the loop its turn.
    """

    def __init__(self, within: asyncio.Protocol, transport: asyncio.ReadTransport) -> None:
        self._within = within
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._last = b""
        self.torn = False
        self._over = False
        # Bound once: this is called for every read.
        self._received = within.data_received

    @property
    def sqlstate(self) -> str:
        """Give the SQLSTATE of the words; "" where the server ended us without any, or not at all."""
        found = FATAL.search(self._last)
        return found[1].decode() if found is not None else ""

    def data_received(self, data: bytes) -> None:
        self._last = data[-LONGEST:]
        if len(data) <= PIECE:
            self._received(data)
            return
        # libuv reads up to 32 times in one turn where each read was full: 8 MB, half a second of notifications.
        self._transport.pause_reading()
        self._feed(data, 0)

    def _feed(self, data: bytes, begin: int) -> None:
        """Give the piece that begins there; the next one comes in the next turn, and so does what waits behind it."""
        if self._over:
            return
        end = begin + PIECE
        self._received(data[begin:end])
        if end < len(data):
            self._loop.call_soon(self._feed, data, end)
        else:
            self._loop.call_soon(self._transport.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self.torn = exc is not None
        self._within.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._within.eof_received()

    def pause_writing(self) -> None:
        self._within.pause_writing()

    def resume_writing(self) -> None:
        self._within.resume_writing()


def last_words(connection: asyncpg.Connection) -> LastWords | None:
    """Listen to the server's last words on this connection; None where asyncpg does not let us."""
    transport = getattr(connection, "_transport", None)
    within = getattr(connection, "_protocol", None)
    if transport is None or within is None or not hasattr(transport, "set_protocol"):
        return None
    words = LastWords(within, transport)
    transport.set_protocol(words)
    return words


def ended(words: LastWords | None) -> Cause:
    """Name how a connection ended: by the server's own words, torn, or without a word."""
    if words is not None and words.sqlstate == "57P01":
        return "terminated"
    if words is not None and words.sqlstate.startswith("22"):
        # The server could not write a payload in our encoding: 22021, character_not_in_repertoire.
        return "unreadable"
    return "reset" if words is not None and words.torn else "closed"

"""What both ways into the stream ask of a newcomer: whose page it is, where it stood, and whether there is a seat."""

from __future__ import annotations

import socket as sockets
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import web

from monitor.outputs.counts import Counts
from monitor.outputs.frames import Transport
from monitor.outputs.seats import COME_BACK_S, FullError, Seats
from monitor.outputs.subscriber import Position

UNSENT_BYTES = 16 << 10
"""What the kernel holds unsent for one subscriber: more would be old news by the time it is read."""
UNANSWERED_MS = 30_000
"""A peer that acknowledges nothing for so long is gone (RFC 5482)."""
DIGITS = 18


def same_origin(request: web.Request) -> None:
    """Refuse the page of another host, which would read along in its visitor's browser (RFC 6455, 10.2)."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="This page may not read the stream: its origin is another host.")


def asked_position(request: web.Request, told: str | None = None) -> Position | None:
    """Read where somebody stood: `told` as EPOCH:SEQ, else the parameters epoch and seq; None when it is new here."""
    if told is not None:
        epoch, _, seq = told.partition(":")
        words = {"epoch": epoch, "seq": seq}
    else:
        words = {name: request.query[name] for name in ("epoch", "seq") if name in request.query}
    if not words:
        return None
    for name in ("epoch", "seq"):
        word = words.get(name, "")
        if not (word.isascii() and word.isdigit() and len(word) <= DIGITS):
            raise web.HTTPBadRequest(
                text=f"{name} is {word!r}; give epoch and seq of your last message, whole numbers, or neither of them."
            )
    return int(words["epoch"]), int(words["seq"])


def seat(seats: Seats, request: web.Request, counts: Counts) -> None:
    """Take a seat for a subscriber, to be given back by its address; without one it is told when to come back."""
    try:
        seats.take(request.remote or "")
    except FullError as full:
        counts.turn_away("limit")
        refused = web.HTTPTooManyRequests if full.of_address else web.HTTPServiceUnavailable
        raise refused(text=str(full), headers={"Retry-After": str(COME_BACK_S)}) from None


def tuned(request: web.Request) -> Transport:
    """Give the connection itself, set to hold little and to notice a dead peer."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    connection = transport.get_extra_info("socket")
    # Not every platform has these, nor does every kind of socket.
    with suppress(OSError, AttributeError):
        connection.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        connection.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, UNANSWERED_MS)
    return transport

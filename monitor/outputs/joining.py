"""What both ways into the stream ask of a newcomer: whose page it is, where it stood, if there is a seat."""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from monitor.access.caller import Caller
from monitor.access.rules import Rules
from monitor.outputs.attendance import Attendance, End
from monitor.outputs.counts import Counts
from monitor.outputs.frames import Transport
from monitor.outputs.gate import ADDRESS, CALLER
from monitor.outputs.seats import COME_BACK_S, FullError, Seats
from monitor.outputs.subscriber import Position
from monitor.outputs.visitors import network

UNSENT_BYTES = 16 << 10
"""What the kernel holds unsent for one subscriber: more would be old news by the time it is read."""
UNANSWERED_MS = 30_000
"""A peer that acknowledges nothing for so long is gone (RFC 5482)."""
DIGITS = 18


@dataclass(frozen=True, slots=True)
class Company:
    """What both ways in share: the seats, who has them, and by what a token is known (`bearer` as `Gate.bearer`)."""

    seats: Seats
    attendance: Attendance
    rules: Rules
    bearer: Callable[..., Caller]


class Place:
    """One subscriber as somebody: counted as that caller, and ended when the caller may stay no longer."""

    def __init__(self, company: Company, address: str, end: End) -> None:
        self._company = company
        self._address = address
        self._end = end
        self._key: str | None = None
        self.caller: Caller | None = None

    def name(self, caller: Caller | None) -> None:
        """Take it as this caller (None: nobody yet) in place of the one before; raises `FullError`."""
        key: str | None = caller.key if caller is not None else ""
        if caller is not None and caller.kind == "open":
            key = None  # it is anybody: how many that are, the address says
        if key != self._key:
            if key is not None:
                self._company.seats.name(key, self._address)
            self._forget()
            self._key = key
        if self.caller is not None:
            self._company.attendance.leave(self.caller, self._end)
        if caller is not None:
            self._company.attendance.enter(caller, self._end)
        self.caller = caller

    def leave(self) -> None:
        """Give it back."""
        if self.caller is not None:
            self._company.attendance.leave(self.caller, self._end)
        self._forget()

    def _forget(self) -> None:
        if self._key is not None:
            self._company.seats.unname(self._key, self._address)


@contextmanager
def seated(company: Company, request: web.Request, counts: Counts, end: End) -> Iterator[Place]:
    """Hold a place for a subscriber, which is ended by `end`; without one it is told when to come back."""
    caller, address = request.get(CALLER), request[ADDRESS]
    place = Place(company, network(address), end)
    try:
        company.seats.take(address)
        try:
            place.name(caller)
        except FullError:
            company.seats.leave(address)
            raise
    except FullError as full:
        counts.turn_away("limit")
        refused = web.HTTPTooManyRequests if full.own else web.HTTPServiceUnavailable
        raise refused(text=str(full), headers={"Retry-After": str(COME_BACK_S)}) from None
    try:
        yield place
    finally:
        place.leave()
        company.seats.leave(address)


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

"""What all connections of a server share: who is there, whose turn it is, and what is said to who is too many."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

import structlog

from monitor.outputs import wire
from monitor.outputs.bounds import Bounds
from monitor.outputs.seldom import Seldom
from monitor.outputs.turnstile import Turnstile
from monitor.outputs.visitors import Excess, Visitor, Visitors

log = structlog.get_logger()
LINGER_S = 1.0
"""So long somebody who is turned away has time to read why."""
LINGERING = 200
"""So many of them at a time."""
LOOK_S = 0.1
"""Between two looks that are so long apart every socket has been read."""


class Reception:
    """What all connections of a server share; `headers` go with what is said without the application."""

    def __init__(
        self,
        bounds: Bounds,
        headers: Mapping[str, str],
        trusted: Callable[[str], bool],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.bounds, self.headers, self.loop = bounds, headers, loop
        self.visitors = Visitors(bounds.total, bounds.per_address, trusted)
        self.turnstile, self.leaving = Turnstile(loop, bounds.per_turn), Turnstile(loop, bounds.per_turn)
        self.unheard = 0
        """Connections on which nothing has come yet."""
        self.turned_away = 0
        """Those that are too many, and are told so."""
        self._looking: set[str] = set()
        self._seldom = Seldom(loop.time)

    def fail(self, error: BaseException | None) -> None:
        """Log what kind of mistake it was."""
        kind = type(error).__name__
        if (unsaid := self._seldom.unsaid(kind)) is not None:
            log.error("connection.failed", error=kind, unsaid=unsaid)

    def say(self, status: HTTPStatus, message: str, **more: str) -> bytes:
        """Write an answer out: a refusal like any other, for a connection on which nothing has been understood."""
        code = status.phrase.lower().replace(" ", "_").replace("-", "_")
        body = wire.encode({"error": {"code": code, "message": message}})
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Connection": "close",
            **self.headers,
            **more,
        }
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {text}" for name, text in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def excess(self, excess: Excess) -> bytes:
        """Say that there are too many."""
        if excess == "address":
            return self.say(
                HTTPStatus.TOO_MANY_REQUESTS, "Too many connections from this address.", **{"Retry-After": "10"}
            )
        return self.say(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections.", **{"Retry-After": "10"})

    def watch(self, address: str) -> None:
        """See to it that few connections of this address keep silent.

        Those that come at the same moment have sent something already that has not been read yet. So those are ended
        that are silent at two looks; between them every socket has been read.
        """
        if address not in self._looking and len(self.visitors.silent(address)) > self.bounds.silent:
            self._looking.add(address)
            self.loop.call_later(LOOK_S, self._look, address, frozenset())

    def _look(self, address: str, before: frozenset[Visitor]) -> None:
        silent = self.visitors.silent(address)
        ended = [each for each in silent if each in before][: max(0, len(silent) - self.bounds.silent)]
        for each in ended:
            each.abort()
        left = [each for each in silent if each not in ended]
        if len(left) > self.bounds.silent:
            self.loop.call_later(LOOK_S, self._look, address, frozenset(left))
        else:
            self._looking.discard(address)


class TurnedAway(asyncio.Protocol):
    """Tells one who is too many so, when the request is there: what is closed unread is reset, and the answer lost."""

    def __init__(self, answer: bytes, reception: Reception, transport: asyncio.Transport) -> None:
        self._answer = answer
        self._reception = reception
        self._transport = transport
        reception.turned_away += 1
        # Each holds a descriptor as a visitor does: of a whole crowd nobody is told anything.
        patience_s = LINGER_S if reception.turned_away <= LINGERING else 0
        self._ending = reception.loop.call_later(patience_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        del data
        if not self._transport.is_closing():
            self._transport.write(self._answer)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ending.cancel()
        self._reception.turned_away -= 1

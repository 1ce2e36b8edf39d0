"""HTTP connections with deadlines and limits: aiohttp waits for ever, for as many as come."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

import structlog
from aiohttp import StreamReader, web

from monitor.outputs import wire
from monitor.outputs.answers import refusal
from monitor.outputs.bounds import Bounds
from monitor.outputs.turnstile import Turnstile
from monitor.outputs.visitors import Excess, Visitors

log = structlog.get_logger()
FIELD_BYTES = (32 << 10) + 64
"""What a header may hold: a session of NextAuth in five cookies has its place, with or without the header's name."""
HEAD_BYTES = 64 << 10
"""All headers of one request, while they are coming in."""
LINGER_S = 1.0
"""So long somebody who is turned away has time to read why."""
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
        self._looking: set[str] = set()

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

    def _look(self, address: str, before: frozenset[Connection]) -> None:
        silent = [each for each in self.visitors.silent(address) if isinstance(each, Connection)]
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

    def __init__(self, answer: bytes, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._answer = answer
        self._transport = transport
        self._ending = loop.call_later(LINGER_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        del data
        if not self._transport.is_closing():
            self._transport.write(self._answer)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ending.cancel()


class Connection(web.RequestHandler):
    """One connection, until a WebSocket takes it over: aiohttp's own, with its limits."""

    __slots__ = ("_body", "_head_bytes", "_late_once", "_reception", "_timer", "_unheard")

    def __init__(self, server: web.Server, reception: Reception, **options: Any) -> None:
        super().__init__(server, loop=reception.loop, **options)
        self._reception = reception
        self._timer: asyncio.TimerHandle | None = None
        self._late_once = False
        self._unheard = False
        self._head_bytes = 0
        self._body: StreamReader | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)  # uvloop's own is one by its methods alone
        peer = transport.get_extra_info("peername")
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        reception = self._reception
        if excess := reception.visitors.enter(self, address):
            transport.set_protocol(TurnedAway(reception.excess(excess), reception.loop, transport))
            return
        with suppress(OSError, AttributeError):  # not every platform has it
            transport.get_extra_info("socket").setsockopt(
                sockets.IPPROTO_TCP, sockets.TCP_USER_TIMEOUT, int(reception.bounds.unread_s * 1000)
            )
        super().connection_made(transport)
        self._unheard = True
        reception.unheard += 1
        reception.watch(address)
        self._arm(reception.bounds.head_s)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._disarm()
        self._hear()
        self._reception.visitors.leave(self)
        super().connection_lost(exc)
        # It leads back to us: thousands that leave at once would wait for the garbage collector.
        self._data_received_cb = None

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks for it, aiohttp gives none
        """End it when its turn comes: whole crowds leave at once where a proxy ends."""
        self._reception.leaving.call(self._leave)
        return True

    def _leave(self) -> None:
        if self.transport is not None:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._upgraded:
            super().data_received(data)
            return
        self._hear()
        before = self._request_count
        if data and self._timer is None:
            self._head_bytes = 0
            self._arm(self._reception.bounds.head_s)
        super().data_received(data)
        if self._request_count != before:
            self._reception.visitors.ask(self)
            self._head_bytes = 0
            self._await_body(self._messages[-1][1])
        elif self._body is not None:
            self._await_body(self._body)
        else:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"Send at most {HEAD_BYTES} bytes of headers.")

    def _hear(self) -> None:
        if self._unheard:
            self._unheard = False
            self._reception.unheard -= 1

    def _await_body(self, body: StreamReader) -> None:
        if body.is_eof():
            self._body = None
            self._disarm()
        elif self._body is not body:
            self._body = body
            self._arm(self._reception.bounds.body_s)

    def _arm(self, delay_s: float) -> None:
        self._disarm()
        self._late_once = False
        self._timer = self._reception.loop.call_later(delay_s, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _process_keepalive(self) -> None:
        if self._timer is None:  # the next request has not begun
            super()._process_keepalive()
        else:
            self._keepalive_handle = None

    def _late(self) -> None:
        bounds = self._reception.bounds
        if not self._late_once:
            # A loop that stood still may come to its timers before it reads what has lain there for long.
            self._late_once = True
            self._timer = self._reception.loop.call_later(LOOK_S, self._late)
        elif self._body is not None:
            # Whoever reads it passes that on as the answer; whoever does not has no use for the connection any more.
            self._body.set_exception(web.HTTPRequestTimeout(text=f"Send a body within {bounds.body_s:g} s."))
            self._timer = self._reception.loop.call_later(LINGER_S, self.abort)
        elif self._request_in_progress:
            self._arm(bounds.head_s)  # an earlier request is being answered still
        elif self._head_bytes:
            self._end(HTTPStatus.REQUEST_TIMEOUT, f"Send the headers of a request within {bounds.head_s:g} s.")
        else:
            self.force_close()

    def _end(self, status: HTTPStatus, message: str) -> None:
        """Say why, unless that would come amid an answer; then close."""
        if self.transport is not None and not self._request_in_progress:
            self.transport.write(self._reception.say(status, message))
        self.force_close()

    def abort(self) -> None:
        """End it now, whatever has not been read."""
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be understood. aiohttp would repeat it in the answer and the log: it may hold a cookie."""
        del exc, message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status == HTTPStatus.BAD_REQUEST:
            text = f"This is no request of HTTP/1.1, or a line of it is too long: at most {FIELD_BYTES} bytes a header."
            response = refusal(status, "bad_request", text)
        else:
            response = refusal(status, "internal", "The monitor made a mistake.")
        response.headers.update(self._reception.headers)
        response.force_close()
        return response

    def log_exception(self, *_: Any, exc_info: BaseException | None = None, **__: Any) -> None:
        """Say that something went wrong here, and nothing of what was sent."""
        if not isinstance(exc_info, web.HTTPException):
            log.error("connection.failed", error=type(exc_info).__name__)


class GuardedServer(web.Server):
    """Makes the connections."""

    def __init__(self, server: web.Server, reception: Reception, options: Mapping[str, Any]) -> None:
        self._answer = server.request_handler
        super().__init__(self._paced, request_factory=server.request_factory, loop=reception.loop, **options)
        self.reception = reception

    async def _paced(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.reception.turnstile.passed()
        return await self._answer(request)

    def __call__(self) -> web.RequestHandler:
        return Connection(self, self.reception, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application on guarded connections."""

    def __init__(
        self,
        application: web.Application,
        bounds: Bounds,
        *,
        headers: Mapping[str, str],
        trusted: Callable[[str], bool] = lambda _: False,
        stop_s: float,
    ) -> None:
        super().__init__(
            application,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=bounds.idle_s,
            lingering_time=LINGER_S,
            max_field_size=FIELD_BYTES,
            shutdown_timeout=stop_s,
        )
        self._bounds, self._headers, self._trusted = bounds, headers, trusted

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        reception = Reception(self._bounds, self._headers, self._trusted, asyncio.get_running_loop())
        # aiohttp has no other place where its connections could be exchanged for ours.
        return GuardedServer(made, reception, made._kwargs)  # noqa: SLF001

"""HTTP connections with deadlines and limits: aiohttp waits for ever, for as many as come."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, cast

from aiohttp import StreamReader, web

from monitor.outputs.answers import refusal
from monitor.outputs.bounds import Bounds
from monitor.outputs.reception import LINGER_S, LOOK_S, Reception, TurnedAway

FIELD_BYTES = (32 << 10) + 64
"""What a header may hold: a session of NextAuth in five cookies has its place, with or without the header's name."""
HEAD_BYTES = 64 << 10
"""All headers of one request, while they are coming in."""


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
            transport.set_protocol(TurnedAway(reception.excess(excess), reception, transport))
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
        del message
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        if status == HTTPStatus.BAD_REQUEST:
            text = f"This is no request of HTTP/1.1, or a line of it is too long: at most {FIELD_BYTES} bytes a header."
            response = refusal(status, "bad_request", text)
        else:
            self._reception.fail(exc)
            response = refusal(status, "internal", "The monitor made a mistake.")
        response.headers.update(self._reception.headers)
        response.force_close()
        return response

    def log_exception(self, *_: Any, exc_info: BaseException | None = None, **__: Any) -> None:
        """Say that something went wrong here, and nothing of what was sent."""
        if not isinstance(exc_info, web.HTTPException):
            self._reception.fail(exc_info)


class GuardedServer(web.Server):
    """Makes the connections."""

    def __init__(self, server: web.Server, reception: Reception, options: Mapping[str, Any]) -> None:
        self._answer = server.request_handler
        super().__init__(self._paced, request_factory=server.request_factory, loop=reception.loop, **options)
        self.reception = reception

    async def _paced(self, request: web.BaseRequest) -> web.StreamResponse:
        await self.reception.turnstile.passed()
        try:
            return await self._answer(request)
        except (web.HTTPExpectationFailed, UnicodeError):
            if "Expect" not in request.headers:
                raise
            # Of an address that there is not, aiohttp judges this header before us, and repeats it, if it can.
            response = refusal(417, "expectation_failed", "Expect may say 100-continue, and nothing else.")
            response.headers.update(self.reception.headers)
            return response

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

"""The live stream over WebSocket (RFC 6455): the document, then its changes, to anybody who can keep up."""

from __future__ import annotations

import asyncio
import zlib

import structlog
from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from monitor.access.caller import Level, RefusedError
from monitor.clock import Clock
from monitor.outputs import joining, wire
from monitor.outputs.frames import WINDOW_BITS, Transport
from monitor.outputs.gate import CALLER, LOOPBACK, own_origin
from monitor.outputs.hub import Hub
from monitor.outputs.joining import Company, Place
from monitor.outputs.seats import FullError
from monitor.outputs.subscriber import Position, Subscriber

log = structlog.get_logger()
INBOUND_BYTES = 4096
INBOUND_MESSAGES, INBOUND_PER_S = 20, 10.0
PING_S = 20.0
"""So often a subscriber is pinged; one that lets half of that pass without an answer is gone."""
MAY_BE_SAID = "Send subscribe, ping or auth, as JSON text."


class Goodbye:
    """Ends a connection's reading from outside, and holds the close code with which it is to be closed."""

    __slots__ = ("_begun", "code", "ending", "reason")

    def __init__(self) -> None:
        self.ending = asyncio.timeout(None)
        self.code, self.reason = 0, b""
        self._begun = False

    def begin(self) -> None:
        """Begin within `ending`: what was said before counts now."""
        self._begun = True
        if self.code:
            self.ending.reschedule(0)

    def say(self, code: int, reason: str) -> None:
        """Let the connection end with this code (RFC 6455, 7.4)."""
        if not self.code:
            self.code, self.reason = code, reason.encode()
            if self._begun:
                self.ending.reschedule(0)


class Socket(web.WebSocketResponse):
    """Closes with 1007 where what came cannot be unpacked: aiohttp would say 1000, as if all were well."""

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if isinstance(self.exception(), zlib.error):
            code = WSCloseCode.INVALID_TEXT
        closed = await super().close(code=code, message=message, drain=drain)
        if (failed := self.exception()) is not None:
            # Its frames lead back to us: a crowd that is gone would stay until the garbage collector comes.
            failed.__traceback__ = failed.__context__ = None
        return closed


HANDSHAKE = "This is a WebSocket's address: open it with a handshake of version 13 (RFC 6455, 4.2.1)."


class Stream:
    """The route of the stream, and the life of one subscriber's connection."""

    def __init__(self, hub: Hub, clock: Clock, company: Company, *, ping_s: float = PING_S) -> None:
        self._hub = hub
        self._clock = clock
        self._company = company
        self._ping_s = ping_s

    async def open(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one subscriber until it leaves, lags too far behind, may stay no longer, or the daemon stops."""
        counts = self._hub.counts
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        if offered and wire.PROTOCOL not in offered:
            counts.turn_away("protocol")
            raise web.HTTPBadRequest(text=f"This server speaks the subprotocol {wire.PROTOCOL}.")
        caller = request.get(CALLER)
        own_origin(request, self._company.rules, needed=caller is not None and caller.ambient)
        position = joining.asked_position(request)
        socket = Socket(
            protocols=(wire.PROTOCOL,),
            max_msg_size=INBOUND_BYTES + 1,  # aiohttp refuses what is as long as this
            heartbeat=self._ping_s,
            timeout=2,
        )
        goodbye = Goodbye()
        with joining.seated(self._company, request, counts, goodbye.say) as place:
            try:
                await socket.prepare(request)
            except (web.HTTPBadRequest, ValueError):
                # Not in the words of aiohttp, which repeat what was sent, and which some headers leave without any.
                counts.turn_away("protocol")
                raise web.HTTPBadRequest(text=HANDSHAKE) from None
            guest = Guest(place, self._company, here=request[LOOPBACK])
            await self._follow(socket, joining.tuned(request), position, guest, goodbye)
        return socket

    async def _follow(
        self,
        socket: web.WebSocketResponse,
        transport: Transport,
        position: Position | None,
        guest: Guest,
        goodbye: Goodbye,
    ) -> None:
        one = Subscriber(transport, "frame", goodbye.say, deflates=_deflates(socket))
        # They have been sent, and would be kept for hours: two kilobytes of each subscriber.
        socket.headers.clear()
        joined = False
        try:
            async with goodbye.ending:
                goodbye.begin()
                if guest.known or await self._introduced(socket, guest, goodbye):
                    self._hub.join(one, position)
                    joined = True
                    log.info("subscriber.joined", subscribers=self._hub.following)
                    # Reading goes on for ever: without it the other side's close would never be seen.
                    await self._receive(socket, one, guest)
        except TimeoutError:
            if not goodbye.code:
                raise
        finally:
            self._hub.leave(one)
        if goodbye.code and not transport.is_closing():
            await socket.close(code=goodbye.code, message=goodbye.reason)
        if joined:
            log.info("subscriber.left", subscribers=self._hub.following, code=socket.close_code)

    async def _introduced(self, socket: web.WebSocketResponse, guest: Guest, goodbye: Goodbye) -> bool:
        """Wait for a newcomer's first message, which must say who it is; nothing is told before."""
        within_s = self._company.seats.limits.unknown_s
        asked = wire.error("sign_in", f"Say who you are: send auth with a token within {within_s:g} s.", fatal=False)
        await socket.send_str(asked.decode())
        try:
            async with asyncio.timeout(within_s):
                message = await socket.receive()
        except TimeoutError:
            if goodbye.code:
                raise
            goodbye.say(4408, "did not say who it is")
            return False
        if message.type is not WSMsgType.TEXT:
            if message.type is WSMsgType.BINARY:
                goodbye.say(4400, "bad message")
            return False
        match _decoded(message.data):
            case {"type": "auth", "token": str() as token}:
                if refused := guest.show(token, self._clock.now().wall):
                    goodbye.say(*refused)
                    return False
            case _:
                goodbye.say(4401, "sign_in")
        return guest.known

    async def _receive(self, socket: web.WebSocketResponse, one: Subscriber, guest: Guest) -> None:
        since, count = self._clock.now().mono, 0
        async for message in socket:
            now = self._clock.now().mono
            if now - since > INBOUND_PER_S:
                since, count = now, 0
            count += 1
            if message.type is WSMsgType.ERROR:
                # It has been closed already: for what it said (RFC 6455, 7.4.1), or because it is gone.
                if isinstance(message.data, WebSocketError | zlib.error):
                    self._hub.counts.turn_away("protocol")
            elif count > INBOUND_MESSAGES:
                text = f"Send at most {INBOUND_MESSAGES} messages in {INBOUND_PER_S:g} s."
                self._refuse(one, wire.error("too_many", text, fatal=True, retry_after=INBOUND_PER_S), 4429)
                return
            elif message.type is not WSMsgType.TEXT or not self._understood(one, message.data, guest):
                self._refuse(one, wire.error("bad_message", MAY_BE_SAID, fatal=True), 4400)
                return

    def _refuse(self, one: Subscriber, error: bytes, code: int) -> None:
        self._hub.counts.turn_away("protocol")
        self._hub.leave(one)
        self._hub.answer(one, error)
        one.end(code, "bad message" if code == 4400 else "too many messages")

    def _understood(self, one: Subscriber, text: str, guest: Guest) -> bool:
        match _decoded(text):
            case {"type": "subscribe", "epoch": int() as epoch, "seq": int() as seq}:
                self._hub.subscribe(one, (epoch, seq))
            case {"type": "subscribe", **more} if more.get("epoch") is None and more.get("seq") is None:
                self._hub.subscribe(one)
            case {"type": "ping", "id": str() | int() | float() as name}:
                self._hub.answer(one, wire.pong(name))
            case {"type": "ping", **more} if more.get("id") is None:
                self._hub.answer(one, wire.pong())
            case {"type": "auth", "token": str() as token}:
                if refused := guest.show(token, self._clock.now().wall):
                    one.end(*refused)
            case _:
                return False
        return True


class Guest:
    """Who a connection belongs to, as far as it has said."""

    def __init__(self, place: Place, company: Company, *, here: bool) -> None:
        self._place = place
        self._company = company
        self._here = here

    @property
    def known(self) -> bool:
        return self._place.caller is not None

    def show(self, token: str, now: float) -> tuple[int, str] | None:
        """Take a token, the first one or one that is newer; give how the connection ends when it is not good."""
        before = self._place.caller
        try:
            caller = self._company.bearer(token, loopback=self._here, now=now)
            self._place.name(caller)
        except RefusedError as refused:
            # Where nobody is asked who they are, whoever always says so is not turned away.
            return None if before is not None and before.kind == "open" else (refused.close_code, refused.code)
        except FullError:
            return 4429, "too many"
        return (4403, "scope") if caller.level < Level.STREAM else None


def _decoded(text: str) -> object:
    try:
        return wire.decode(text)
    except ValueError:
        return None


def _deflates(socket: web.WebSocketResponse) -> bool:
    """Say whether the handshake has agreed on frames that look back as far as ours do (RFC 7692, 7.1)."""
    agreed = socket.headers.get("Sec-WebSocket-Extensions", "")
    return bool(socket.compress) and int(socket.compress) >= WINDOW_BITS and "server_no_context_takeover" not in agreed

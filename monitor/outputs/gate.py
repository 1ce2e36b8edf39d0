"""The one gate: every request passes it, and what is not declared is not answered."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.gate import Gate, Knock
from monitor.access.rules import Rules
from monitor.clock import Clock
from monitor.outputs.answers import refusal
from monitor.outputs.counts import Counts

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CALLER = web.RequestKey("caller", Caller)
ADDRESS = web.RequestKey("address", str)
"""For whom it is asked: the peer, or whom a trusted proxy names."""
LOOPBACK = web.RequestKey("loopback", bool)
SAFE = frozenset({"GET", "HEAD"})
OWN_HEADER = "X-Huph-Monitor"
"""A page of another site cannot send it without asking first (Fetch, 4.8), which we never allow."""
FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")
WORDS = {
    "sign_in": "Sign in first, or show a token (Authorization: Bearer).",
    "expired": "What you have shown has expired; sign in again, or ask for a new token.",
    "revoked": "This token has been revoked; ask for a new one.",
    "inactive": "This account is not active; ask an administrator.",
    "wrong_role": "Your role may not see this page; it is for {roles}.",
    "scope": "This token's scope does not reach so far.",
}


@dataclass(frozen=True, slots=True)
class Door:
    """An address, and what one must be allowed to in order to enter.

    At a `late` one, whoever shows nothing and is no browser may come in as nobody, to say who it is in its first
    message; a `ticketed` one takes a ticket as well; a `page` refuses in HTML.
    """

    method: str
    path: str
    level: Level
    handler: Handler
    late: bool = False
    ticketed: bool = False
    page: bool = False


class Doorkeeper:
    """Lets each request in at the doors that it knows."""

    def __init__(
        self,
        gate: Gate,
        clock: Clock,
        counts: Counts,
        sign_in: Callable[[web.Request, RefusedError, Rules], web.Response],
    ) -> None:
        self._gate = gate
        self._rules = gate.rules
        self._clock = clock
        self._counts = counts
        self._sign_in = sign_in
        self._doors: dict[web.AbstractRoute, Door] = {}
        self._told: tuple[str, ...] = ()

    def open(self, application: web.Application, door: Door) -> None:
        """Add a door to the application; what is read by GET can be asked for by HEAD as well, but for a stream."""
        for method in ("GET", "HEAD") if door.method == "GET" and not door.ticketed else (door.method,):
            route = application.router.add_route(method, door.path, door.handler, expect_handler=_not_yet)
            self._doors[route] = door

    def tell(self) -> None:
        """Log each way in that can no longer be used, once."""
        troubles = self._gate.troubles
        for trouble in troubles:
            if trouble not in self._told:
                log.warning("access.broken", trouble=trouble)
        self._told = troubles

    @property
    def middleware(self) -> Middleware:
        """What stands before every handler."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            request[ADDRESS], request[LOOPBACK] = asker(request, self._rules)
            if request.match_info.http_exception is not None:
                return await handler(request)  # there is no such address, whoever asks
            door = self._doors.get(request.match_info.route)
            try:
                await self._enter(request, door)
            except RefusedError as refused:
                self._counts.turned_back[refused.code] += 1
                if door is not None and door.page:
                    return self._sign_in(request, refused, self._rules)
                return self._refuse(refused)
            finally:
                self.tell()
            if request.method not in SAFE:
                from_our_page(request, self._rules)
            if request.version >= (1, 1) and request.headers.get("Expect", "").lower() == "100-continue":
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0  # the answer has not begun with it
            return await handler(request)

        return check

    async def _enter(self, request: web.Request, door: Door | None) -> None:
        if door is None:
            raise RefusedError("scope")
        if door.level is Level.PUBLIC:
            return
        knock = Knock(
            cookies="; ".join(request.headers.getall("Cookie", [])),
            authorization=request.headers.get("Authorization", ""),
            loopback=request[LOOPBACK],
        )
        now = self._clock.now().wall
        try:
            if door.ticketed and "ticket" in request.query:
                origin, agent = request.headers.get("Origin", ""), request.headers.get("User-Agent", "")
                ticket = request.query["ticket"]
                caller = self._gate.redeem(ticket, origin, agent, loopback=knock.loopback, now=now)
            else:
                caller = self._gate.admit(knock, now)
        except RefusedError as refused:
            if (
                door.late
                and refused.code == "sign_in"
                and not (knock.authorization or knock.cookies or "Origin" in request.headers)
            ):
                return
            raise
        if code := await self._gate.settled(caller, now):
            raise RefusedError(code)
        if caller.level < door.level:
            raise RefusedError("scope")
        request[CALLER] = caller

    def _refuse(self, refused: RefusedError) -> web.Response:
        words = WORDS[refused.code].format(roles=", ".join(self._rules.roles))
        more = {"sign_in_url": self._rules.sign_in_url} if self._rules.sign_in_url else {}
        response = refusal(refused.status, refused.code, words, **more)
        if refused.status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="huph-monitor"'
        return response


async def _not_yet(_: web.Request) -> None:
    """Promise nothing (RFC 9110, 10.1.1): who waits to be told to go on must come in first."""


def asker(request: web.Request, rules: Rules) -> tuple[str, bool]:
    """Say for whom it is asked, and whether that is somebody on this machine.

    Of X-Forwarded-For the last address counts that is not a trusted proxy's own: those before it are anybody's word.
    Somebody who comes through a proxy is never on this machine.
    """
    peer = request.remote or ""
    if not any(name in request.headers for name in FORWARDED):
        known = _known(peer)
        return peer, known is not None and known.is_loopback
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    address = peer
    while hops and is_proxy(address, rules):
        address = hops.pop()
    return address, False


def is_proxy(address: str, rules: Rules) -> bool:
    """Say whether a trusted proxy has this address."""
    known = _known(address)
    return known is not None and any(known in network for network in rules.trusted_proxies)


def own_origin(request: web.Request, rules: Rules, *, needed: bool) -> None:
    """Refuse the page of another origin, which would act in its visitor's name (RFC 6455, 10.2)."""
    origin = request.headers.get("Origin")
    if origin is None:
        if needed:
            raise web.HTTPForbidden(text="A browser says the origin of its page; this request does not.")
    elif origin not in (rules.origins or (f"{request.scheme}://{request.host}",)):
        raise web.HTTPForbidden(text="This page may not do this: its origin is another one; see access.origins.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"} and origin is None:
        raise web.HTTPForbidden(text="This page may not do this: it belongs to another site.")


def from_our_page(request: web.Request, rules: Rules) -> None:
    """Refuse what a page of another site could have a browser send (CSRF)."""
    # Not by `request.content_type`: the library behind it takes the square of the header's length.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
        raise web.HTTPUnsupportedMediaType(text="Send JSON, with Content-Type: application/json.")
    if request.headers.get(OWN_HEADER) != "1":
        raise web.HTTPForbidden(text=f"Send the header {OWN_HEADER}: 1.")
    if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise web.HTTPForbidden(text="This page may not do this: it belongs to another site.")
    caller = request.get(CALLER)
    own_origin(request, rules, needed=caller is not None and caller.ambient)


def _known(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; one of IPv4 that is written as one of IPv6 is that of IPv4. None where it is none."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(known, "ipv4_mapped", None) or known

"""One port: the page, the REST addresses and the live stream, all under the base path."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from importlib.resources.abc import Traversable
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from monitor.access.caller import Level
from monitor.access.gate import Gate
from monitor.clock import Clock
from monitor.errors import MonitorError
from monitor.outputs.acceptor import Site
from monitor.outputs.answers import refusal
from monitor.outputs.attendance import Attendance
from monitor.outputs.bounds import Bounds, bounds_of
from monitor.outputs.connections import Runner
from monitor.outputs.gate import Door, Doorkeeper, is_proxy
from monitor.outputs.hub import Hub
from monitor.outputs.joining import Company
from monitor.outputs.metrics import Metrics
from monitor.outputs.page import Page
from monitor.outputs.routes.asyncapi import AsyncApi
from monitor.outputs.routes.cron import Cron
from monitor.outputs.routes.health import Health
from monitor.outputs.routes.openapi import OpenApi
from monitor.outputs.routes.runbook import Runbooks
from monitor.outputs.routes.series import Read, Series
from monitor.outputs.routes.services import Services
from monitor.outputs.routes.session import Session
from monitor.outputs.routes.settings import Settings
from monitor.outputs.seats import Limits, Seats
from monitor.outputs.security import dressed, headers
from monitor.outputs.seldom import Seldom
from monitor.outputs.sse import Events
from monitor.outputs.stream import Stream
from monitor.runbook import Runbook
from monitor.settings.editor import Editor

log = structlog.get_logger()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TURNED_AWAY = {429, 503}
BODY_BYTES = 64 << 10
GOODBYE_S = 0.5
"""How long the subscribers' answers to the last word are waited for."""
STOP_S = 1.0
"""How long a request under way may take to end; aiohttp waits as long again after it has cancelled it."""


def only_known_hosts(hosts: Collection[str]) -> Middleware:
    """Answer only who asks for us by a name of ours: a foreign name that resolves to us is a trap (DNS rebinding)."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            name = urlsplit(f"//{request.host}").hostname
        except ValueError:
            name = None
        if name not in hosts:
            known = f"This monitor is not known as {(name or '')[:100]!r}"
            raise web.HTTPMisdirectedRequest(text=f"{known}; add the name to http.hosts, or let the proxy keep ours.")
        return await handler(request)

    return check


def guard(clock: Clock) -> Middleware:
    """Give every error a form that tells nothing of our insides."""
    seldom = Seldom(lambda: clock.now().mono)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:
            if error.status < 400:
                raise
            response = refusal(error.status, error.reason.lower().replace(" ", "_"), error.text or error.reason)
            response.headers.update(
                {name: value for name, value in error.headers.items() if name in {"Allow", "Retry-After"}}
            )
            if error.status in TURNED_AWAY:
                # Who is too many keeps no connection either: it would hold it for as long as it likes.
                response.force_close()
        except Exception as error:
            gone = request.transport is None or request.transport.is_closing()
            if not (gone and isinstance(error, ConnectionResetError)):
                kind = f"{type(error).__name__} {request.match_info.handler.__qualname__}"
                if (unsaid := seldom.unsaid(kind)) is not None:
                    log.exception("request.failed", path=request.path, unsaid=unsaid)
            response = refusal(500, "internal", "The monitor made a mistake; its log says which.")
        return response

    return check


class Server:
    """Listens on one address; `start` gives the port that it got. `web_folder` holds the built page, if not our own.

    `frame_ancestors` are the origins whose pages may show ours in a frame. `runbooks` say in each language what to do,
    and `links` where the admin's pages are that they lead to.
    """

    def __init__(
        self,
        *,
        hub: Hub,
        read_series: Read,
        clock: Clock,
        host: str,
        port: int,
        base_path: str,
        gate: Gate,
        hosts: Collection[str] = (),
        frame_ancestors: Collection[str] = (),
        editor: Editor | None = None,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        runbooks: Mapping[str, Runbook] | None = None,
        links: Mapping[str, str] | None = None,
        web_folder: Traversable | None = None,
    ) -> None:
        self._hub = hub
        self._host, self._port, self._base = host, port, base_path
        health, series, cron = Health(hub), Series(read_series), Cron(hub, read_series)
        seats = limits if limits is not None else Limits()
        self._seats = Seats(seats)
        self.attendance = Attendance(gate.still, clock)
        company = Company(self._seats, self.attendance, gate.rules, gate.bearer)
        stream, events = Stream(hub, clock, company), Events(hub, company)
        session = Session(gate, clock, edits=editor is not None and editor.edits)
        settings = Settings(hub, clock, editor)
        guide = Runbooks(runbooks or {}, links or {}, gate.rules.sign_in_url)
        page = Page(hub, web_folder, guide.about)
        self._keeper = keeper = Doorkeeper(gate, clock, hub.counts, page.sign_in)
        names = {urlsplit(origin).hostname or "" for origin in gate.rules.origins}
        application = web.Application(
            client_max_size=BODY_BYTES,
            middlewares=[guard(clock), only_known_hosts({*LOOPBACK, host, *hosts, *names}), keeper.middleware],
        )
        policy = headers(origins=gate.rules.origins, frame_ancestors=frame_ancestors)
        application.on_response_prepare.append(dressed(policy))
        api = f"{base_path}api/v1"
        for door in (
            Door("GET", f"{api}/health", Level.READ, health.short),
            Door("GET", f"{api}/health/full", Level.READ, health.full),
            Door("GET", f"{api}/checks/{{name}}", Level.READ, health.check),
            Door("GET", f"{api}/series/{{name}}", Level.READ, series.one),
            Door("GET", f"{api}/cron", Level.READ, cron.all),
            Door("GET", f"{api}/cron/{{job}}/runs", Level.READ, cron.runs),
            Door("GET", f"{api}/services", Level.READ, Services(hub).all),
            Door("GET", f"{api}/settings", Level.READ, settings.all),
            Door("PATCH", f"{api}/settings/{{key}}", Level.EDIT, settings.edit),
            Door("GET", f"{api}/settings/{{key}}/history", Level.READ, settings.history),
            Door("GET", f"{api}/runbook/{{language}}", Level.READ, guide.one),
            Door("GET", f"{api}/openapi.json", Level.READ, OpenApi(hub, base_path).document),
            Door("GET", f"{api}/asyncapi.json", Level.READ, AsyncApi(base_path, gate.rules.origins).document),
            Door("GET", f"{api}/session", Level.READ, session.mine),
            Door("POST", f"{api}/stream-ticket", Level.STREAM, session.ticket),
            Door("GET", f"{api}/stream", Level.STREAM, stream.open, ticketed=True, late=True),
            Door("GET", f"{api}/events", Level.STREAM, events.open, ticketed=True),
            Door("GET", f"{base_path}livez", Level.PUBLIC, health.live),
            Door("GET", f"{base_path}readyz", Level.PUBLIC, health.ready),
            Door("GET", f"{base_path}metrics", Level.READ, Metrics(hub, clock).scrape),
            Door("GET", base_path, Level.READ, page.index, page=True),
            # The page's own files are everybody's: what they show comes by the addresses above.
            Door("GET", f"{base_path}{{path:(?!api/).+}}", Level.PUBLIC, page.asset),
        ):
            keeper.open(application, door)
        if base_path != "/":
            keeper.open(application, Door("GET", base_path.rstrip("/"), Level.PUBLIC, self._to_base))
        self._runner = Runner(
            application,
            bounds if bounds is not None else bounds_of(seats),
            headers=policy,
            trusted=lambda address: is_proxy(address, gate.rules),
            stop_s=STOP_S,
        )

    async def _to_base(self, _: web.Request) -> web.StreamResponse:
        raise web.HTTPPermanentRedirect(self._base)

    async def start(self) -> str:
        """Open the port; give the page's address. Raises `MonitorError` when the port cannot be had."""
        await self._runner.setup()
        try:
            listening = socket.create_server(
                (self._host, self._port), family=socket.AF_INET6 if ":" in self._host else socket.AF_INET
            )
        except OSError as error:
            await self._runner.cleanup()
            raise MonitorError(
                f"http.port is {self._port}: cannot be opened on {self._host} ({error.strerror}); "
                "stop what uses it, or choose another with --port."
            ) from None
        await Site(self._runner, listening).start()
        self._keeper.tell()
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{listening.getsockname()[1]}{self._base}"

    async def stop(self) -> None:
        """Tell the subscribers, finish what is under way, close the port."""
        self._hub.close_all(1012, "restarting")
        # Once aiohttp is told to end, it hears nobody's answer to a close any more.
        await self._seats.close(GOODBYE_S)
        await self._runner.cleanup()

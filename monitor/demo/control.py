"""The demo's own small door on loopback: what is broken, and the buttons that break and mend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from monitor.demo.mischief import Mischief

    Facts = Callable[[], dict[str, Any]]
    Link = Callable[[str | None, str | None], str]
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HOST = "127.0.0.1"
PRESSED = "X-Demo"
"""A header that no form can send, and a script of another site only after asking us, which we never answer."""
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_PAGE = Path(__file__).parent / "control.html"
_SAFE = {
    "Cache-Control": "no-store",
    # No other page may frame this one and lend it a click.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a foreign name in Host: a site may point its own name at 127.0.0.1 and be read as the same origin."""
    try:
        name = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    except ValueError:
        name = None
    if name not in _LOOPBACK:
        return _sorry(403, "This address is for this machine only.")
    if request.method == "POST" and request.headers.get(PRESSED) != "1":
        return _sorry(403, f"A break or a mend must carry the header {PRESSED}: 1")
    response = await handler(request)
    response.headers.update(_SAFE)
    return response


def _sorry(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=_SAFE)


class Control:
    """The web application and the address that it was given."""

    def __init__(self, mischief: Mischief, facts: Facts, link: Link) -> None:
        self.url = ""
        self._mischief = mischief
        self._facts = facts
        self._link = link
        app = web.Application(middlewares=[_only_from_here], client_max_size=1024)
        app.add_routes(
            [
                web.get("/", self._page),
                web.get("/info", self._info),
                web.get("/kinds", self._kinds),
                web.post("/login", self._login),
                web.post("/break/{kind}", self._break),
                web.post("/mend", self._mend),
                web.post("/mend/{kind}", self._mend),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)

    async def start(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(_PAGE)

    async def _info(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self._facts())

    async def _kinds(self, _: web.Request) -> web.StreamResponse:
        kinds = self._mischief.kinds.items()
        told = {name: {"group": kind.group, "about": kind.about, "broken": kind.is_broken()} for name, kind in kinds}
        return web.json_response(told)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        """Give a fresh one-time link: whoever may break the platform may also sign in to it."""
        try:
            return web.json_response({"login": self._link(request.query.get("as"), request.query.get("to"))})
        except MonitorError as error:
            return _sorry(400, str(error))

    async def _break(self, request: web.Request) -> web.StreamResponse:
        kind = request.match_info["kind"]
        return await self._carry_out(kind, self._mischief.break_)

    async def _mend(self, request: web.Request) -> web.StreamResponse:
        return await self._carry_out(request.match_info.get("kind"), self._mischief.mend)

    async def _carry_out(self, kind: str | None, deed: Callable[[Any], Awaitable[None]]) -> web.StreamResponse:
        if kind is not None and kind not in self._mischief.kinds:
            return _sorry(404, f"There is no kind {kind!r}; there are {', '.join(self._mischief.kinds)}.")
        try:
            await deed(kind)
        except MonitorError as error:
            return _sorry(409, str(error))
        return web.json_response({"broken": self._mischief.broken()})

"""How one signs in to the demo platform: a one-time link, and a real session cookie in return."""

from __future__ import annotations

from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from aiohttp import web

from monitor.demo.links import host_of, name_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.clock import Clock
    from monitor.demo.links import Links

_PAGE = Template((Path(__file__).parent / "login.html").read_text("utf-8"))
_SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the code stands in our own address
}
_HOW = ("Masuklah dengan tautan sekali pakai.", "Sign in with a one-time link.")
_USED = (
    "Tautan ini sudah dipakai, atau umurnya lebih dari sepuluh menit.",
    "This link has been used already, or is older than ten minutes.",
)
_ELSEWHERE = (
    "Tautan ini menuju alamat yang bukan halaman di mesin ini.",
    "This link leads to an address that is no page on this machine.",
)


class Login:
    """`GET /login`: takes a code for a session; `secret` gives what the platform's session cookies are made with."""

    def __init__(self, links: Links, secret: Callable[[], str], clock: Clock) -> None:
        self._links = links
        self._secret = secret
        self._clock = clock

    @property
    def routes(self) -> list[web.RouteDef]:
        """Give what the platform's admin answers besides its health."""
        return [web.get("/login", self._answer, allow_head=False)]  # HEAD would use the code up

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        host = name_in(request.headers.get("Host", ""))
        if host is None:  # a site may point its own name at this machine
            return web.Response(status=403, text="This address is for this machine only.\n", headers=_SAFE)
        page = request.query.get("to", self._links.page)
        if "code" not in request.query:
            return _page(200, _HOW)
        if host_of(page) != host:  # under another name the cookie would not be sent
            return _page(400, _ELSEWHERE)
        user = self._links.redeem(request.query["code"])
        if user is None:
            return _page(403, _USED, page)
        # Its libraries take a tenth of a second; the broker has read them beside other work.
        from monitor.demo import session_cookie  # noqa: PLC0415  see above

        answer = web.Response(status=303, headers={**_SAFE, "Location": page})
        token = session_cookie.mint(self._secret(), user, int(self._clock.now().wall))
        answer.set_cookie(
            session_cookie.NAME, token, max_age=session_cookie.MAX_AGE_S, path="/", httponly=True, samesite="Lax"
        )
        return answer


def _page(status: int, told: tuple[str, str], page: str | None = None) -> web.Response:
    """Say in both languages what is the matter and how to get a link; `page` is offered to whoever is in already."""
    indonesian, english = told
    words = {
        "indonesian": indonesian,
        "english": english,
        "page": escape(page or ""),
        "hidden": "" if page else "hidden",
    }
    return web.Response(status=status, text=_PAGE.substitute(words), content_type="text/html", headers=_SAFE)

"""The headers that every answer carries: what a browser may do with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

from aiohttp import web

from monitor.access.rules import ORIGIN

DEVICES = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen",
    "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer", "microphone", "midi", "payment",
    "picture-in-picture", "publickey-credentials-get", "screen-wake-lock", "serial", "storage-access", "usb",
    "window-management", "xr-spatial-tracking",
)  # fmt: skip
"""What the page never asks a browser for (Permissions Policy, 5); a browser complains of one that it does not know."""


def headers(*, origins: Collection[str] = (), frame_ancestors: Collection[str] = ()) -> Mapping[str, str]:
    """Give the headers of a page that is also known by these origins, and may be framed by those ancestors.

    Both are origins as a browser writes them, such as "https://admin.example". The policy (CSP, level 3) lets nothing
    run that is no file of ours: no inline script or style, no eval, no other host, no HTML made of text.

    Raises ValueError for what is no origin: a space or a semicolon in it would write another policy.
    """
    for origin in (*origins, *frame_ancestors):
        if not ORIGIN.fullmatch(origin):
            raise ValueError(f"{origin!r} is no origin; give one such as https://admin.example, without a path.")
    # That 'self' includes WebSockets is younger than some browsers that are still about (CSP 3, 6.7.2.8).
    sockets = [urlsplit(one)._replace(scheme=_socket(one)).geturl() for one in origins]
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": " ".join(["'self'", *sockets]),
        "base-uri": "'none'",
        "form-action": "'none'",
        "object-src": "'none'",
        "frame-ancestors": " ".join(frame_ancestors) or "'none'",
        # Nobody makes HTML of text, the page's own templates included.
        "trusted-types": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{device}=()" for device in DEVICES),
        "Referrer-Policy": "no-referrer",
        "Server": "huph-monitor",
        "X-Content-Type-Options": "nosniff",
    }


def _socket(origin: str) -> str:
    return "wss" if origin.startswith("https:") else "ws"


SECURITY = headers()
"""Those of a page that nobody may frame, known by its own origin alone."""


def dressed(given: Mapping[str, str]) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Make what gives each answer these headers as it goes out: pages, errors, streams and handshakes alike."""

    async def dress(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(given)
        # What does not say itself how long it may be kept is not kept.
        response.headers.setdefault("Cache-Control", "no-store")

    return dress

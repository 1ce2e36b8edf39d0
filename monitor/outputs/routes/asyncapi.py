"""The description of the stream, with the address at which it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from monitor.outputs import asyncapi
from monitor.outputs.answers import answer


class AsyncApi:
    """`origins` are those under which we are visited: a proxy asks us by that name, but not over TLS."""

    def __init__(self, base_path: str, origins: Sequence[str] = ()) -> None:
        self._base = base_path
        self._seen = {one.netloc: one for one in map(urlsplit, origins)}

    async def document(self, request: web.Request) -> web.Response:
        """Give the AsyncAPI 3.0 document."""
        seen = self._seen.get(request.host)
        secure = seen.scheme == "https" if seen is not None else request.secure
        return answer(asyncapi.describe(self._base, host=request.host, secure=secure))

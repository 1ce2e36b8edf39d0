"""The description of the stream, with the address at which it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web

from monitor.outputs import asyncapi
from monitor.outputs.answers import answer


class AsyncApi:
    """`origins` are those under which we are visited: behind a proxy we are asked by its name, but not over TLS."""

    def __init__(self, base_path: str, origins: Sequence[str] = ()) -> None:
        self._base = base_path
        self._seen = urlsplit(origins[0]) if origins else None

    async def document(self, request: web.Request) -> web.Response:
        """Give the AsyncAPI 3.0 document."""
        seen = self._seen if self._seen is not None else urlsplit(f"{request.scheme}://{request.host}")
        return answer(asyncapi.describe(self._base, host=seen.netloc, secure=seen.scheme == "https"))

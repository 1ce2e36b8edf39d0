"""The description of the stream, with the address at which it was asked for."""

from __future__ import annotations

from aiohttp import web

from monitor.outputs import asyncapi
from monitor.outputs.answers import answer


class AsyncApi:
    def __init__(self, base_path: str) -> None:
        self._base = base_path

    async def document(self, request: web.Request) -> web.Response:
        """Give the AsyncAPI 3.0 document."""
        return answer(asyncapi.describe(self._base, host=request.host, secure=request.secure))

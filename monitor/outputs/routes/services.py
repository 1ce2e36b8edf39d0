"""The services around the platform: whether each answers, and how fast."""

from __future__ import annotations

from aiohttp import web

from monitor.outputs.answers import answer
from monitor.outputs.hub import Hub


class Services:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def all(self, _: web.Request) -> web.Response:
        """Give every service by its name; none where the profile knows none."""
        return answer(self._hub.document.get("services", {}))

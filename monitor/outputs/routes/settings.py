"""The settings of the platform: each with its value, a secret only with whether it is configured."""

from __future__ import annotations

from aiohttp import web

from monitor.outputs.answers import answer
from monitor.outputs.hub import Hub


class Settings:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def all(self, _: web.Request) -> web.Response:
        """Give every setting by its key; none where the profile expects none."""
        return answer(self._hub.document.get("settings", {}))

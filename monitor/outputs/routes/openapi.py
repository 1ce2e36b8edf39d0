"""The description of all addresses, with the names that this daemon's own profile has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from monitor.outputs import openapi
from monitor.outputs.answers import answer
from monitor.outputs.hub import Hub
from monitor.outputs.routes.series import NAMES


class OpenApi:
    def __init__(self, hub: Hub, base_path: str) -> None:
        self._hub = hub
        self._base = base_path

    async def document(self, _: web.Request) -> web.Response:
        """Give the OpenAPI 3.1 document."""
        document: Mapping[str, Any] = self._hub.document
        jobs: Iterable[str] = document.get("cron", {}).get("jobs", ())
        settings: Iterable[str] = document.get("settings", {})
        checks = document["checks"]
        return answer(openapi.describe(self._base, checks=checks, series=NAMES, jobs=jobs, settings=settings))

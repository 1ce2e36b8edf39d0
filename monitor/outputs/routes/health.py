"""What is well and what is not: the short answer for load balancers, the whole document, and each check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from monitor.outputs.answers import answer, refusal
from monitor.outputs.hub import Hub

FAIL_ON = {"degraded": {"degraded"}, "unknown": {"degraded", "unknown"}}


class Health:
    """The addresses about the document."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def _checks(self) -> Mapping[str, Any]:
        checks = self._hub.document["checks"]
        assert isinstance(checks, Mapping)
        return checks

    @property
    def _ready(self) -> bool:
        return "observed_at" in self._checks["db"]

    async def short(self, request: web.Request) -> web.Response:
        """Answer 503 only when the database fails or nothing is known yet; `fail_on` widens that."""
        given = request.query.getall("fail_on", [])
        fail_on = given[0] if given else None
        if len(given) > 1 or (fail_on is not None and fail_on not in FAIL_ON):
            words = ", ".join(repr(one) for one in given)
            return refusal(400, "bad_fail_on", f"fail_on is {words}; give degraded or unknown.")
        document = self._hub.document
        failing = (
            not self._ready
            or self._checks["db"]["verdict"] == "fail"
            or (fail_on is not None and document["status"] in FAIL_ON[fail_on])
        )
        keys = ("platform", "status", "since", "counts", "as_of")
        return answer({key: document[key] for key in keys}, status=503 if failing else 200)

    async def full(self, request: web.Request) -> web.Response:
        """Answer with the document, or that the asker has it already: ages alone make no new one."""
        epoch, seq = self._hub.position
        name = f"{epoch}:{seq}"
        # A weak validator (RFC 9110, 8.8.1): at one position the ages of the evidence differ. It is for who asks again
        # by himself; no cache keeps the document.
        headers = {"ETag": f'W/"{name}"', "Cache-Control": "no-store"}
        if any(tag.value in {name, "*"} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        response = answer(self._hub.document)
        response.headers.update(headers)
        return response

    async def check(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._checks:
            return refusal(404, "no_such_check", f"There is no check {name!r}; there are {', '.join(self._checks)}.")
        return answer(self._checks[name])

    async def live(self, _: web.Request) -> web.Response:
        """Answer at all: the loop turns."""
        return answer({"live": True})

    async def ready(self, _: web.Request) -> web.Response:
        """Answer 200 once the database has been observed, whatever was seen."""
        return answer({"ready": self._ready}, status=200 if self._ready else 503)

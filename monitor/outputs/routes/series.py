"""The long series that the document does not carry."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from monitor.outputs.answers import answer, refusal

NAMES = ("messages", "message_rates", "db_latency")
Read = Callable[[str], Mapping[str, object] | None]


class Series:
    def __init__(self, read: Read) -> None:
        self._read = read

    async def one(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in NAMES:
            return refusal(404, "no_such_series", f"There is no series {name!r}; there are {', '.join(NAMES)}.")
        series = self._read(name)
        if series is None:
            return refusal(503, "not_counted_yet", "Nothing has been counted yet; ask again in a moment.")
        return answer(series)

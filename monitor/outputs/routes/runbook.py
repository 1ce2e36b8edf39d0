"""What to do about each reason, in the language that is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urljoin

from aiohttp import web

from monitor.outputs import wire
from monitor.outputs.answers import answer, refusal
from monitor.runbook import LANGUAGES, Runbook


class Runbooks:
    """Says the same as long as the daemon runs. `links` are paths on the host of `admin`, an address on it or ""."""

    def __init__(self, books: Mapping[str, Runbook], links: Mapping[str, str], admin: str) -> None:
        empty = Runbook({}, {})
        self._told = {language: _told(language, books.get(language, empty), links, admin) for language in LANGUAGES}
        self._tags = {language: _tag(told) for language, told in self._told.items()}

    def about(self, codes: Collection[str]) -> dict[str, dict[str, object]]:
        """Give of each language's runbook what concerns these reasons, in the form in which the whole is answered."""
        return {
            language: {**told, "entries": {code: entry for code, entry in told["entries"].items() if code in codes}}
            for language, told in self._told.items()
        }

    async def one(self, request: web.Request) -> web.Response:
        """Give the runbook of a language, or say that the asker has it already; without one it has no entries."""
        language = request.match_info["language"]
        if language not in self._told:
            there = ", ".join(LANGUAGES)
            return refusal(404, "no_such_language", f"There is no runbook in {language!r}; there are {there}.")
        # For who asks again by himself: no cache keeps what only readers may see.
        headers = {"ETag": f'"{self._tags[language]}"', "Cache-Control": "no-store"}
        if any(tag.value in {self._tags[language], "*"} for tag in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        response = answer(self._told[language])
        response.headers.update(headers)
        return response


def _tag(told: Mapping[str, object]) -> str:
    """Name a content (RFC 9110, 8.8.3)."""
    return hashlib.sha256(wire.encode(told)).hexdigest()[:16]


def _told(language: str, book: Runbook, links: Mapping[str, str], admin: str) -> dict[str, Any]:
    """Give it as it goes over the wire; what an entry does not have is absent."""
    return {
        "language": language,
        "links": {
            name: {"title": book.links[name], "href": urljoin(admin, path)}
            for name, path in links.items()
            if name in book.links
        },
        "entries": {
            code: {key: value for key, value in asdict(entry).items() if value} for code, entry in book.entries.items()
        },
    }

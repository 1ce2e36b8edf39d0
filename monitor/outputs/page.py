"""The page: the built files of web/, held in memory, with the current document inside the first answer."""

from __future__ import annotations

import gzip
import mimetypes
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import quote

from aiohttp import web

from monitor.access.caller import RefusedError
from monitor.access.rules import Rules
from monitor.errors import MonitorError
from monitor.outputs import wire
from monitor.outputs.hub import Hub

SLOT = b'<script type="application/json" id="document">{}</script>'
ADVICE_SLOT = b'<script type="application/json" id="advice">{}</script>'
NEEDED = re.compile(rb'(?:src|href)="\./([^"]+)"')


CLOSED = "sign-in.html"
CLOSED_SLOT = 'lang="id" data-code="sign_in" data-address="no"'
ADDRESS_SLOT = "#sign-in-address"
HERE = "{here}"
"""What in the address of signing in stands for the address of the page."""


@dataclass(frozen=True, slots=True)
class Asset:
    content_type: str
    plain: bytes
    packed: bytes


class Page:
    """Serves index.html with the document in it and what to do about its reasons, and the other files as they are.

    `advise` gives for codes of reasons what the runbooks say of them: so it is there at the first paint, and nothing
    on the page moves when the whole runbook comes.
    """

    def __init__(
        self, hub: Hub, folder: Traversable | None = None, advise: Callable[[Collection[str]], object] | None = None
    ) -> None:
        self._hub = hub
        self._advise = advise if advise is not None else lambda _: {}
        folder = folder if folder is not None else resources.files("monitor") / "_web"
        if not (folder / "index.html").is_file():
            raise MonitorError("The page has not been built; install the package again, or use ./dev run.")
        self._index = (folder / "index.html").read_bytes()
        if SLOT not in self._index or ADVICE_SLOT not in self._index:
            raise MonitorError("The built page has no place for the document or the advice; build it again from web/.")
        self._closed = (folder / CLOSED).read_text("utf-8") if (folder / CLOSED).is_file() else ""
        if CLOSED_SLOT not in self._closed or ADDRESS_SLOT not in self._closed:
            raise MonitorError("The built sign-in page has no place for its words; build it again from web/.")
        self._assets: Mapping[str, Asset] = dict(_assets(folder, ""))
        if missing := {name.decode() for name in NEEDED.findall(self._index)} - self._assets.keys():
            raise MonitorError(
                f"The built page lacks {', '.join(sorted(missing))}; install the package again, with its files copied: "
                "a link is not served."
            )

    async def index(self, _: web.Request) -> web.Response:
        document = self._hub.document
        body = self._index.replace(SLOT, _filled(SLOT, document))
        body = body.replace(ADVICE_SLOT, _filled(ADVICE_SLOT, self._advise(_reasons(document))))
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers={"Cache-Control": "no-store"})

    def sign_in(self, request: web.Request, refused: RefusedError, rules: Rules) -> web.Response:
        """Say in the reader's language why this page is not shown, and where one signs in."""
        here = f"{rules.origins[0]}{request.path}" if rules.origins else f"http://{request.host}{request.path}"
        address = rules.sign_in_url.replace(HERE, quote(here, safe=""))
        language = _language(request)
        told = f'lang="{language}" data-code="{refused.code}" data-address="{"yes" if address else "no"}"'
        body = self._closed.replace(CLOSED_SLOT, told).replace(ADDRESS_SLOT, escape(address or "./"))
        headers = {"Cache-Control": "no-store", "Content-Language": language, "Vary": "Accept-Language, Cookie"}
        return web.Response(
            text=body, status=refused.status, content_type="text/html", charset="utf-8", headers=headers
        )

    async def asset(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["path"])
        if asset is None:
            raise web.HTTPNotFound(text="There is no such file.")
        packed = _packs(request.headers.get("Accept-Encoding", ""))
        hashed = request.match_info["path"].startswith("assets/")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable" if hashed else "no-cache",
            "Vary": "Accept-Encoding",
            **({"Content-Encoding": "gzip"} if packed else {}),
        }
        return web.Response(
            body=asset.packed if packed else asset.plain, content_type=asset.content_type, headers=headers
        )


def _filled(slot: bytes, content: object) -> bytes:
    # "<" cannot end the script element when it is written as an escape (HTML, 4.12.1.3).
    return slot.replace(b"{}", wire.encode(content).replace(b"<", b"\\u003c"))


def _reasons(part: object) -> set[str]:
    """Find the codes of all reasons that hold now, wherever in the document they stand."""
    if not isinstance(part, Mapping):
        return set()
    found = {part["reason"]} if isinstance(part.get("reason"), str) else set()
    also = part.get("also")
    found |= set(also) if isinstance(also, Mapping) else set()
    return found.union(*(_reasons(value) for key, value in part.items() if key != "transitions"))


def _assets(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.name.startswith(".") or (isinstance(entry, Path) and entry.is_symlink()):
            # Hidden, or a way out of the folder: nothing that the build has made.
            continue
        if entry.is_dir():
            found += _assets(entry, f"{name}/")
        elif name not in {"index.html", CLOSED}:
            plain = entry.read_bytes()
            kind = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
            found.append((name, Asset(kind, plain, gzip.compress(plain, mtime=0))))
    return found


def _packs(accepted: str) -> bool:
    """Say whether an answer may come packed: it may, unless its weight is nothing (RFC 9110, 12.5.3)."""
    for part in accepted.lower().split(","):
        name, weighed, weight = part.partition(";")
        if name.strip() == "gzip":
            return not weighed or bool(weight.strip().removeprefix("q=").strip("0. "))
    return False


def _language(request: web.Request) -> str:
    """Give the language that the reader asks for: by ?lang=, else the first known one that his browser names."""
    asked = request.query.get("lang", "")
    if asked in {"id", "en"}:
        return asked
    weighed: list[tuple[float, int, str]] = []
    for part in request.headers.get("Accept-Language", "").split(","):
        name, _, weight = part.strip().partition(";q=")
        with suppress(ValueError):
            weighed.append((-float(weight or 1), len(weighed), name.partition("-")[0].lower()))
    known = [name for _, _, name in sorted(weighed) if name in {"id", "in", "en"}]
    return "en" if known and known[0] == "en" else "id"

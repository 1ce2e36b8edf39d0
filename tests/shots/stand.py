"""A real server that shows one made document to a real browser, and says nothing of it but that it still stands."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from importlib import resources
from typing import Any, Self

from monitor import runbook
from monitor.access.gate import Gate
from monitor.domain.change import Change
from monitor.outputs.hub import Hub
from monitor.outputs.server import Server
from monitor.settings.edit import Change as Past
from monitor.settings.edit import Conflict, Done, Edit, Refusal
from tests.doors import open_gate
from tests.fakes import FakeClock
from tests.outputs import whole
from tests.shots import made

LINKS = {"users": "/settings/users", "audit_log": "/audit-log", "follow_up": "/follow-up", "inbox": "/inbox"}
RUNBOOKS = runbook.read(resources.files("monitor.profiles") / "huph", LINKS, [])


class Desk:
    """An editor without a database at which somebody else was always faster."""

    edits = True

    async def edit(self, _: Edit) -> Done | Conflict | Refusal:
        return Conflict(121, made.NOW.timestamp() - 9, "Sari", value="claude-sonnet-5")

    async def history(self, _: str) -> tuple[Past, ...] | Refusal:
        return whole.PAST


class Stand:
    """The built page over one document; `show` changes it as the board would."""

    def __init__(self, document: made.Json, *, gate: Gate | None = None) -> None:
        wall = made.NOW.timestamp()
        self.document = document
        self.clock = FakeClock(wall=wall)
        self.hub = Hub(document, dict, self.clock, coalesce_s=0)
        self._server = Server(
            hub=self.hub,
            read_series=made.series,
            clock=self.clock,
            gate=gate if gate is not None else open_gate(),
            editor=Desk(),
            runbooks=RUNBOOKS,
            links=LINKS,
            host="127.0.0.1",
            port=0,
            base_path="/",
        )
        self.url = ""
        self._up = False

    async def __aenter__(self) -> Self:
        self.url = await self._server.start()
        self._bookmarks = asyncio.create_task(self.hub.run(), name="bookmarks")
        self._passing = asyncio.create_task(self._pass(), name="time")
        self._up = True
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Go away, as a daemon does that is stopped."""
        if not self._up:
            return
        self._up = False
        for task in (self._bookmarks, self._passing):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._server.stop()

    async def _pass(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.clock.advance(0.1)

    def show(self, patch: dict[str, Any]) -> None:
        """Change the document by a merge patch."""
        from monitor.domain.patch import apply

        epoch, seq = self.document["position"]["epoch"], self.document["position"]["seq"] + 1
        changed: Any = apply(self.document, patch)
        self.document = {**changed, "position": {"epoch": epoch, "seq": seq}}
        self.hub.publish(Change(epoch, seq, self.clock.wall, patch, self.document))

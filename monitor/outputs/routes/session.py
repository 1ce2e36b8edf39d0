"""Who asks: what they may do, until when, and a ticket for those who cannot send a header."""

from __future__ import annotations

from aiohttp import web

from monitor.access.caller import Level
from monitor.access.gate import Gate
from monitor.access.tickets import LIFE_S
from monitor.clock import Clock
from monitor.domain.verdict import instant
from monitor.outputs import wire
from monitor.outputs.answers import answer, refusal
from monitor.outputs.gate import CALLER

MOST_LETTERS = 1000


class Session:
    """`edits` says whether settings can be edited here at all."""

    def __init__(self, gate: Gate, clock: Clock, *, edits: bool = False) -> None:
        self._gate = gate
        self._clock = clock
        self._edits = edits

    async def mine(self, request: web.Request) -> web.Response:
        """Say who has asked, and what he may do."""
        caller = request[CALLER]
        told: dict[str, object] = {
            "kind": caller.kind,
            "name": caller.name,
            "level": caller.level.name.lower(),
            "edits": self._edits and caller.level >= Level.EDIT,
        }
        if caller.role:
            told["role"] = caller.role
        if caller.expires_at is not None:
            told["expires_at"] = instant(caller.expires_at)
        return answer(told)

    async def ticket(self, request: web.Request) -> web.Response:
        """Give a ticket for one connection by the browser that asks, or that `origin` and `agent` (User-Agent) name."""
        try:
            wish = wire.decode(await request.read() or b"{}")
        except ValueError:
            wish = None
        told = wish if isinstance(wish, dict) else {"origin": None}
        origin = told.get("origin", request.headers.get("Origin", ""))
        agent = told.get("agent", request.headers.get("User-Agent", ""))
        if not (isinstance(origin, str) and isinstance(agent, str) and len(origin) + len(agent) <= MOST_LETTERS):
            return refusal(400, "bad_request", "Send {}, or the origin and the user agent of the browser as texts.")
        ticket = self._gate.issue(request[CALLER], origin, agent, self._clock.now().wall)
        return answer({"ticket": ticket, "expires_in_s": LIFE_S}, status=201)

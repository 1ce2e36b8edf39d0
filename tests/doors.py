"""Doors for tests: an open one, and a way past the gate for what is served without a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from monitor.access.caller import Caller, Level, RefusedError
from monitor.access.gate import ANYBODY, Gate
from monitor.access.rules import Rules
from monitor.clock import Clock
from monitor.outputs.attendance import Attendance
from monitor.outputs.gate import ADDRESS, CALLER, LOOPBACK
from monitor.outputs.joining import Company
from monitor.outputs.seats import Limits, Seats


class Words:
    """Tokens that everybody knows: read, stream, edit."""

    trouble = ""

    def find(self, text: str, _: float) -> Caller:
        """Give the caller whose level the token names; raises `RefusedError`."""
        if text not in {"read", "stream", "edit"}:
            raise RefusedError("sign_in")
        return Caller("token", text, Level[text.upper()])

    def standing(self, _: Caller, __: float) -> None:
        """Let everybody stay."""


def open_gate() -> Gate:
    """Make a gate at which nobody is asked who they are, as with `access.open = true`; three words are tokens."""
    return Gate(Rules(open=True), tokens=Words())


def shut_gate() -> Gate:
    """Make a gate that knows nobody but the three words."""
    return Gate(Rules(sign_in_url="/login"), tokens=Words())


EDITING = {"Authorization": "Bearer edit", "X-Huph-Monitor": "1", "Content-Type": "application/json"}
"""What somebody who may edit sends."""


def company(clock: Clock, limits: Limits) -> Company:
    """Make what the ways into the stream share, for everybody."""
    gate = open_gate()
    return Company(Seats(limits), Attendance(gate.still, clock), gate.rules, gate.bearer)


@web.middleware
async def anybody(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Stand in the place of the gate: whoever asks may follow."""
    request[ADDRESS], request[LOOPBACK], request[CALLER] = request.remote or "", True, ANYBODY
    return await handler(request)

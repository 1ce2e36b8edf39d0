"""Doors for tests: an open one, and a way past the gate for what is served without a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from monitor.access.gate import ANYBODY, Gate
from monitor.access.rules import Rules
from monitor.clock import Clock
from monitor.outputs.attendance import Attendance
from monitor.outputs.gate import ADDRESS, CALLER, LOOPBACK
from monitor.outputs.joining import Company
from monitor.outputs.seats import Limits, Seats


def open_gate() -> Gate:
    """Make a gate at which nobody is asked who they are, as with `access.open = true`."""
    return Gate(Rules(open=True))


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

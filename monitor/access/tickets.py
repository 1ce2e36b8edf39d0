"""Single-use tickets: who may not set a header, such as a browser's WebSocket, shows one in the address instead."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from monitor.access.caller import Caller, RefusedError

LIFE_S = 30.0
AT_MOST, PER_CALLER = 1000, 20
_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Ticket:
    caller: Caller
    origin: str
    agent: bytes
    issued_at: float


class Tickets:
    """The tickets that have been given out and not been used; when there are too many the oldest goes."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, caller: Caller, origin: str, agent: str, now: float) -> str:
        """Give a ticket (128 bit, as text for an address) with which this caller may come once, within 30 seconds.

        `origin` is the Origin of the page that asked, `agent` its User-Agent; the ticket is good for them only.
        """
        for digest in [one for one, ticket in self._open.items() if _is_old(ticket, now)]:
            del self._open[digest]
        theirs = [digest for digest, ticket in self._open.items() if ticket.caller.key == caller.key]
        if len(theirs) >= PER_CALLER:
            del self._open[theirs[0]]
        elif len(self._open) >= AT_MOST:
            del self._open[next(iter(self._open))]
        text = secrets.token_urlsafe(_BYTES)
        self._open[_digest(text)] = _Ticket(caller, origin, _digest(agent), now)
        return text

    def redeem(self, text: str, origin: str, agent: str, now: float) -> Caller:
        """Take a ticket back, and give whom it was issued to.

        Raises `RefusedError`: `expired`, or `sign_in` where there is no such ticket, or it was shown before, or by
        somebody else. In each case it is used up.
        """
        ticket = self._open.pop(_digest(text), None)
        if ticket is None or (ticket.origin, ticket.agent) != (origin, _digest(agent)):
            raise RefusedError("sign_in")
        expires_at = ticket.caller.expires_at
        if _is_old(ticket, now) or (expires_at is not None and now >= expires_at):
            raise RefusedError("expired")
        return ticket.caller


def _is_old(ticket: _Ticket, now: float) -> bool:
    return abs(now - ticket.issued_at) >= LIFE_S  # also when the clock was set back


def _digest(text: str) -> bytes:
    # What is looked up is a digest: how long that takes says nothing about the tickets that there are.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

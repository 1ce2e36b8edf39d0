"""What connections may take: how long each part, and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.outputs.seats import Limits
from monitor.outputs.turnstile import PER_TURN


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long things may take, in seconds, and how many connections there may be.

    `head_s`: from the connection, or the first byte of a further request, to the end of its headers. `body_s`: from
    there to the end of its body. `idle_s`: without a further request. `unread_s`: without reading any of what was sent.
    `per_address`: connections of one address, `silent` those of them that have not asked anything yet.
    `per_turn`: connections and requests that begin, and connections that end because the other side has ended them, in
    one turn of the event loop.
    """

    head_s: float = 5.0
    body_s: float = 10.0
    idle_s: float = 75.0
    unread_s: float = 30.0
    total: int = 2000
    per_address: int = 300
    silent: int = 50
    per_turn: int = PER_TURN


def bounds_of(limits: Limits) -> Bounds:
    """Give the usual bounds, with room for all who may follow the stream, and for as many who only ask."""
    return Bounds(total=2 * limits.total, per_address=limits.per_address + 50)

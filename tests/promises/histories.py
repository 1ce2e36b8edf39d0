"""Histories: what may happen to a server and its followers, in an order that hypothesis thinks up."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.promises.world import Parts, World

LIKELY = {
    "change": 10,
    "urgent": 1,
    "single": 1,
    "burst": 3,
    "gone": 1,
    "again": 2,
    "fat": 3,
    "age": 1,
    "time": 7,
    "bookmark": 3,
    "read": 10,
    "sip": 5,
    "sleep": 3,
    "wake": 3,
    "drop": 5,
    "vanish": 1,
    "ask": 1,
    "anew": 1,
    "lose": 2,
    "repeat": 1,
    "late": 1,
    "restart": 1,
}
GENUINE = Parts()
Act = tuple[str, int, int]


@dataclass(frozen=True)
class History:
    """`acts`: what, who of the four, and how much; `coalesce_s` and `uvloop` say what the server is like."""

    coalesce_s: float
    uvloop: bool
    acts: list[Act]


def acts() -> st.SearchStrategy[Act]:
    words = [what for what, times in LIKELY.items() for _ in range(times)]
    # One choice out of all is quicker than three.
    return st.sampled_from([(what, who, much) for what in words for who in range(4) for much in range(8)])


def histories(most: int = 80) -> st.SearchStrategy[History]:
    return st.builds(
        History, st.sampled_from([0.0, 0.025]), st.booleans(), st.lists(acts(), min_size=20, max_size=most)
    )


def broken(history: History, parts: Parts = GENUINE) -> dict[str, str]:
    """Live through a history; give each promise that was broken, and how."""
    world = World(parts, history.coalesce_s, uvloop=history.uvloop)
    for client in world.clients:
        client.connect()
    for act in history.acts:
        world.act(*act)
    return world.broken()

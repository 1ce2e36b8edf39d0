"""A service that the platform needs: refusing connections, or slow to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.demo.mischief import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.demo.services import Service

VICTIM = "dify"
SLOW = 2.5  # seconds: later than what counts as slow (2 s), sooner than what counts as no answer (3 s)


def kinds(services: Mapping[str, Service]) -> dict[str, Kind]:
    victim = services[VICTIM]

    async def slow_down() -> None:
        victim.delay = SLOW

    async def speed_up() -> None:
        victim.delay = 0

    return {
        "stop-service": Kind(
            "services",
            f"stops {VICTIM}: its port refuses connections",
            victim.stop,
            victim.start,
            lambda: not victim.running,
        ),
        "slow-service": Kind(
            "services",
            f"lets {VICTIM} answer only after {SLOW:g} s",
            slow_down,
            speed_up,
            lambda: victim.delay > 0,
        ),
    }

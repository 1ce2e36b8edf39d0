"""The realtime broker: gone, connected and mute, or of another mind about our token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from monitor.demo.mischief import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Broker(Protocol):
    """What can be done to the broker (monitor/demo/broker.py is the real one)."""

    deaf: bool

    @property
    def running(self) -> bool: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def refuse(self, wanted: bool, /) -> None: ...


def kinds(broker: Broker) -> dict[str, Kind]:
    refuses = False

    async def stop() -> None:
        if broker.running:
            await broker.stop()

    async def start() -> None:
        if not broker.running:
            await broker.start()

    def hearing(*, deaf: bool) -> Callable[[], Awaitable[None]]:
        async def change() -> None:
            broker.deaf = deaf

        return change

    def refusing(*, wanted: bool) -> Callable[[], Awaitable[None]]:
        async def change() -> None:
            nonlocal refuses
            broker.refuse(wanted)
            refuses = wanted

        return change

    return {
        "stop-broker": Kind(
            "realtime",
            "stops the Socket.IO broker: its port refuses connections, inboxes hear nothing",
            stop,
            start,
            lambda: not broker.running,
        ),
        "deaf-broker": Kind(
            "realtime",
            "lets the broker relay nothing any more, though everyone stays connected to it",
            hearing(deaf=True),
            hearing(deaf=False),
            lambda: broker.deaf,
        ),
        "refuse-token": Kind(
            "realtime",
            "lets the broker refuse every token, as after NEXTAUTH_SECRET was changed on one side only",
            refusing(wanted=True),
            refusing(wanted=False),
            lambda: refuses,
        ),
    }

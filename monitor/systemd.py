"""Tells the service manager that we are ready, alive and stopping (sd_notify(3)); without one it says nothing."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping

BEATS = 3
"""So many signs of life within the time after which we are taken for dead: one that comes late does no harm."""


class ServiceManager:
    """What the service manager is told, if the environment names one (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).

    Nothing here raises or waits: a manager that does not listen must not stop what it manages.
    """

    def __init__(self, environment: Mapping[str, str], pid: int | None = None) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the zero byte of an abstract address (unix(7)); other kinds are not spoken here.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._listens = address.startswith(("/", "@"))
        self._watchdog_s = _watchdog_s(environment, os.getpid() if pid is None else pid) if self._listens else None

    @property
    def beat_s(self) -> float | None:
        """Seconds between two signs of life; None where nobody waits for any."""
        return None if self._watchdog_s is None else self._watchdog_s / BEATS

    def ready(self) -> None:
        """Say that the port is open."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Say that we have been told to stop, and do."""
        self._tell("STOPPING=1")

    async def run(self) -> None:
        """Give signs of life for ever, from the loop itself: one that is stuck gives none, and we are started anew."""
        while self.beat_s is not None:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self.beat_s)

    def _tell(self, state: str) -> None:
        if not self._listens:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                # A full queue there must not hold us up: the next sign of life comes soon.
                manager.setblocking(False)
                manager.sendto(state.encode(), self._address)
        except OSError:
            return


def _watchdog_s(environment: Mapping[str, str], pid: int) -> float | None:
    """Read after how many seconds without a sign of life we are taken for dead (sd_watchdog_enabled(3))."""
    meant = environment.get("WATCHDOG_PID", str(pid))
    given = environment.get("WATCHDOG_USEC", "")
    if meant != str(pid) or not (given.isascii() and given.isdigit()):
        return None
    return int(given) / 1e6 or None

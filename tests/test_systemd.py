"""The service manager hears that we are ready, alive and stopping, and nothing goes wrong where nobody listens."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.systemd import BEATS, ServiceManager
from tests.daemon import Daemon


class Heard:
    """A service manager's socket, and what came on it."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.settimeout(10)

    def next(self) -> str:
        return self.socket.recv(1000).decode()

    def all(self) -> list[str]:
        self.socket.setblocking(False)
        words = []
        try:
            while True:
                words.append(self.next())
        except BlockingIOError:
            return words


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def heard(address: str) -> Iterator[Heard]:
    heard = Heard(address)
    yield heard
    heard.socket.close()


def test_words(address, heard):
    """It says the words of sd_notify(3), one datagram each."""
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    manager.ready()
    manager.stopping()
    assert heard.all() == ["READY=1", "STOPPING=1"]


def test_abstract():
    """An address that begins with @ is an abstract one."""
    name = f"@huph-monitor-{os.getpid()}-{time.monotonic_ns()}"
    heard = Heard(name)
    ServiceManager({"NOTIFY_SOCKET": name}).ready()
    assert heard.next() == "READY=1"
    heard.socket.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}, {"NOTIFY_SOCKET": "/nowhere/at/all"}],
    ids=["none", "empty", "vsock", "gone"],
)
def test_nobody(environment):
    """Where nobody listens nothing happens, and nothing fails."""
    manager = ServiceManager(environment)
    manager.ready()
    manager.stopping()
    assert manager.beat_s is None


@pytest.mark.parametrize(
    ("environment", "beat_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30 / BEATS),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 30 / BEATS),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "30s"}, None),
        ({}, None),
    ],
)
def test_beat(environment, beat_s):
    """Signs of life are given to whoever asks this very process for them, several within its patience."""
    assert ServiceManager({"NOTIFY_SOCKET": "/run/x", **environment}, pid=7).beat_s == beat_s


def test_full(address, heard):
    """A manager that reads nothing holds nobody up."""
    manager = ServiceManager({"NOTIFY_SOCKET": address})
    begun = time.monotonic()
    for _ in range(5000):
        manager.ready()
    assert time.monotonic() - begun < 5
    assert 0 < len(heard.all()) < 5000


async def test_stuck(address, heard):
    """A loop that is stuck gives no sign of life, and gives one as soon as it turns again."""
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000"})
    task = asyncio.create_task(manager.run())

    async def alive() -> None:
        async with asyncio.timeout(5):
            while not heard.all():
                await asyncio.sleep(0.01)

    await alive()
    await alive()
    time.sleep(0.3)
    assert heard.all() == []
    await alive()
    task.cancel()


async def test_daemon(platform, start_daemon, address, heard):
    """The daemon is ready when its port is open, lives while its loop turns, and says that it stops."""
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "600000"}
    daemon: Daemon = await start_daemon(platform.monitor_dsn, environment=environment)
    assert heard.next() == "READY=1"
    assert [heard.next() for _ in range(3)] == ["WATCHDOG=1"] * 3
    assert await daemon.stop() == 0
    assert [word for word in heard.all() if word != "WATCHDOG=1"] == ["STOPPING=1"]

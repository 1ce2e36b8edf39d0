"""Who takes part in a siege, each a process: `python -m tests.prove.siege serve [LIMIT]`, `... storm PORT COUNT`."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from typing import Any

import structlog
import uvloop

from monitor import collector
from monitor.clock import SystemClock
from monitor.domain.change import Change
from monitor.outputs.hub import Hub
from monitor.outputs.seats import PER_ADDRESS, TOTAL, Limits
from monitor.outputs.server import Server
from tests.doors import open_gate
from tests.outputs import whole

EPOCH, EVERY_S = 7, 0.1
PATIENCE_S, ADDRESSES = 10.0, 50
JOIN = (
    b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def serve(limits: Limits) -> None:
    """Serve a document that changes ten times a second; each change says when it was told."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    clock = SystemClock()
    document = {**whole.DOCUMENT, "position": {"epoch": EPOCH, "seq": 0}}
    hub = Hub(document, lambda: whole.EVIDENCE, clock)
    server = Server(
        hub=hub,
        read_series={}.get,
        clock=clock,
        gate=open_gate(),
        host="127.0.0.1",
        port=0,
        base_path="/",
        limits=limits,
    )
    # As the daemon does.
    collector.settle()
    print(await server.start(), flush=True)
    beating = asyncio.create_task(hub.run(), name="bookmarks")
    begun = time.monotonic_ns()
    for seq in range(1, 1_000_000):
        # When it should happen: a change that the loop comes to late is late from its own moment on.
        sent = begun + int(seq * EVERY_S * 1e9)
        await asyncio.sleep((sent - time.monotonic_ns()) / 1e9)
        now = {**document, "position": {"epoch": EPOCH, "seq": seq}, "sent": sent, "refused": {**hub.refused()}}
        hub.publish(Change(EPOCH, seq, clock.now().wall, {"sent": sent, "following": hub.following}, now))
    beating.cancel()


class Stormer(asyncio.Protocol):
    """Joins, and notes how it was received; what comes later is read and forgotten."""

    def __init__(self) -> None:
        self.received: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._got = b""

    def connection_made(self, transport: Any) -> None:
        transport.write(JOIN)

    def data_received(self, data: bytes) -> None:
        if not self.received.done():
            self._got += data
            status = int(self._got[9:12] or 0)
            if status >= 400 or b'"snapshot"' in self._got:
                self.received.set_result(status)
                self._got = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.received.done():
            self.received.set_result(0)


async def storm(port: int, count: int) -> None:
    """Join so often at once, from many addresses; say how that went, and stay until a line comes."""
    loop = asyncio.get_running_loop()

    async def one(address: str) -> int:
        while True:
            transport, stormer = await loop.create_connection(Stormer, "127.0.0.1", port, local_addr=(address, 0))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    # So many at once may come too late with their own request: then they are let go, without a word.
                    if status := await stormer.received:
                        return status
            except TimeoutError:
                # The kernel's queue was full: it let us in, and then forgot us. Clients give up, too, and come again.
                transport.abort()

    started = time.monotonic()
    statuses = await asyncio.gather(*(one(f"127.0.1.{1 + number % ADDRESSES}") for number in range(count)))
    found = {status: statuses.count(status) for status in sorted(set(statuses))}
    print(f"{found} in {time.monotonic() - started:.1f} s", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    role, *words = sys.argv[1:]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0] if role == "serve" else cores[-1]})
    if role == "storm":
        # Who storms sits at other machines: it takes no time of those who are watched here.
        os.nice(19)
    numbers = [int(word) for word in words]
    most = numbers[0] if numbers else TOTAL
    # All are the same caller here, and each address is that of many.
    limits = Limits(most, numbers[0] if numbers else PER_ADDRESS, most)
    uvloop.run(serve(limits) if role == "serve" else storm(*numbers))

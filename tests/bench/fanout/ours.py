"""Our hub behind our stream, in a process of its own: `python -m tests.bench.fanout.ours LOOP PATCHES`."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog
import uvloop
from aiohttp import web

from monitor.clock import Clock, SystemClock
from monitor.domain.change import Change
from monitor.outputs import wire
from monitor.outputs.hub import Hub
from monitor.outputs.seats import Limits
from monitor.outputs.stream import Stream
from tests.bench.fanout.orders import obey, patches
from tests.doors import anybody, company
from tests.outputs import whole

EPOCH = 7
MOST = 1_000_000


def open_to_all(hub: Hub, clock: Clock) -> Stream:
    """Make the stream that leads to a hub, and that refuses nobody."""
    return Stream(hub, clock, company(clock, Limits(MOST, MOST, MOST)))


def unmerged(clock: Clock) -> Hub:
    """Make a hub that sends each change by itself, as the peers do."""
    return Hub({**whole.DOCUMENT, "position": {"epoch": EPOCH, "seq": 0}}, lambda: whole.EVIDENCE, clock, coalesce_s=0)


async def main(file: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    # The peers send nothing but the messages, and a bookmark that is compressed cannot be told from one.
    wire.HEARTBEAT_S = 86_400
    clock, told = SystemClock(), patches(file)
    hub = unmerged(clock)
    beating = asyncio.create_task(hub.run())

    async def publish(seq: int) -> None:
        document = {**whole.DOCUMENT, "position": {"epoch": EPOCH, "seq": seq}}
        hub.publish(Change(EPOCH, seq, clock.now().wall, told[seq % len(told)], document))

    application = web.Application(middlewares=[anybody])
    application.router.add_get("/api/v1/stream", open_to_all(hub, clock).open)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    await obey(runner.addresses[0][1], publish)
    beating.cancel()


if __name__ == "__main__":
    run = {"uvloop": uvloop.run, "asyncio": asyncio.run}[sys.argv[1]]
    run(main(sys.argv[2]))

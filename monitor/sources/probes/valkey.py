"""Does a Valkey (or Redis) answer PING with PONG, asked in its own protocol (RESP)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence

from monitor.domain.probing import Probe, ServiceTarget
from monitor.sources.probes import refusal
from monitor.sources.probes.tcp import connect

CODE = re.compile(rb"-([A-Z]{1,20})\b")


async def ask(target: ServiceTarget, addresses: Sequence[str], timeout_s: float) -> Probe:
    """Log in if there is a password, ask PING, and read at most two lines; all within `timeout_s` seconds."""
    started = time.perf_counter()
    deadline = asyncio.get_running_loop().time() + timeout_s
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout_at(deadline):
            reader, writer = await connect(addresses, target.port, deadline)
            said = b""
            if target.password is not None:
                writer.write(_command(b"AUTH", target.password.reveal().encode()))
            writer.write(_command(b"PING"))
            if target.password is not None:
                said = await reader.readline()
            pong = await reader.readline()
    except OSError as error:
        return refusal.of(target, error)
    except ValueError:  # a line without an end
        return target.probe("bad_answer", "no Valkey")
    finally:
        if writer is not None:
            writer.transport.abort()
    if pong == b"+PONG\r\n":
        return target.probe("answered", latency_ms=1000 * (time.perf_counter() - started))
    return target.probe("bad_answer", _words(said, pong))


def _command(*words: bytes) -> bytes:
    # As an array, which takes any byte: a password within an inline command could end it and begin another one.
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def _words(said: bytes, pong: bytes) -> str:
    """Say in words what came instead of PONG; of an error only its code, its sentence may hold anything."""
    codes = [found[1].decode() for found in (CODE.match(said), CODE.match(pong)) if found is not None]
    if "WRONGPASS" in codes:
        return "refuses the password"
    if "NOAUTH" in codes:
        return "asks for a login"
    if codes:
        return f"error {codes[-1]}"
    return "no Valkey" if said or pong else "closed without an answer"

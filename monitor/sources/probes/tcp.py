"""Does a port open: one TCP connection, ended as soon as it stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from monitor.addresses import check
from monitor.domain.probing import Probe, ServiceTarget
from monitor.sources.probes import refusal

SPARE_S = 0.01
LINE = 4096
"""Bytes that a line of an answer may have."""


async def connect(
    addresses: Sequence[str], port: int, deadline: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a connection to the first address that lets us, each with its share of the time until `deadline`.

    Addresses are literals: names would be looked up by asyncio's own executor, where a hung name server blocks all.

    Raises OSError (a TimeoutError is one): that of an address which refuses, else that of the last one. The last one
    is given less than what is left: so that it is not cut off together with what the others said.
    """
    errors: list[OSError] = []
    deadline -= SPARE_S
    for left in range(len(addresses), 0, -1):
        try:
            async with asyncio.timeout((deadline - asyncio.get_running_loop().time()) / left):
                check(addresses[-left])
                return await asyncio.open_connection(addresses[-left], port, limit=LINE)
        except OSError as error:
            errors.append(error)
    raise next((error for error in errors if isinstance(error, ConnectionRefusedError)), errors[-1])


async def ask(target: ServiceTarget, addresses: Sequence[str], timeout_s: float) -> Probe:
    """Open a connection within `timeout_s` seconds, and end it."""
    started = time.perf_counter()
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        async with asyncio.timeout_at(deadline):
            _, writer = await connect(addresses, target.port, deadline)
    except OSError as error:
        return refusal.of(target, error)
    writer.transport.abort()
    return target.probe("answered", latency_ms=1000 * (time.perf_counter() - started))

"""A TCP port on loopback that is free now, and is likely to be so again after its server was down for a while."""

from __future__ import annotations

import contextlib
import secrets
import socket
from typing import TYPE_CHECKING

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

HOST = "127.0.0.1"
# Below the range from which the kernel takes the ports of outgoing connections: while PostgreSQL is down, such a
# connection could sit on its port, and a client that tries the port again and again could even connect to itself.
_PORTS = range(15_000, 32_000)


def free_ports(wanted: Mapping[str, int | None]) -> dict[str, int]:
    """Give each name the port that it wants if nobody listens there, else one that is free now; no two the same."""
    given: dict[str, int] = {}
    # Who had a port before comes first: nobody else may be given it in the meantime.
    for name in sorted(wanted, key=lambda name: wanted[name] is None):
        given[name] = free_port(wanted[name], but_not=given.values())
    return {name: given[name] for name in wanted}


def free_port(wanted: int | None = None, *, but_not: Collection[int] = ()) -> int:
    """Give the wanted port if nobody listens there, else one that is free now."""
    tries = [wanted] if wanted else []
    tries += [secrets.choice(_PORTS) for _ in range(50)]
    for port in [*(port for port in tries if port not in but_not), 0]:
        with socket.socket() as probe:
            # As PostgreSQL does itself: connections of a server that is gone must not count as somebody on the port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                return int(probe.getsockname()[1])
    raise MonitorError("There is no free port on 127.0.0.1.")

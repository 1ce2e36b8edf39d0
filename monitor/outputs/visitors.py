"""How many connections there are: in total, from one address, and how many of them have not asked anything yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Literal, Protocol

Excess = Literal["total", "address"]
PREFIX = 64
"""Whoever has one IPv6 address has all of its network (RFC 6177), so a network counts as one."""


class Visitor(Protocol):
    """A connection."""

    def abort(self) -> None:
        """End it now."""


class Visitors:
    """Counts connections, of any kind, by the address that they come from.

    Those of a `trusted` proxy are many people's, and are only counted in total.
    """

    def __init__(self, total: int, per_address: int, trusted: Callable[[str], bool]) -> None:
        self._total, self._per_address = total, per_address
        self._trusted = trusted
        self._from: dict[Visitor, str] = {}
        self._count: Counter[str] = Counter()
        self._silent: dict[str, dict[Visitor, None]] = {}

    def __len__(self) -> int:
        return len(self._from)

    def enter(self, one: Visitor, address: str) -> Excess | None:
        """Count it; or say which limit it would exceed, and count nothing."""
        if len(self._from) >= self._total:
            return "total"
        source = "" if self._trusted(address) else network(address)
        if source and self._count[source] >= self._per_address:
            return "address"
        self._from[one] = source
        if source:
            self._count[source] += 1
            self._silent.setdefault(source, {})[one] = None
        return None

    def ask(self, one: Visitor) -> None:
        """Note that it has asked something."""
        source = self._from.get(one, "")
        if source in self._silent:
            self._silent[source].pop(one, None)
            if not self._silent[source]:
                del self._silent[source]

    def leave(self, one: Visitor) -> None:
        """Forget it."""
        self.ask(one)
        source = self._from.pop(one, "")
        if source:
            self._count[source] -= 1
            if not self._count[source]:
                del self._count[source]

    def silent(self, address: str) -> Sequence[Visitor]:
        """Give those of this address that have asked nothing yet, the oldest first."""
        return list(self._silent.get(network(address), ()))


def network(address: str) -> str:
    """Give what counts as one address: IPv4 as it is, of IPv6 the network."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{int(parsed) >> (128 - PREFIX):x}/{PREFIX}"
    return str(parsed)

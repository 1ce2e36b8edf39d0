"""Who is probed, what a probe brings home from a service, and what the name server has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from monitor.secret import Secret

Kind = Literal["http", "tcp", "valkey"]
Outcome = Literal["answered", "refused", "timeout", "no_such_name", "bad_answer", "unresolved", "exhausted"]
"""How a probe ended.

The last two say nothing of the service. `unresolved`: the name server itself did not answer. `exhausted`: our own files
or sockets ran out, so the sample is thrown away.
"""
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Probe:
    """One question to one service. `answer` says in words what was wrong with a bad answer, never more than its kind.

    `latency_ms` only when it answered; `started_at` (Unix seconds) only when the service tells since when it runs.
    """

    service: str
    outcome: Outcome
    target: str
    latency_ms: float | None = None
    answer: str = ""
    host: str = ""
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class ServiceTarget:
    """A service to probe: an `http` one by its `url`, the others by their `address`, "host:port".

    `expect` are the statuses of a healthy HTTP answer; `started_at` is the key of its JSON that tells since when it
    runs (RFC 3339 or Unix seconds). The configuration has seen to it that the address is one.
    """

    name: str
    kind: Kind
    url: str = field(default="", repr=False)
    address: str = ""
    expect: tuple[int, ...] = (200,)
    started_at: str = ""
    password: Secret | None = None

    def _parts(self) -> SplitResult:
        return urlsplit(self.url if self.kind == "http" else f"//{self.address}")

    @property
    def host(self) -> str:
        return self._parts().hostname or ""

    @property
    def port(self) -> int:
        parts = self._parts()
        return parts.port if parts.port is not None else PORTS.get(parts.scheme, 0)

    @property
    def label(self) -> str:
        """The address as it may be shown, without credentials and query."""
        parts = self._parts()
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = f"{host}:{parts.port}" if parts.port is not None else host
        # A password with a slash in it, not escaped, ends the host there: what follows may be the rest of it.
        path = parts.path if "@" not in parts.path else ""
        return f"{parts.scheme}://{place}{path}" if self.kind == "http" else place

    def probe(
        self,
        outcome: Outcome,
        answer: str = "",
        *,
        latency_ms: float | None = None,
        started_at: float | None = None,
    ) -> Probe:
        """Say how asking it ended."""
        return Probe(self.name, outcome, self.label, latency_ms, answer, self.host, started_at)


@dataclass(frozen=True, slots=True)
class Resolver:
    """Whether the name server answered within its time."""

    answers: bool
    resolver: str

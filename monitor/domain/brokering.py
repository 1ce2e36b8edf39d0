"""The platform's realtime broker as an ordinary client of it sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from monitor.domain.verdict import Scalar


@dataclass(frozen=True, slots=True)
class Relay:
    """Which event of the broker carries a channel's signals, and the keys of both payloads that identify one signal."""

    event: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broker:
    """The way to the broker now: `refused` is a transport that opens and a token that is not accepted.

    `error` is the kind of failure of the transport, `answer` the refusal in the broker's words; `subscribers` and
    `listens` (does it hear the database?) only when the broker tells them.
    """

    state: Literal["connected", "down", "refused"]
    target: str
    error: str = ""
    answer: str = ""
    connect_ms: float | None = None
    round_trip_ms: float | None = None
    subscribers: int | None = None
    listens: bool | None = None


@dataclass(frozen=True, slots=True)
class Relayed:
    """One event that came from the broker: the channel whose signals it carries, and the values that identify it."""

    channel: str
    identity: tuple[Scalar, ...]

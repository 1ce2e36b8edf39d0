"""The platform's realtime broker as an ordinary client of it sees it, and how that client is let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from monitor.domain.verdict import Scalar
from monitor.secret import Secret


@dataclass(frozen=True, slots=True)
class Relay:
    """Which event of the broker carries a channel's signals, and the keys of both payloads that identify one signal."""

    event: str
    keys: tuple[str, ...]

    def identify(self, payload: Mapping[str, object]) -> tuple[Scalar, ...] | None:
        """Give the values that identify this signal; None when one is absent, or is none that could be compared."""
        values = tuple(payload.get(key) for key in self.keys)
        if all(isinstance(value, str | int | float) for value in values):
            return values  # type: ignore[return-value]  # the line above has looked at each
        return None


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker is and how we come in: our token carries `claims` and is signed with `secret`.

    `join_event` (with the text `join_data`) asks for a room, `stats_event` is acknowledged with what the broker tells
    of itself; "" where the platform has none.
    """

    url: str
    path: str
    namespace: str
    join_event: str
    join_data: str
    stats_event: str
    relays: Mapping[str, Relay]
    claims: Mapping[str, Scalar]
    secret: Secret


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
class Figures:
    """What a broker tells of itself, as in `Broker`; nothing where it was not asked or did not answer."""

    round_trip_ms: float | None = None
    subscribers: int | None = None
    listens: bool | None = None

    @classmethod
    def read(cls, told: object, round_trip_ms: float) -> Figures:
        """Believe of an answer what makes sense; that there was one is a round trip in any case."""
        answer = told if isinstance(told, Mapping) else {}
        subscribers, listens = answer.get("subscribers"), answer.get("listens")
        counted = isinstance(subscribers, int) and not isinstance(subscribers, bool) and 0 <= subscribers < 2**53
        return cls(round_trip_ms, subscribers if counted else None, listens if isinstance(listens, bool) else None)


@dataclass(frozen=True, slots=True)
class Relayed:
    """One event that came from the broker: the channel whose signals it carries, and the values that identify it."""

    channel: str
    identity: tuple[Scalar, ...]

"""How the broker is reached: each word of it folded into what is proven, what is shown, and how long it is good for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from monitor.domain.brokering import Broker
from monitor.domain.damping import settled
from monitor.domain.signal import At
from monitor.domain.verdict import Reason, Scalar, Verdict, instant

MISSES, WITHIN_S = 2, 10.0
"""A transport that was not open so many times within so many seconds is down."""
MOMENT_S = 1.0
"""So long after it has let us in, the broker may still be about to put us into our room."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the way to the broker.

    `last` is its last word, said at `told`, in that state since `since`; before it, both are the start of the watch.
    `fault` is what is proven, with the Unix second of its first observation and the refusal's words; `missed` is a
    first miss that proves nothing yet.
    """

    started: At
    since: At
    told: At
    settle_s: float
    ttl_s: float
    last: Broker | None = None
    fault: Literal["", "down", "refused"] = ""
    fault_since: float = 0.0
    answer: str = ""
    missed: At | None = None
    answered: bool = False
    connect_ms: float | None = None
    round_trip_ms: float | None = None

    @classmethod
    def begin(cls, at: At, settle_s: float, ttl_s: float) -> Reach:
        return cls(at, at, at, settle_s, ttl_s)

    def take(self, said: Broker, at: At) -> Reach:
        """Take one more word."""
        reach = replace(
            self,
            last=said,
            told=at,
            since=self.since if self.last is not None and self.last.state == said.state else at,
            connect_ms=_shown(self.connect_ms, said.connect_ms),
            round_trip_ms=_shown(self.round_trip_ms, said.round_trip_ms),
        )
        if said.state == "connected":
            return replace(reach, fault="", missed=None, answered=True)
        if said.state == "refused":
            since = self.fault_since if self.fault == "refused" else at.wall
            return replace(reach, fault="refused", fault_since=since, answer=said.answer, missed=None, answered=True)
        if self.fault == "down":
            return reach
        if self.missed is not None and at.mono <= self.missed.mono + WITHIN_S:
            return replace(reach, fault="down", fault_since=self.missed.wall, missed=None, answered=True)
        return replace(reach, missed=at)

    @property
    def accepted(self) -> bool:
        """Whether the transport is open and our token accepted, by its last word."""
        return self.last is not None and self.last.state == "connected"

    def ready(self, mono: float) -> bool:
        """Say whether what is sent now would reach us, if it is relayed at all."""
        return self.accepted and mono >= self.since.mono + MOMENT_S and not self.stale(mono)

    def starting(self, mono: float) -> bool:
        """Say whether it has not answered yet, and still has time to."""
        return not self.answered and mono < self.started.mono + self.settle_s

    def stale(self, mono: float) -> bool:
        """Say whether there is no evidence that is still good."""
        if self.answered:
            return mono >= self.told.mono + self.ttl_s
        return not self.starting(mono)

    def next_change(self, mono: float) -> float:
        """Give the monotonic second at which its evidence runs out; none when it has."""
        if self.stale(mono):
            return math.inf
        return self.told.mono + self.ttl_s if self.answered else self.started.mono + self.settle_s

    def reason(self, mono: float) -> Reason | None:
        """Give what is wrong with the way, if it is proven; unknown when there is no evidence any more."""
        if self.stale(mono):
            params: dict[str, Scalar] = {
                "last_verdict": (
                    Verdict.FAIL if self.fault else Verdict.OK if self.answered else Verdict.UNKNOWN
                ).value,
                "last_at": instant(self.told.wall),
                "ttl_s": self.ttl_s,
            }
            return Reason("unknown.stale", Verdict.UNKNOWN, params)
        since = instant(self.fault_since)
        if self.fault == "refused":
            # That an administrator's cookie fits our secret, and the broker's does not, nobody can know here.
            params = {"differs": "not_known", "answer": self.answer, "since": since}
            return Reason("realtime.broker_refuses_token", Verdict.FAIL, params)
        if self.fault == "down":
            assert self.last is not None
            # That other targets answer us is known: without the database's answers its own reason stands above this.
            params = {"error": self.last.error, "target": self.last.target, "since": since}
            return Reason("realtime.broker_down", Verdict.FAIL, params)
        return None

    def detail(self) -> dict[str, Scalar]:
        """Give its form in the document."""
        said = self.last
        if said is None:
            return {"state": "starting", "tells_subscribers": False}
        told: dict[str, Scalar | None] = {"state": said.state, "since": instant(self.since.wall), "target": said.target}
        if said.state == "connected":
            told |= {"subscribers": said.subscribers, "listens": said.listens}
            told |= {"connect_ms": _rounded(self.connect_ms), "round_trip_ms": _rounded(self.round_trip_ms)}
        else:
            told |= {"error": said.error or None, "answer": said.answer or None}
        told["tells_subscribers"] = said.subscribers is not None
        return {key: value for key, value in told.items() if value is not None}


def _shown(shown: float | None, new: float | None) -> float | None:
    """Give the latency to show: it moves only when a reader would notice."""
    return shown if shown is not None and (new is None or settled(shown, new)) else new


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)

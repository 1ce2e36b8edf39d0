"""How our own listening connection hears: what PostgreSQL, its test signal and its end have said of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.domain.damping import settled
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import At, Gap
from monitor.domain.verdict import Reason, Scalar, Verdict, instant

TWICE = 2


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is known of the way from PostgreSQL to us; rows 3 and 7 to 11 of the catalogue's decision table.

    `heard` are the channels that PostgreSQL says we hear, None before it was asked. `gap` is a connection that ended,
    `lost` a test signal that did not come back; after two on fresh connections it takes two that do to be believed
    again, `returned` counts them. The names in `since` are Unix seconds of the first observation.
    """

    channels: tuple[str, ...]
    deadline_s: float
    heard: frozenset[str] | None = None
    since: float = 0.0
    gap: Gap | None = None
    gap_since: float = 0.0
    lost: SignalLost | None = None
    lost_since: float = 0.0
    returned: int = 0
    missing_since: float = 0.0
    shown_ms: float | None = None

    def take(self, facts: Listening | Gap | SignalLost, at: At) -> Hearing:
        """Take one more word of the listener's."""
        if isinstance(facts, Gap):
            since = self.gap_since if self.gap is not None else at.wall
            # Who cannot even connect knows nothing of what would come then.
            lost = self.lost if facts.error is None else None
            return replace(self, gap=facts, gap_since=since, lost=lost, returned=0)
        if isinstance(facts, SignalLost):
            since = self.lost_since if self.lost is not None else at.wall
            known = replace(self, gap=None, lost=facts, lost_since=since, returned=0)
            return _told(known, facts.channels, at) if facts.channels is not None else known
        returned = self.returned + 1
        proven = self.lost is None or self.lost.lost < TWICE or self.lost.pooled or returned == TWICE
        known = replace(
            self,
            gap=None,
            lost=None if proven else self.lost,
            returned=0 if proven else returned,
            since=at.wall if self.deaf else self.since,
            shown_ms=_shown(self.shown_ms, facts.test_signal_ms),
        )
        return _told(known, facts.channels, at)

    @property
    def known(self) -> bool:
        """Whether anything has been said at all."""
        return self.heard is not None or self.gap is not None or self.lost is not None

    @property
    def deaf(self) -> bool:
        """Whether it is not proven that signals come."""
        return self.heard is None or self.gap is not None or self.lost is not None

    @property
    def missing(self) -> list[str]:
        """The channels that are not heard though the connection answers."""
        return [channel for channel in self.channels if self.heard is not None and channel not in self.heard]

    def reason(self) -> Reason | None:
        """Give what is wrong with it, the first row of the table that matches."""
        lost, gap = self.lost, self.gap
        params: dict[str, Scalar]
        if lost is not None and lost.lost >= TWICE:
            if lost.pooled:
                return Reason("realtime.pooler", Verdict.FAIL, {"target": lost.target, "lost": lost.lost})  # 7
            params = {"lost": lost.lost, "since": instant(self.lost_since), "deadline_s": self.deadline_s}
            return Reason("realtime.canary_lost", Verdict.FAIL, params)  # 3
        if gap is not None and gap.cause == "dropped":
            params = {"parent": "monitor", "since": instant(self.gap_since)}
            return Reason("unknown.blocked_by", Verdict.UNKNOWN, params)  # 8
        if gap is not None:
            params = {"since": instant(self.gap_since), "cause": gap.cause, "attempt": gap.attempt}
            if gap.error is not None:
                params["error"] = gap.error
            return Reason("realtime.reconnecting", Verdict.UNKNOWN, params)  # 9
        if (missing := self.missing) and (lost is None or lost.channels is not None):
            params = {"channels": ", ".join(missing), "count": len(missing), "total": len(self.channels)}
            params["since"] = instant(self.missing_since)
            return Reason("realtime.channel_down", Verdict.WARN, params)  # 10
        if lost is not None:
            params = {"since": instant(self.lost_since), "pid": lost.pid}
            return Reason("realtime.listener_hung", Verdict.UNKNOWN, params)  # 11
        return None

    @property
    def fault_since(self) -> float | None:
        """The Unix second at which the trouble was first seen; None when there is none."""
        if self.lost is not None and (self.lost.lost >= TWICE or self.gap is None):
            return self.lost_since
        return self.gap_since if self.gap is not None else None

    def detail(self) -> dict[str, object]:
        """Give its form in the document."""
        detail: dict[str, object] = {}
        if self.gap is not None:
            state = "dropped" if self.gap.cause == "dropped" else "reconnecting"
            detail["listener"] = {"state": state, "since": instant(self.gap_since)}
        elif self.lost is not None:
            detail["listener"] = {"state": "unproven", "since": instant(self.lost_since)}
        elif self.heard is not None:
            detail["listener"] = {"state": "listening", "since": instant(self.since)}
        if self.shown_ms is not None:
            detail["test_signal"] = {"ms": round(self.shown_ms, 1)}
        return detail


def _told(known: Hearing, heard: frozenset[str], at: At) -> Hearing:
    return replace(known, heard=heard, missing_since=known.missing_since if known.missing else at.wall)


def _shown(shown: float | None, new: float) -> float:
    """Give the latency to show: it moves only when a reader would notice."""
    return shown if shown is not None and settled(shown, new) else new

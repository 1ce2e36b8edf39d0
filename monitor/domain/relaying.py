"""A channel's way through the broker: which signals that we heard came from there too, how soon, and which did not."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import NamedTuple

from monitor.domain.damping import Damper, settled
from monitor.domain.signal import At
from monitor.domain.verdict import Reason, Scalar, Verdict, instant
from monitor.domain.window import Tally

CAP = 64
"""Signals under way at most; those beyond it are not judged."""
OVERSLEPT_S = 1.0
"""Who looks so much later than a deadline was asleep: what is still unread may be the very relay that was awaited."""
FORGOTTEN_S = 60.0
"""So long a signal that was not relayed in time may still come: that is a slow broker, not a deaf one."""
LAST = 5


class Passing(NamedTuple):
    """One signal that passed by, on one of the two ways; of one that is not judged nothing follows if it is lost."""

    identity: tuple[str, ...]
    at: At
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Relaying:
    """`awaited` was heard and not relayed yet, `late` was missed, `early` was relayed and not heard yet.

    `run` counts the misses in a row, the first of them a signal of the Unix second `run_since`, the last found out at
    `run_at`; once they prove that nothing is relayed, `proven` stays until one is. `last` is the last relay of a signal
    that we heard, `newest` the monotonic second of the newest signal that was relayed: older ones that are lost are no
    news. The tallies count what was judged; more than the cap was under way at `full_at` (monotonic).
    """

    deadline_s: float
    misses: int
    single_s: float
    slow: Damper
    awaited: tuple[Passing, ...] = ()
    late: tuple[Passing, ...] = ()
    early: tuple[Passing, ...] = ()
    run: int = 0
    run_since: float = 0.0
    run_at: float = 0.0
    proven: bool = False
    full_at: float = -math.inf
    newest: float = -math.inf
    last: At | None = None
    delays: tuple[float, ...] = ()
    shown_ms: float | None = None
    relayed: Tally = field(default_factory=Tally)
    missed: Tally = field(default_factory=Tally)
    unheard: Tally = field(default_factory=Tally)

    def heard(self, identity: Sequence[Scalar], at: At, *, judged: bool) -> Relaying:
        """Take a signal that our listener heard, and await its relay; `judged` says whether it must come."""
        name = _name(identity)
        if found := _find(self.early, name):
            hop = replace(self, early=_without(self.early, found), relayed=self.relayed.add(at.mono))
            return _proved(hop, Passing(name, at), at)
        if len(self.awaited) == CAP:
            return replace(self, full_at=at.mono)
        return replace(self, awaited=(*self.awaited, Passing(name, at, judged)))

    def came(self, identity: Sequence[Scalar], at: At, *, listening: bool) -> Relaying:
        """Take a signal that came from the broker, maybe before our listener hears it; `listening` says if it could."""
        name = _name(identity)
        if found := _find(self.awaited, name):
            relayed = self.relayed.add(at.mono) if found.judged else self.relayed
            return _proved(replace(self, awaited=_without(self.awaited, found), relayed=relayed), found, at)
        if found := _find(self.late, name):
            return _proved(replace(self, late=_without(self.late, found)), found, at)
        # What we heard beyond the cap was let go of, and is none that only the broker knows.
        known = listening and at.mono >= self.full_at + self.deadline_s
        return replace(self, early=(*self.early, Passing(name, at, known))[-CAP:])

    def at(self, at: At) -> Relaying:
        """Let time pass."""
        due = sum(at.mono >= one.at.mono + self.deadline_s for one in self.awaited)
        over = sum(at.mono >= one.at.mono + self.deadline_s for one in self.early)
        hop = replace(
            self,
            awaited=self.awaited[due:],
            early=self.early[over:],
            late=tuple(one for one in self.late if at.mono < one.at.mono + FORGOTTEN_S),
            relayed=self.relayed.at(at.mono),
            missed=self.missed.at(at.mono),
            unheard=self.unheard.at(at.mono),
        )
        for one in self.awaited[:due]:
            hop = _missed(hop, one, at)
        for one in self.early[:over]:
            if one.judged:
                hop = replace(hop, unheard=hop.unheard.add(at.mono))
        alone = hop.run > 0 and not hop.awaited and at.mono >= hop.run_at + hop.single_s
        return replace(hop, proven=hop.proven or hop.run >= hop.misses or alone)

    def forget(self) -> Relaying:
        """Let go of what is under way: one of the two ways was cut. What is proven stays proven."""
        return replace(self, awaited=(), late=(), early=(), run=self.run if self.proven else 0)

    def next_change(self) -> float:
        """Give the monotonic second at which it changes by itself."""
        waiting = [passing[0].at.mono + self.deadline_s for passing in (self.awaited, self.early) if passing]
        alone = [self.run_at + self.single_s] if self.run and not self.proven and not self.awaited else []
        tallies = [tally.next_change() for tally in (self.relayed, self.missed, self.unheard)]
        return min(*tallies, *waiting, *alone, math.inf)

    def detail(self, event: str) -> dict[str, Scalar]:
        """Give its form in the document: what was judged in the last five minutes."""
        seen = self.relayed.total + self.missed.total
        detail: dict[str, Scalar] = {
            "event": event,
            "seen": seen,
            "relayed": self.relayed.total,
            "missed": self.missed.total,
        }
        if self.unheard.total:
            detail["unheard"] = self.unheard.total
        if self.last is not None and self.shown_ms is not None:
            detail |= {"last_relayed": instant(self.last.wall), "delay_ms": round(self.shown_ms, 1)}
        return detail


@dataclass(frozen=True, slots=True)
class Hops:
    """The hop of every channel that the broker relays, by the channel's name."""

    of: Mapping[str, Relaying]

    def at(self, at: At) -> Hops:
        return Hops({channel: hop.at(at) for channel, hop in self.of.items()})

    def forget(self) -> Hops:
        return Hops({channel: hop.forget() for channel, hop in self.of.items()})

    def mute(self) -> tuple[str, Relaying] | None:
        """Give the channel of which nothing has been relayed for the longest time, if that is proven of any."""
        mute = [(channel, hop) for channel, hop in self.of.items() if hop.proven]
        return min(mute, key=lambda one: one[1].run_since, default=None)

    def run(self) -> int:
        """Give the most misses in a row."""
        return max((hop.run for hop in self.of.values()), default=0)

    def last(self) -> At | None:
        """Give the instant of the last relay that is proven, on any channel."""
        return max((hop.last for hop in self.of.values() if hop.last), key=lambda at: at.mono, default=None)

    def reasons(self, listens: bool | None) -> tuple[Reason, ...]:
        """Say what is wrong with them; `listens` is what the broker tells of its own listening, if it does."""
        reasons = []
        if (mute := self.mute()) is not None:
            channel, hop = mute
            since = instant(hop.run_since)
            # In a row: of the signals since then, none was relayed in time.
            params: dict[str, Scalar] = {"missed": hop.run, "seen": hop.run, "channel": channel, "since": since}
            if listens is not None:
                params["broker_listens"] = listens
            reasons.append(Reason("realtime.broker_not_relaying", Verdict.FAIL, params))
        slow = [(hop.shown_ms, hop.slow.limit) for hop in self.of.values() if hop.slow.beyond and hop.shown_ms]
        if slow:
            delay_ms, limit_ms = max(slow)
            params = {"hop": "relay", "delay_ms": round(delay_ms), "limit_ms": limit_ms}
            reasons.append(Reason("realtime.slow", Verdict.WARN, params))
        return tuple(reasons)

    def next_change(self) -> float:
        return min((hop.next_change() for hop in self.of.values()), default=math.inf)


def _missed(hop: Relaying, one: Passing, at: At) -> Relaying:
    """Take note that this one was not relayed in time."""
    judged = one.judged and at.mono <= one.at.mono + hop.deadline_s + OVERSLEPT_S
    hop = replace(hop, late=(*hop.late, one._replace(judged=judged))[-CAP:])
    if not judged:
        return hop
    hop = replace(hop, missed=hop.missed.add(at.mono))
    if one.at.mono <= hop.newest:
        return hop
    since = hop.run_since if hop.run else one.at.wall
    return replace(hop, run=hop.run + 1, run_since=since, run_at=at.mono)


def _proved(hop: Relaying, one: Passing, at: At) -> Relaying:
    """Take note that this one was relayed, at last."""
    hop = replace(hop, run=0, proven=False, last=at, newest=max(hop.newest, one.at.mono))
    if not one.judged:
        return hop
    delays = (*hop.delays, 1000 * (at.mono - one.at.mono))[-LAST:]
    shown, now = hop.shown_ms, median(delays)
    return replace(
        hop,
        delays=delays,
        slow=hop.slow.step(delays[-1]),
        shown_ms=now if shown is None or not settled(shown, now) else shown,
    )


def _name(identity: Sequence[Scalar]) -> tuple[str, ...]:
    # By text: a driver of the broker's may write a number of 64 bits as a string, where the trigger writes a number.
    return tuple(map(str, identity))


def _find(passing: Sequence[Passing], name: tuple[str, ...]) -> Passing | None:
    return next((one for one in passing if one.identity == name), None)


def _without(passing: Sequence[Passing], found: Passing) -> tuple[Passing, ...]:
    # The oldest of those that look alike: an update of one row may pass twice.
    kept = list(passing)
    kept.remove(found)
    return tuple(kept)

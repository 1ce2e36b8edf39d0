"""Who queues inside PostgreSQL: for a lock, for its turn to send signals, and the queue of signals itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from monitor.domain.damping import Damper
from monitor.domain.signal import At
from monitor.domain.verdict import Reason, Scalar, Verdict

LEAVE = 0.7
CLEAR = 2
"""So many samples without a long wait end a jam."""
FULL_PCT = 98.0
"""From here on NOTIFY may answer 54000, and no message is saved: that is told at once."""
UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Contention:
    """Columns of contention.sql.

    `blocked`, `blocker`, `waiting_s` and `relation` are the waits of over a second; a blocker of 0 is a prepared
    transaction, a relation of "" could not be found. `queue_holder` names who probably has not read the oldest signal,
    None while the queue is as good as empty. `heard` is given back: the signals that we have heard so far.
    """

    heard: int
    commit_waiters: int
    lock_waits: int
    blocked: list[int]
    blocker: list[int]
    waiting_s: list[float]
    relation: list[str]
    notify_queue_pct: float
    queue_holder: str | None
    queue_holder_age_s: float | None
    queue_holder_ours: bool
    replay_lag_s: float | None


@dataclass(frozen=True, slots=True)
class Jam:
    """Sessions that wait too long for one table: how many, how long the first of them, and for whom in the end."""

    waiting: int
    longest_s: float
    table: str
    holder: int

    @classmethod
    def of(cls, facts: Contention, least_s: float) -> Jam | None:
        """Find the longest wait, and follow it to the session that waits for nobody; None when nobody waits so long."""
        waits = sorted(zip(facts.waiting_s, facts.relation, facts.blocker, strict=True), reverse=True)
        if not waits or waits[0][0] <= least_s:
            return None
        longest_s, table, holder = waits[0]
        blockers, seen = dict(zip(facts.blocked, facts.blocker, strict=True)), {holder}
        while (further := blockers.get(holder)) is not None and further not in seen:
            holder = further
            seen.add(holder)
        count = sum(waited > least_s and relation == table for waited, relation, _ in waits)
        return cls(count, longest_s, table, holder)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds, sessions and percent of the queue."""

    lock_wait_s: float = 10
    commit_waiters: int = 3
    queue_warn_pct: float = 1
    queue_fail_pct: float = 50


@dataclass(frozen=True, slots=True)
class Queues:
    """What the samples so far add up to; `holder_since` is the monotonic second at which this holder was first seen."""

    limits: Limits
    writers: Damper
    filling: Damper
    full: Damper
    facts: Contention | None = None
    at: float = -math.inf
    per_s: float = 0.0
    jam: Jam | None = None
    clear: int = 0
    holder_since: float = math.inf

    @classmethod
    def within(cls, limits: Limits) -> Queues:
        """Begin, with nothing seen."""
        bounds = (limits.commit_waiters, limits.queue_warn_pct, limits.queue_fail_pct)
        writers, filling, full = (Damper(limit, LEAVE * limit) for limit in bounds)
        return cls(limits, writers, filling, full)

    def step(self, facts: Contention, at: At) -> Queues:
        """Take one more sample."""
        jam = Jam.of(facts, self.limits.lock_wait_s)
        clear = 0 if jam is not None else self.clear + 1
        # What our own listener has not read is told by the monitor's card.
        used = 0.0 if facts.queue_holder_ours else facts.notify_queue_pct
        same = self.facts is not None and self.facts.queue_holder == facts.queue_holder
        full = self.full.step(used)
        return replace(
            self,
            writers=self.writers.step(facts.commit_waiters),
            filling=self.filling.step(used),
            full=replace(full, beyond=True) if used >= FULL_PCT else full,
            facts=facts,
            at=at.mono,
            per_s=self._rate(facts, at),
            jam=jam if jam is not None or clear >= CLEAR else self.jam,
            clear=clear,
            holder_since=self.holder_since if same else at.mono,
        )

    def _rate(self, facts: Contention, at: At) -> float:
        before = self.facts
        if before is None or at.mono <= self.at or facts.heard < before.heard:
            return self.per_s
        return (facts.heard - before.heard) / (at.mono - self.at)

    def reasons(self) -> list[Reason]:
        """Give what is true, in the order of the catalogue."""
        facts, jam, reasons = self.facts, self.jam, []
        if facts is not None and (self.filling.beyond or self.full.beyond):
            params: dict[str, Scalar] = {
                "usage_pct": self._pct(facts),
                "holder": facts.queue_holder or UNKNOWN,
                "holder_age_s": self._held_s(facts),
            }
            reasons.append(Reason("db.notify_queue", Verdict.FAIL if self.full.beyond else Verdict.WARN, params))
        if facts is not None and self.writers.beyond:
            params = {"waiting": facts.commit_waiters, "notify_per_s": round(self.per_s)}
            reasons.append(Reason("db.notify_commit_lock", Verdict.WARN, params))
        if jam is not None:
            params = {
                "waiting": jam.waiting,
                "longest_s": math.floor(jam.longest_s),
                "table": jam.table or UNKNOWN,
                "holder": jam.holder or UNKNOWN,
            }
            reasons.append(Reason("db.blocked", Verdict.WARN, params))
        return reasons

    @staticmethod
    def _pct(facts: Contention) -> float:
        return round(facts.notify_queue_pct, 2)

    def _held_s(self, facts: Contention) -> int:
        """Say how long it holds the queue: since its transaction began, or since we first saw it."""
        return math.floor(max(facts.queue_holder_age_s or 0.0, self.at - self.holder_since))

    def detail(self) -> dict[str, object]:
        """Give their form in the document."""
        facts = self.facts
        if facts is None:
            return {}
        waits = zip(facts.blocked, facts.blocker, facts.waiting_s, facts.relation, strict=True)
        detail: dict[str, object] = {
            "lock_waits": facts.lock_waits,
            "blocked": {
                str(pid): {"by": by, "waiting_s": math.floor(waited)} | ({"relation": relation} if relation else {})
                for pid, by, waited, relation in waits
            },
            "commit_waiters": facts.commit_waiters,
            "notify_queue_pct": self._pct(facts),
        }
        if facts.queue_holder is not None:
            held_s, ours = self._held_s(facts), facts.queue_holder_ours
            detail["queue_holder"] = {"name": facts.queue_holder, "age_s": held_s, "ours": ours}
        if facts.replay_lag_s is not None:
            detail["replication_lag_s"] = round(facts.replay_lag_s, 1)
        return detail

    def looks_like(self, other: Queues) -> bool:
        """Say whether a reader would find the same sessions waiting."""
        mine, theirs = (one.facts.blocked if one.facts is not None else [] for one in (self, other))
        return (self.facts is None) is (other.facts is None) and set(mine) == set(theirs)

"""How the messages of the last five minutes are counted: by recounts alone, or by a ledger between two recounts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from monitor.domain.ledger import EVENTS, HEAVY, ROWS, Changes, Counted, Deltas, Drift, Ledger, Snapshot, changes
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import At, Gap
from monitor.domain.window import CAP, SPAN_S, Window


@dataclass(frozen=True, slots=True)
class Recount:
    """Columns of recount.sql: the histogram of the last five minutes, seen in one snapshot.

    One array element per second and sender, seconds ascending; `now` is the database's clock in Unix seconds, `total`
    counts all rows of the window, `newest` is the last created_at.
    """

    snapshot: str
    now: float
    second: list[int]
    sender: list[str]
    count: list[int]
    total: int
    newest: float | None


@dataclass(frozen=True, slots=True)
class Counting:
    """The window, and the snapshot in which anybody finds the same count; in both schemes that holds at every instant.

    Without `deltas`, each recount replaces the last one. With them, a recount becomes the base of a ledger, and our own
    triggers' signals move it; a signal that cannot be trusted ends the ledger, and recounts go on until there is a new
    one. `channels` must be heard, or signals are missed.

    A recount may be a base, and makes us be in sync, when it was asked after the instant since which every signal has
    been kept: all that was heard before, it has seen. The last one before a connection's first test signal was, where
    the listener says so; of any other it is known by the one before: they are never stacked, so it was asked after that
    one's answer.
    """

    deltas: bool = False
    channels: frozenset[str] = frozenset()
    senders: tuple[str, ...] = ()
    window: Window | None = None
    newest: float | None = None
    seen: str = ""
    ledger: Ledger | None = None
    waiting: tuple[Deltas, ...] = ()
    waiting_rows: int = 0
    last: tuple[int, int] | None = None
    proven: float | None = None
    kept_since: float = -math.inf
    answered: float = -math.inf
    candidate: Counted | None = None
    in_sync: bool = False
    ask: bool = False
    drift: Drift | None = None

    @property
    def scheme(self) -> str:
        return "deltas" if self.deltas else "recount"

    @property
    def snapshot(self) -> str:
        """Give the snapshot in which the window is the whole truth."""
        return self.seen if self.ledger is None else self.ledger.snapshot().text()

    def told(self, facts: object, at: At) -> Counting:
        """Take what concerns the count: `ask` says that a recount is wanted now, `drift` what one has just found."""
        counting = replace(self, ask=False, drift=None)
        match facts:
            case Recount():
                return counting.recounted(facts, at)
            case Deltas() if self.deltas:
                return counting.changed(facts, at)
            case Changes() if self.deltas:
                asked = False
                for deltas in facts.deltas:
                    counting = counting.changed(deltas, at)
                    asked |= counting.ask
                return replace(counting, ask=asked)
            case Listening() if self.channels <= facts.channels:
                return counting.listened(facts, at)
            case Listening() | SignalLost() | Gap():
                # Signals have been missed.
                return replace(counting.closed(), proven=None, last=None, in_sync=False)
            case _:
                return counting

    def closed(self) -> Counting:
        """Keep the count where it stands: it stays true of the snapshot that it has by now."""
        return replace(self, seen=self.snapshot, ledger=None, waiting=(), waiting_rows=0, candidate=None)

    def anew(self, at: At) -> Counting:
        """Let a new recount be the base: whatever was heard until now, it will have seen."""
        ask = self.proven is not None
        return replace(self.closed(), kept_since=at.mono, in_sync=False, ask=ask)

    def recounted(self, facts: Recount, at: At) -> Counting:
        rows = zip(facts.second, facts.sender, facts.count, strict=True)
        window = Window.of(now=facts.now, mono=at.mono, rows=rows, total=facts.total)
        whole = self.proven is not None and self.answered >= max(self.proven, self.kept_since)
        counting = replace(self, answered=at.mono)
        # A histogram that is cut off tells too little to begin with, and stays so for a while.
        snapshot = Snapshot.parse(facts.snapshot) if self.deltas and not window.beyond else None
        if snapshot is not None:
            counted = Counted(window, snapshot, at.mono, facts.newest)
            if self.ledger is not None and self.ledger.load < HEAVY:
                # It waits for the next test signal: by then all that it has seen has been heard as well.
                return replace(counting, candidate=self.candidate or counted)
            events = self.ledger.events if self.ledger is not None else self.waiting
            if whole and (based := counting.based_on(counted, events, at)) is not None:
                return based
            if self.proven is None:
                counting = replace(counting, candidate=counted)
        if self.deltas and (whole or self.ledger is not None):
            # No ledger can stand on what was heard so far.
            counting = counting.anew(at)
        return replace(
            counting,
            window=window,
            newest=facts.newest,
            seen=facts.snapshot,
            in_sync=whole and not self.deltas,
            ask=self.proven is not None and (snapshot is not None if self.deltas else not whole),
        )

    def based_on(self, base: Counted, events: tuple[Deltas, ...], at: At) -> Counting | None:
        """Begin a ledger on a recount; None when the signals do not allow it."""
        ledger = Ledger.of(base, events)
        if ledger.load > 1 or not self._known(ledger.events, base):
            return None
        return replace(
            self.closed(),
            ledger=ledger,
            window=ledger.window(at.mono),
            newest=_newest(base.newest, ledger.events),
            in_sync=True,
        )

    def changed(self, deltas: Deltas, at: At) -> Counting:
        follows = deltas.counter == (self.last[1] + 1 if self.last is not None and self.last[0] == deltas.xid else 1)
        counting = replace(self, last=(deltas.xid, deltas.counter))
        if deltas.rows is None or not follows:
            return counting.anew(at)
        if self.ledger is None or self.window is None:
            rows = self.waiting_rows + len(deltas.rows)
            if len(self.waiting) == EVENTS or rows > ROWS:
                return counting.anew(at)
            ask = self.proven is not None
            return replace(counting, waiting=(*self.waiting, deltas), waiting_rows=rows, ask=ask)
        if (ledger := self.ledger.plus(deltas)) is self.ledger:
            return counting
        window = self.window.plus(deltas.rows, self.window.as_of(at.mono) - SPAN_S)
        if ledger.load > 1 or window.size > CAP or not self._known((deltas,), ledger.base):
            return counting.anew(at)
        newest = _newest(self.newest, (deltas,))
        return replace(counting, ledger=ledger, window=window, newest=newest, ask=ledger.load >= HEAVY)

    def _known(self, events: Iterable[Deltas], base: Counted) -> bool:
        """Say whether all senders are the platform's: any role may send a signal, and names would fill the page."""
        strange = {sender for _, sender, _ in changes(events)}.difference(self.senders)
        return not strange or strange <= {sender for senders in base.window.seconds.values() for sender in senders}

    def proved(self, facts: Listening, at: At) -> Counting:
        """Believe our ears from now on; the last recount may be one that was asked when they were open already."""
        proven = replace(self, proven=facts.sent, candidate=None)
        if self.answered > facts.since >= self.kept_since:
            if not self.deltas:
                return replace(proven, in_sync=True)
            if self.candidate is not None and (based := proven.based_on(self.candidate, self.waiting, at)) is not None:
                return based
        return replace(proven, ask=True)

    def listened(self, facts: Listening, at: At) -> Counting:
        if self.proven is None:
            return self.proved(facts, at)
        if self.ledger is None or self.candidate is None or facts.sent < self.candidate.mono:
            return self
        rows = self.ledger.drift(self.candidate)
        based = self.based_on(self.candidate, self.ledger.events, at) or self.anew(at)
        return replace(based, drift=Drift(rows, at.wall) if rows else None)


def _newest(newest: float | None, events: Iterable[Deltas]) -> float | None:
    """Give when the last row came; signals say it to the second."""
    came = [float(second) for second, _, count in changes(events) if count > 0]
    return max(came if newest is None else [*came, newest], default=None)

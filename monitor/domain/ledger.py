"""The ledger: what one snapshot held, and the transactions that told of themselves since, each counted exactly once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.domain.window import SPAN_S, Window

EVENTS, ROWS, XIDS = 4096, 20_000, 16_384
"""How much a ledger holds: signals, rows of them, and numbers of transactions since its snapshot. A full one ends."""
HEAVY = 0.5
"""From this share on it wants a new snapshot to stand on."""
FAR_S = 300 * 86_400
"""What lies further ahead is compared as one: a recount says "in a year" of it, each time of another second."""
FORM = re.compile(r"([0-9]{1,20}):([0-9]{1,20}):((?:[0-9]{1,20},)*[0-9]{1,20})?")


@dataclass(frozen=True, slots=True)
class Deltas:
    """What one statement changed: rows that came and went, per second and sender, in the transaction `xid` (top-level).

    `counter` numbers the signals of a transaction from 1 on. No rows (None) means "count anew".
    """

    xid: int
    counter: int
    rows: tuple[tuple[int, str, int], ...] | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Several signals of our own triggers that came at once, in their order."""

    deltas: Sequence[Deltas]


@dataclass(frozen=True, slots=True)
class Drift:
    """A proof that failed: so many rows were counted otherwise than the database did, found at that Unix second."""

    rows: int
    at: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PostgreSQL's pg_snapshot: which transactions are seen."""

    xmin: int
    xmax: int
    xip: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Snapshot | None:
        """Read "xmin:xmax:xip,xip"; None when it is none."""
        found = FORM.fullmatch(text)
        if found is None:
            return None
        xmin, xmax = int(found[1]), int(found[2])
        xip = frozenset(map(int, found[3].split(","))) if found[3] else frozenset()
        fits = 0 < xmin <= xmax and all(xmin <= xid < xmax for xid in xip)
        return cls(xmin, xmax, xip) if fits else None

    def sees(self, xid: int) -> bool:
        return xid < self.xmin or (xid < self.xmax and xid not in self.xip)

    def text(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.xip)))}"


@dataclass(frozen=True, slots=True)
class Counted:
    """One recount: the window that it gives, the snapshot that it saw, and when its answer came (monotonic)."""

    window: Window
    snapshot: Snapshot
    mono: float
    newest: float | None = None

    @property
    def oldest(self) -> int:
        """Give the first second that it has counted."""
        return self.window.as_of(self.mono) - SPAN_S


@dataclass(frozen=True, slots=True)
class Ledger:
    """A recount and the signals of the transactions that it has not seen.

    PostgreSQL delivers a transaction's signals after its commit, in the order of the commits, and a snapshot sees a
    transaction wholly or not at all. So with each signal either seen by the snapshot or written down here, whichever
    way it came, the sum is what a count in `snapshot()` finds. That a transaction is known by its number is all it
    takes: a late commit, a rolled back savepoint or a lost test signal make no difference.
    """

    base: Counted
    events: tuple[Deltas, ...] = ()
    rows: int = 0
    highest: int = 0

    @classmethod
    def of(cls, base: Counted, events: tuple[Deltas, ...]) -> Ledger:
        """Open one on a recount, with those of the signals that it has not seen."""
        ledger = cls(base)
        for event in events:
            ledger = ledger.plus(event)
        return ledger

    def plus(self, event: Deltas) -> Ledger:
        """Write a signal down, unless the recount has seen its transaction: then the same ledger is given back."""
        if self.base.snapshot.sees(event.xid):
            return self
        rows = self.rows + len(event.rows or ())
        return replace(self, events=(*self.events, event), rows=rows, highest=max(self.highest, event.xid))

    @property
    def load(self) -> float:
        """Say how full it is; beyond 1 it must not be used any more."""
        xids = max(0, self.highest - self.base.snapshot.xmax)
        return max(len(self.events) / EVENTS, self.rows / ROWS, xids / XIDS)

    def window(self, mono: float) -> Window:
        """Give the window that all of it makes."""
        counted = self.base.window
        return counted.plus(changes(self.events), counted.as_of(mono) - SPAN_S)

    def snapshot(self) -> Snapshot:
        """Give the snapshot that sees just the transactions in it, so that anybody can check its count.

        Transactions that have told nothing (rolled back, of other tables, or not over yet) are left out of it.
        """
        base, applied = self.base.snapshot, {event.xid for event in self.events}
        xmax = max(base.xmax, self.highest + 1)
        xip = base.xip.union(range(base.xmax, xmax)) - applied
        return Snapshot(min(xip, default=xmax), xmax, xip)

    def drift(self, counted: Counted) -> int:
        """Say by how many rows it differs from a later recount, in what both have counted.

        All signals of transactions that the recount has seen must have been written down before.
        """
        oldest = max(self.base.oldest, counted.oldest)
        far = counted.oldest + SPAN_S + FAR_S
        seen = changes(event for event in self.events if counted.snapshot.sees(event.xid))
        ours = _folded(self.base.window.plus(seen, oldest).seconds, oldest, far)
        theirs = _folded(counted.window.seconds, oldest, far)
        return sum(abs(ours.get(key, 0) - theirs.get(key, 0)) for key in ours.keys() | theirs.keys())


def changes(events: Iterable[Deltas]) -> Iterator[tuple[int, str, int]]:
    """Give the rows of all these signals."""
    for event in events:
        yield from event.rows or ()


def _folded(seconds: Mapping[int, Mapping[str, int]], oldest: int, far: int) -> dict[tuple[int, str], int]:
    """Give what is counted per second and sender from `oldest` on; less than nothing is nothing."""
    folded: dict[tuple[int, str], int] = {}
    for second, senders in seconds.items():
        if second >= oldest:
            for sender, count in senders.items():
                key = (min(second, far), sender)
                folded[key] = folded.get(key, 0) + max(count, 0)
    return folded

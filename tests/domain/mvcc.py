"""A small true model of PostgreSQL: rows, transactions, snapshots, and signals in the order of the commits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from monitor.domain.counting import Recount
from monitor.domain.ledger import Deltas, Snapshot
from tests.domain.build import NOON

SENDERS = ("user", "bot")
TOLD_S = 400


@dataclass
class Row:
    second: int
    sender: str
    born: int
    died: int | None = None


@dataclass
class Transaction:
    """One that is open; `told` are its signals, which come with its commit."""

    xid: int
    told: list[Deltas] = field(default_factory=list)


@dataclass
class Postgres:
    """`now` is its clock; `queue` holds the signals that our listener has not read yet, None while nobody listens."""

    now: float = NOON
    next_xid: int = 700
    rows: list[Row] = field(default_factory=list)
    open: dict[int, Transaction] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    queue: list[list[Deltas] | float] | None = None

    def begin(self):
        self.open[self.next_xid] = Transaction(self.next_xid)
        self.next_xid += 1
        return self.next_xid - 1

    def insert(self, xid, rows, *, quietly=False):
        """Insert rows, as (age in seconds, sender)."""
        made = [Row(int(self.now) - age, sender, xid) for age, sender in rows]
        self.rows += made
        if not quietly:
            self.tell(xid, [(row.second, row.sender, 1) for row in made])

    def delete(self, xid, choose):
        """Delete rows that nobody else is deleting; `choose` says which of those that are seen."""
        found = [
            row
            for row in self.rows
            if (row.born in self.committed or row.born == xid) and row.died in {None, *self.dead()}
        ]
        gone = choose(found)
        for row in gone:
            row.died = xid
        self.tell(xid, [(row.second, row.sender, -1) for row in gone])

    def dead(self):
        """Give the transactions that have been rolled back."""
        return set(range(700, self.next_xid)) - self.committed - self.open.keys()

    def tell(self, xid, rows):
        """Let the trigger of a statement speak."""
        summed = Counter()
        for second, sender, count in rows:
            if second > self.now - TOLD_S:
                summed[second, sender] += count
        if told := tuple((second, sender, count) for (second, sender), count in summed.items()):
            said = self.open[xid].told
            said.append(Deltas(xid, len(said) + 1, told))

    def commit(self, xid):
        told = self.open.pop(xid).told
        self.committed.add(xid)
        if self.queue is not None and told:
            self.queue.append(told)

    def abort(self, xid):
        del self.open[xid]

    def snapshot(self):
        xip = frozenset(self.open)
        return Snapshot(min(xip, default=self.next_xid), self.next_xid, xip)

    def histogram(self, sees, oldest):
        """Count the rows that those transactions have written, per second and sender."""
        return Counter(
            (row.second, row.sender)
            for row in self.rows
            if row.second >= oldest
            and row.born in self.committed
            and sees(row.born)
            and not (row.died in self.committed and sees(row.died))
        )

    def recount(self):
        """Answer recount.sql."""
        snapshot, oldest = self.snapshot(), int(self.now) - 300
        found = sorted(self.histogram(snapshot.sees, oldest).items())
        return Recount(
            snapshot=snapshot.text(),
            now=self.now,
            second=[second for (second, _), _ in found],
            sender=[sender for (_, sender), _ in found],
            count=[count for _, count in found],
            total=sum(count for _, count in found),
            newest=max((float(second) for (second, _), _ in found), default=None),
        )

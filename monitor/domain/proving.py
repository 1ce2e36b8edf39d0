"""Rows against signals: whether each row that was committed brought the signal that its trigger owes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from monitor.domain.catalogue import RowsSeen
from monitor.domain.claims import Claims
from monitor.domain.heard import Heard
from monitor.domain.signal import At
from monitor.domain.window import SPAN_S

PENDING, LATELY = 16, 128
"""Spans that wait for their barrier, and judged ones that are remembered; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows without a signal: how many, of how many rows from the first to the last of them, when those were created.

    `first` and `last` are of the database's clock, `at` is when the last one was judged (monotonic), `seen` when the
    first one was looked at (Unix seconds), `after` counts the rows with a signal since then.
    """

    count: int
    rows: int
    first: float
    last: float
    at: float
    seen: float
    after: int = 0

    def then(self, later: Missing | None) -> Missing:
        """Give both as one."""
        if later is None:
            return self
        return replace(
            later,
            count=self.count + later.count,
            rows=self.rows + self.after + later.rows,
            first=self.first,
            seen=self.seen,
        )


def both(earlier: Missing | None, later: Missing | None) -> Missing | None:
    return later if earlier is None else earlier.then(later)


def passed(missing: Missing | None, rows: int) -> Missing | None:
    """Count rows that came after those that are missing."""
    return replace(missing, after=missing.after + rows) if missing is not None else None


@dataclass(frozen=True, slots=True)
class Span:
    """What was committed between two snapshots, with the instants at which both were looked at.

    `asked` is the monotonic second before the earlier one was asked for, `begin` its instant of the database's clock.
    """

    asked: float
    begin: float
    since: At
    until: At
    seen: RowsSeen


@dataclass(frozen=True, slots=True)
class Proof:
    """The last span with rows: from, to (Unix seconds), rows, and how many of them had a signal."""

    since: float
    until: float
    rows: int
    signals: int


@dataclass(frozen=True, slots=True)
class Proving:
    """What is remembered of one trigger's rows and signals; `keyed` says whether each signal names its row.

    `proven` is the monotonic second from which on everything has been heard, without a gap until now (None = deaf), and
    `fit_since` that from which on the catalogue has called the trigger working. `tail` are the last rows, as long as
    none of them had a signal; once it was `told` that the trigger is mute, they are not told again as leaking.
    """

    keyed: bool
    mute_rows: int
    settle_s: float
    hold_s: float
    heard: Heard = field(default_factory=Heard)
    claims: Claims = field(default_factory=Claims)
    proven: float | None = None
    fit_since: float = -math.inf
    last: tuple[RowsSeen, At] | None = None
    pending: tuple[Span, ...] = ()
    signalled: bool = False
    tail: Missing | None = None
    told: bool = False
    leak: Missing | None = None
    lately: tuple[tuple[float, int, int], ...] = ()
    proof: Proof | None = None

    # What comes in.

    def hear(self, keys: Sequence[str | None], mono: float) -> Proving:
        """Remember signals that came at once, by what each names its row with."""
        heard = self.heard
        for key in keys:
            heard = heard.add(key, mono)
        return replace(self, heard=heard, claims=self.claims.add([key for key in keys if key is not None], mono))

    def overhear(self, mono: float) -> Proving:
        """Remember that there were signals which nobody read."""
        return replace(self, heard=self.heard.miss(mono))

    def see(self, seen: RowsSeen, at: At) -> Proving:
        """Take the rows since the last look; they are judged when their signals must have come."""
        pending = self.pending
        if self.last is not None and seen.since == self.last[0].rows.snapshot:
            before, since = self.last
            pending = (*pending, Span(before.asked, before.rows.now, since, at, seen))[-PENDING:]
        # What was looked for has been found, or nobody bears it.
        claims = self.claims.without([*seen.rows.identity, *self.unclaimed(seen.asked)])
        return replace(self, last=(seen, at), pending=pending, claims=claims)

    def unclaimed(self, before: float = math.inf) -> list[str]:
        """Give the keys that were heard before this monotonic second, and that no row has explained so far."""
        return self.claims.due(before)

    def deafen(self) -> Proving:
        """Something may have been missed: what was not judged by now never will be."""
        return replace(self.interrupt(), proven=None, pending=())

    def fit(self, at: At, *, working: bool) -> Proving:
        """Take what the catalogue says; that a trigger which is gone or off brings no signal is no news."""
        if not working:
            return replace(self, fit_since=math.inf, tail=None, told=False)
        return replace(self, fit_since=at.mono) if self.fit_since == math.inf else self

    def listen(self, sent: float, at: At) -> Proving:
        """Judge all whose signals have been heard, now that a test signal has come back that was sent at `sent`."""
        proven = sent if self.proven is None else self.proven
        ripe = [span for span in self.pending if span.until.mono + self.settle_s <= sent]
        after = replace(self, proven=proven, pending=self.pending[len(ripe) :])
        for span in ripe:
            after = after.judge(span, at) if max(proven, after.fit_since) <= span.asked else after.interrupt()
        return replace(after, told=after.mute is not None) if ripe else after

    # Judging.

    def interrupt(self) -> Proving:
        """Rows went by that were not judged: what comes is not in a row with what was."""
        if self.told:
            return self
        return replace(self, tail=None, leak=both(self.leak, self.tail) if self.signalled else self.leak)

    def judge(self, span: Span, at: At) -> Proving:
        """Match the rows of one span with the signals that were heard."""
        rows = span.seen.rows
        heard = self.heard.among(rows.identity)
        # A signal that names no row may have been that of each of them; a key that was let go, that of any.
        fired, unsure = self.heard.keyless >= span.asked, self.heard.forgotten >= span.asked
        transactions: set[str] = set()
        tail, leak, told, signalled = self.tail, self.leak, self.told, self.signalled
        count = missed = 0
        oldest_first = zip(rows.identity[::-1], rows.transaction[::-1], rows.created[::-1], strict=True)
        for identity, transaction, created in oldest_first:
            signal = fired or identity in heard
            # What was created before the span may be an old row that was changed in it: its signal proves nothing now.
            if created < span.begin or (unsure and not signal):
                continue
            if not self.keyed:
                # Equal signals of one transaction are one.
                if transaction in transactions:
                    continue
                transactions.add(transaction)
            count += 1
            if not signal:
                missed += 1
                tail = both(tail, Missing(1, 1, created, created, at.mono, span.until.wall))
                continue
            signalled = True
            if tail is not None:
                leak = both(leak, tail) if not told else passed(leak, tail.count)
                tail, told = None, False
            leak = passed(leak, 1)
        if not count:
            return self
        return replace(
            self,
            tail=tail,
            leak=leak,
            told=told,
            signalled=signalled,
            lately=(*self.lately, (at.mono, count, missed))[-LATELY:],
            proof=Proof(span.since.wall, span.until.wall, count, count - missed),
        )

    # What follows.

    @property
    def mute(self) -> Missing | None:
        """The last rows, where so many of them had no signal that the trigger is mute."""
        return self.tail if self.tail is not None and self.tail.count >= self.mute_rows else None

    def leaking(self, mono: float) -> Missing | None:
        """Give the rows that had no signal while others had."""
        tail = self.tail if self.signalled and self.mute is None else None
        return both(self._held(self.leak, mono), self._held(tail, mono))

    def at(self, mono: float) -> Proving:
        """Let go of what is too old."""
        lately = tuple(one for one in self.lately if mono < one[0] + SPAN_S)
        return replace(self, lately=lately, leak=self._held(self.leak, mono))

    def next_change(self, mono: float) -> float:
        """Give the monotonic second at which something leaves by itself."""
        ends = [one.at + self.hold_s for one in (self.leak, self.tail) if one is not None]
        ends += [one[0] + SPAN_S for one in self.lately[:1]]
        return min((end for end in ends if end > mono), default=math.inf)

    def _held(self, missing: Missing | None, mono: float) -> Missing | None:
        return missing if missing is not None and mono < missing.at + self.hold_s else None

"""The ledger: whatever the transactions do, its count is that of the snapshot which it names."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.ledger import EVENTS, ROWS, XIDS, Counted, Deltas, Ledger, Snapshot
from monitor.domain.window import Window

MONO, NOW = 1000.0, 1_800_000_000
EMPTY = Snapshot(700, 700)


def counted(snapshot=EMPTY, rows=(), *, mono=MONO, now=NOW):
    window = Window.of(now=now, mono=mono, rows=rows, total=sum(count for _, _, count in rows))
    return Counted(window, snapshot, mono)


def one(xid, count=1, *, second=NOW, sender="user", counter=1):
    return Deltas(xid, counter, ((second, sender, count),))


@pytest.mark.parametrize(
    ("text", "seen", "unseen"),
    [
        ("700:700:", [3, 699], [700, 2**40]),
        ("700:704:700,702", [699, 701, 703], [700, 702, 704]),
        ("18446744073709551610:18446744073709551615:", [18446744073709551614], [18446744073709551615]),
    ],
)
def test_snapshot(text, seen, unseen):
    """A snapshot sees what was over when it was taken, as PostgreSQL's own function says it, and is written as read."""
    snapshot = Snapshot.parse(text)
    assert [xid for xid in [*seen, *unseen] if snapshot.sees(xid)] == seen
    assert snapshot.text() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "700",
        "700:700",
        "0:0:",
        "704:700:",
        "700:704:699",
        "700:704:704",
        "700:704:,",
        "a:b:",
        "700:704:701 ",
        "-1:4:",
    ],
)
def test_no_snapshot(text):
    """What is no snapshot is none."""
    assert Snapshot.parse(text) is None


def test_snapshot_of_a_ledger():
    """It sees what its recount saw and what was written down, and neither those in between nor those not over yet."""
    ledger = Ledger.of(counted(Snapshot(698, 702, frozenset({698, 700}))), (one(700), one(705), one(699), one(703)))
    assert [event.xid for event in ledger.events] == [700, 705, 703]
    assert ledger.snapshot().text() == "698:706:698,702,704"
    assert Ledger.of(counted(), (one(700), one(701))).snapshot().text() == "702:702:"
    assert Ledger.of(counted(), ()).snapshot() == EMPTY


xids = st.integers(690, 720)
snapshots = st.builds(
    lambda low, more, xip: Snapshot(low, low + more, frozenset(xid for xid in xip if low <= xid < low + more)),
    st.integers(690, 705),
    st.integers(0, 15),
    st.sets(xids),
)


@given(base=snapshots, applied=st.lists(xids))
def test_any_snapshot(base, applied):
    """Whatever came, in whatever order: exactly the recount's transactions and those written down are seen."""
    snapshot = Ledger.of(counted(base), tuple(one(xid) for xid in applied)).snapshot()
    assert Snapshot.parse(snapshot.text()) == snapshot
    for xid in range(680, 730):
        assert snapshot.sees(xid) == (base.sees(xid) or xid in applied)


changed = st.lists(
    st.tuples(xids, st.integers(NOW - 310, NOW + 5), st.sampled_from(["user", "bot"]), st.integers(-3, 3).filter(bool))
)


@given(base=snapshots, events=changed, later=st.integers(0, 20))
def test_any_sum(base, events, later):
    """The window is the recount and what came since, added up in any order; less than nothing is nothing."""
    start = [(NOW - 300, "user", 2), (NOW, "bot", 1)]
    ledger = Ledger.of(counted(base, start), tuple(one(xid, n, second=s, sender=w) for xid, s, w, n in events))
    expected = Counter({(second, sender): count for second, sender, count in start})
    for xid, second, sender, count in events:
        if not base.sees(xid):
            expected[second, sender] += count
    window = ledger.window(MONO + later)
    told = Counter()
    for (second, sender), count in expected.items():
        if second >= NOW + later - 300 and count > 0:
            told[sender] += count
    assert window.per_sender(MONO + later) == told
    assert sum(window.within(MONO + later).values()) == told.total()


def test_no_drift():
    """A later recount that has seen some of what was written down, and not the rest, is no drift."""
    ledger = Ledger.of(
        counted(rows=[(NOW - 300, "user", 4), (NOW - 9, "bot", 2)]), (one(700), one(702, 5), one(701, -1))
    )
    # The second of the four rows has left the window by then.
    later = counted(Snapshot(702, 703, frozenset({702})), [(NOW - 9, "bot", 2)], mono=MONO + 2, now=NOW + 2)
    assert ledger.drift(later) == 0
    assert ledger.drift(replace(later, snapshot=Snapshot(703, 703))) == 5


@pytest.mark.parametrize(
    ("rows", "drift"),
    [
        ([(NOW - 9, "bot", 2), (NOW, "user", 1)], 0),
        ([(NOW - 9, "bot", 79), (NOW, "user", 1)], 77),
        ([(NOW, "user", 1)], 2),
        ([(NOW - 8, "bot", 2), (NOW, "user", 1)], 4),
        ([(NOW - 9, "user", 2), (NOW, "user", 1)], 4),
    ],
)
def test_drift(rows, drift):
    """Rows too many, too few, in another second or of another sender are drift, each of them."""
    ledger = Ledger.of(counted(rows=[(NOW - 9, "bot", 2)]), (one(700),))
    assert ledger.drift(counted(Snapshot(701, 701), rows)) == drift


def test_a_clock_that_was_put_back():
    """Only what both have counted is compared, though the later one reaches further back."""
    ledger = Ledger.of(counted(rows=[(NOW - 300, "user", 1)]), ())
    later = counted(rows=[(NOW - 309, "user", 5), (NOW - 300, "user", 1)], now=NOW - 9)
    assert ledger.drift(later) == 0


def test_rows_far_ahead():
    """A row of no calendar lies a year ahead of each recount: that it moves is no drift."""
    year = 366 * 86_400
    ledger = Ledger.of(counted(rows=[(NOW + year, "bot", 2)]), ())
    assert ledger.drift(counted(rows=[(NOW + 30 + year, "bot", 2)], mono=MONO + 30, now=NOW + 30)) == 0
    assert ledger.drift(counted(rows=[(NOW + 30 + year, "bot", 3)], mono=MONO + 30, now=NOW + 30)) == 1


def test_load():
    """It is full when it holds so many signals, rows, or transactions that it would have to name."""
    assert Ledger.of(counted(), ()).load == 0
    assert Ledger.of(counted(), (one(700 + XIDS),)).load == 1
    assert Ledger.of(counted(), (one(701 + XIDS),)).load > 1
    assert Ledger.of(counted(), (Deltas(700, 1, ((NOW, "user", 1),) * ROWS),)).load == 1
    assert replace(Ledger.of(counted(), ()), events=(one(700),) * EVENTS).load == 1
    assert Ledger.of(counted(), (Deltas(700, 1, None),)).load == 1 / EVENTS

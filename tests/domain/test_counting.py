"""Counting: at every instant the count is that of the snapshot that is named, in both schemes, whatever happens."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from monitor.domain.counting import Counting, Recount
from monitor.domain.ledger import EVENTS, HEAVY, ROWS, XIDS, Changes, Deltas, Drift, Snapshot
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.signal import Gap, Tick
from monitor.domain.window import CAP
from tests.domain.build import NOON, at
from tests.domain.mvcc import SENDERS, Postgres

CHANNEL = "deltas"
HEARD = frozenset({CHANNEL, "messages"})
NOW = int(NOON)


def begun(*, deltas=True):
    return Counting(deltas=deltas, channels=frozenset({CHANNEL}), senders=SENDERS)


def told(counting, *steps):
    """Tell facts, each at its second."""
    for seconds, facts in steps:
        counting = counting.told(facts, at(seconds))
    return counting


def listening(sent, *, channels=HEARD):
    return Listening(channels, 3.0, at(sent).mono)


def recount(snapshot="700:700:", rows=(), *, now=NOON, more=0):
    total = sum(count for _, _, count in rows) + more
    newest = float(rows[-1][0]) if rows else None
    return Recount(snapshot, now, *map(list, zip(*rows, strict=True) if rows else ([], [], [])), total, newest)


def deltas(xid, count=1, *, counter=1, second=NOW, sender="user"):
    return Deltas(xid, counter, ((second, sender, count),))


def total(counting, seconds):
    return sum(counting.window.per_sender(at(seconds).mono).values())


def synced(*, snapshot="700:700:", rows=()):
    """One that is in sync at second 2: a recount that was asked after the test signal had been sent."""
    first, second = recount(snapshot, rows), recount(snapshot, rows, now=NOON + 2)
    return told(begun(), (0, listening(0)), (1, first), (2, second))


class Life(RuleBasedStateMachine):
    """A listener, a sweep and writers, in any order; the count is compared with the model's own rows all the time."""

    @initialize(deltas=st.booleans(), sly=st.booleans())
    def start(self, deltas, sly):
        self.db = Postgres()
        self.mono = 0.0
        self.counting = begun(deltas=deltas)
        self.asked = None
        self.quiet = False
        self.sly = sly

    def tell(self, facts):
        self.counting = self.counting.told(facts, at(self.mono))
        if self.counting.drift is not None:
            assert self.quiet, "nothing was written past the triggers"
        if self.counting.ask:
            self.ask()

    @rule(seconds=st.sampled_from([0.001, 0.001, 0.3, 1.0, 7.0, 150.0]))
    def wait(self, seconds):
        self.mono += seconds
        self.db.now += seconds
        self.tell(Tick(at(self.mono)))

    # The platform.

    @rule()
    def begin(self):
        if len(self.db.open) < 5:
            self.db.begin()

    @rule(
        data=st.data(),
        rows=st.lists(
            st.tuples(st.sampled_from([0, 0, 1, 150, 299, 350, 500, -20]), st.sampled_from(SENDERS)), max_size=4
        ),
        commit=st.booleans(),
    )
    def insert(self, data, rows, commit):
        xid = data.draw(st.sampled_from([*self.db.open, None]))
        xid = self.db.begin() if xid is None else xid
        self.db.insert(xid, rows)
        if commit:
            self.db.commit(xid)

    @precondition(lambda self: self.db.open)
    @rule(data=st.data(), far=st.booleans())
    def delete(self, data, far):
        xid = data.draw(st.sampled_from(sorted(self.db.open)))
        self.db.delete(xid, lambda rows: rows[:: 2 if far else 1])

    @precondition(lambda self: self.db.open)
    @rule(data=st.data(), well=st.sampled_from([True, True, True, False]))
    def end(self, data, well):
        xid = data.draw(st.sampled_from(sorted(self.db.open)))
        (self.db.commit if well else self.db.abort)(xid)

    @rule(xid=st.none())
    def write_elsewhere(self, xid):
        self.db.commit(self.db.begin())

    @precondition(lambda self: self.sly)
    @rule(sender=st.sampled_from(SENDERS))
    def write_quietly(self, sender):
        """Write past every trigger: from here on the count may be wrong, until everything has come to rest."""
        xid = self.db.begin()
        self.db.insert(xid, [(1, sender)], quietly=True)
        self.db.commit(xid)
        self.quiet = True

    # The daemon.

    @rule()
    def listen(self):
        if self.db.queue is None:
            self.db.queue = []

    @rule()
    def lose(self):
        self.db.queue = None
        self.tell(Gap(at(self.mono), "closed"))

    @precondition(lambda self: self.db.queue is not None)
    @rule()
    def send_test_signal(self):
        self.db.queue.append(at(self.mono).mono)

    @precondition(lambda self: self.db.queue)
    @rule(most=st.sampled_from([1, 1, 3, 100]))
    def hear(self, most):
        heard, self.db.queue = self.db.queue[:most], self.db.queue[most:]
        for one in heard:
            if isinstance(one, float):
                self.tell(Listening(HEARD, 1.0, one))
            else:
                for deltas in one:
                    self.tell(deltas)

    @rule(xid=st.sampled_from([0, 650, 10**12]))
    def hear_nonsense(self, xid):
        if self.db.queue is not None:
            self.tell(Deltas(xid, 1, None) if xid else Deltas(0, 0, None))

    @rule()
    def ask(self):
        """Ask for a recount, if none is under way: they are never stacked."""
        if self.asked is None:
            self.asked = self.db.recount()

    @precondition(lambda self: self.asked)
    @rule()
    def answer(self):
        asked, self.asked = self.asked, None
        # Its answer comes a moment after it was asked, at least.
        self.mono += 0.0005
        self.db.now += 0.0005
        self.tell(asked)

    @rule()
    def settle(self):
        """Let everything come to rest: then it is in sync, and counts what there is, whatever has been before."""
        for xid in list(self.db.open):
            self.db.commit(xid)
        self.listen()
        for _ in range(4):
            self.wait(0.001)
            self.send_test_signal()
            self.hear(100_000)
            self.wait(0.001)
            self.ask()
            self.answer()
        self.send_test_signal()
        self.hear(100_000)
        self.quiet = False
        assert self.counting.in_sync
        window, mono = self.counting.window, at(self.mono).mono
        oldest = window.as_of(mono) - 300
        assert Counter(window.per_sender(mono)) == self.senders(lambda _: True, oldest)

    def senders(self, sees, oldest):
        found = Counter()
        for (_, sender), count in self.db.histogram(sees, oldest).items():
            found[sender] += count
        return found

    @invariant()
    def true_of_its_snapshot(self):
        """The count is what the snapshot that is named beside it sees; but for what came past the triggers."""
        window, mono = self.counting.window, at(self.mono).mono
        if window is None or self.quiet:
            return
        snapshot, oldest = Snapshot.parse(self.counting.snapshot), window.as_of(mono) - 300
        assert Counter(window.per_sender(mono)) == self.senders(snapshot.sees, oldest)
        seconds = Counter()
        for (second, _), count in self.db.histogram(snapshot.sees, oldest).items():
            seconds[second] += count
        assert window.within(mono) == seconds

    @invariant()
    def nothing_was_missed(self):
        """Where it is in sync by signals, all that has been heard is counted."""
        if self.counting.in_sync and self.counting.deltas and not self.quiet and self.db.queue == []:
            window, mono = self.counting.window, at(self.mono).mono
            assert Counter(window.per_sender(mono)) == self.senders(lambda _: True, window.as_of(mono) - 300)


TestLife = pytest.mark.life(Life.TestCase)
TestLife.settings = settings(max_examples=80, stateful_step_count=60, deadline=None, database=None)


# The start.


def test_start():
    """In sync is who has heard a test signal and counted with a question asked after it: the third answer at most."""
    counting = told(begun(), (0, recount(rows=[(NOW, "user", 3)])))
    assert (total(counting, 0), counting.in_sync, counting.ask, counting.scheme) == (3, False, False, "deltas")
    counting = told(counting, (1, listening(1)))
    assert (counting.in_sync, counting.ask) == (False, True)
    # This one may have been asked before we listened: its answer counts, but nothing can be built on it.
    counting = told(counting, (2, recount("701:701:", [(NOW, "user", 4)])))
    assert (total(counting, 2), counting.in_sync, counting.ask, counting.snapshot) == (4, False, True, "701:701:")
    counting = told(counting, (3, recount("702:702:", [(NOW, "user", 5)])))
    assert (total(counting, 3), counting.in_sync, counting.ask) == (5, True, False)


def test_start_of_the_other_scheme():
    """Without our own triggers it is the same, and signals of theirs are nobody's."""
    counting = told(begun(deltas=False), (0, listening(0)), (1, recount()), (2, recount("9:9:", [(NOW, "bot", 1)])))
    assert (counting.in_sync, counting.ask, counting.scheme, counting.snapshot) == (True, False, "recount", "9:9:")
    counting = told(counting, (3, deltas(800)), (4, listening(4)), (5, recount("9:9:", more=3)))
    assert (counting.in_sync, counting.ask, total(counting, 5)) == (True, False, 3)
    assert not told(counting, (6, Gap(at(6), "closed"))).in_sync


SILENT = SignalLost(1, HEARD, 1, "db", pooled=False)


@pytest.mark.parametrize("lost", [SILENT, Gap(at(3), "closed"), listening(3, channels=frozenset({"messages"}))])
def test_deaf(lost):
    """Whoever is deaf, or not heard on our channel, is not in sync, and the count stays where it was true."""
    counting = told(synced(), (2.5, deltas(700)), (3, lost))
    assert (counting.in_sync, counting.ask, counting.snapshot, total(counting, 3)) == (False, False, "701:701:", 1)
    counting = told(counting, (4, deltas(701)), (5, recount("702:702:", [(NOW, "user", 2)])))
    assert (counting.in_sync, counting.ask, total(counting, 5)) == (False, False, 2)


def test_what_was_heard_before_the_base():
    """Signals that came while the base was being asked for are counted, but for those that it has seen."""
    counting = told(begun(), (0, listening(0)), (1, recount()))
    counting = told(counting, (1.2, deltas(700)), (1.3, deltas(705)))
    assert (total(counting, 1.3), counting.ask) == (0, True)
    counting = told(counting, (2, recount("705:706:705", [(NOW, "user", 1)])))
    assert (total(counting, 2), counting.snapshot, counting.newest) == (2, "706:706:", NOW)


# Signals.


def test_a_signal():
    """A signal moves the count and its snapshot by just that transaction; one that was seen already moves nothing."""
    counting = told(synced(rows=[(NOW - 5, "user", 2)]), (3, deltas(702, 2, sender="bot")))
    assert counting.window.per_sender(at(3).mono) == {"user": 2, "bot": 2}
    assert (counting.snapshot, counting.newest, counting.ask) == ("700:703:700,701", NOW, False)
    assert told(counting, (4, deltas(690))).window is counting.window
    counting = told(counting, (5, deltas(701, -2, second=NOW - 5)))
    assert (total(counting, 5), counting.newest) == (2, NOW)
    assert told(synced(), (3, deltas(700, -1))).newest is None


@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([Deltas(0, 0, None)], id="count anew"),
        pytest.param([deltas(700, counter=2)], id="the first is missing"),
        pytest.param([deltas(700), deltas(700, counter=3)], id="one in between is missing"),
        pytest.param([deltas(700), deltas(700)], id="twice the same"),
        pytest.param([deltas(700), deltas(701, counter=2)], id="the first of the next is missing"),
        pytest.param([deltas(700, sender="stranger")], id="of a sender that nobody knows"),
        pytest.param([deltas(701 + XIDS)], id="of a transaction far ahead"),
        pytest.param([Deltas(700, 1, tuple((NOW + n, "user", 1) for n in range(CAP + 1)))], id="of too many seconds"),
    ],
)
def test_count_anew(signals):
    """What cannot be trusted, or not be held, ends the ledger; the next one begins with a question asked after it."""
    counting = told(synced(), *((3, one) for one in signals))
    assert (counting.in_sync, counting.ask, counting.ledger) == (False, True, None)
    # This answer may come from before the signal; the one after does not.
    counting = told(counting, (4, recount("800:800:", [(NOW, "user", 7)])))
    assert (counting.in_sync, counting.ask, total(counting, 4)) == (False, True, 7)
    counting = told(counting, (5, recount("801:801:", [(NOW, "user", 7)])))
    assert (counting.in_sync, counting.ask, total(counting, 5)) == (True, False, 7)
    assert counting.drift is None


def test_several_statements():
    """The signals of one transaction come one after another, in their order."""
    counting = told(synced(), (3, deltas(700)), (3, deltas(700, counter=2)), (3, deltas(701)), (3, deltas(702)))
    assert (total(counting, 3), counting.in_sync) == (4, True)


def test_a_new_sender():
    """A sender that the database itself knows is no stranger."""
    counting = told(synced(rows=[(NOW, "robot", 1)]), (3, deltas(700, sender="robot")))
    assert (total(counting, 3), counting.in_sync) == (2, True)


def test_a_stranger_who_waits():
    """A signal of a stranger is not taken over from before the base either."""
    counting = told(begun(), (0, listening(0)), (1, recount()), (1.5, deltas(700, sender="stranger")), (2, recount()))
    assert (counting.in_sync, counting.ask, total(counting, 2)) == (False, True, 0)
    assert told(counting, (3, recount("701:701:"))).in_sync


@pytest.mark.parametrize(
    "flood", [[deltas(700 + n) for n in range(EVENTS + 1)], [Deltas(700, 1, ((NOW, "user", 1),) * (ROWS + 1))]]
)
def test_a_flood_before_the_base(flood):
    """More signals than can be kept until there is a base are let go, and the base must be asked for after them."""
    counting = told(begun(), (0, listening(0)), (1, recount()), *((1.5, one) for one in flood))
    assert (counting.waiting, counting.ask) == ((), True)
    counting = told(counting, (2, recount("9000:9000:")))
    assert not counting.in_sync
    assert told(counting, (3, recount("9000:9000:"))).in_sync


def test_a_heavy_ledger():
    """A ledger that grows heavy asks for a new base in time, and takes it at once, without ever being out of sync."""
    counting = told(synced(), (3, deltas(700)), (4, deltas(700 + int(HEAVY * XIDS))))
    assert (counting.in_sync, counting.ask, total(counting, 4)) == (True, True, 2)
    counting = told(counting, (5, recount(f"{701 + XIDS}:{701 + XIDS}:", [(NOW, "user", 2)])))
    assert (counting.in_sync, counting.ask, total(counting, 5)) == (True, False, 2)
    assert counting.ledger.load == 0


# Recounts that cannot be a base.


@pytest.mark.parametrize("odd", [recount("nonsense", [(NOW, "user", 1)]), recount(rows=[(NOW, "user", 1)], more=2)])
def test_no_base(odd):
    """An answer without a snapshot, or cut off, counts by itself: signals then ask for the next one."""
    counting = told(synced(), (3, odd))
    assert (counting.in_sync, counting.ask, counting.snapshot) == (False, False, odd.snapshot)
    assert total(counting, 3) == odd.total
    counting = told(counting, (4, deltas(700)))
    assert counting.ask
    counting = told(counting, (5, recount("701:701:")), (6, recount("701:701:")))
    assert counting.in_sync


# The proof.


def test_the_proof():
    """A recount waits for a test signal that was sent after it; then it is the base, and what it has seen no drift."""
    counting = told(synced(), (3, deltas(700)), (4, recount("701:703:701", [(NOW, "user", 2)], now=NOON + 4)))
    assert (total(counting, 4), counting.snapshot) == (1, "701:701:")
    # Sent before the answer came, or another recount before the proof: nothing.
    counting = told(counting, (4.1, listening(3.9)), (4.2, recount("999:999:", now=NOON + 4.2)), (4.3, deltas(702)))
    assert (total(counting, 4.3), counting.snapshot, counting.drift) == (2, "701:703:701", None)
    counting = told(counting, (5, deltas(704)), (6, listening(5)))
    assert (counting.drift, counting.in_sync, counting.ask, total(counting, 6)) == (None, True, False, 3)
    assert counting.snapshot == "701:705:701,703"
    assert counting.candidate is None
    assert told(counting, (7, listening(7))) == counting


def test_drift():
    """Rows that no signal told are found at the proof, told once, and counted from then on."""
    counting = told(synced(), (4, recount("701:701:", [(NOW, "user", 77)], now=NOON + 4)), (6, listening(5)))
    assert (counting.drift, total(counting, 6), counting.in_sync) == (Drift(77, NOON + 6), 77, True)
    assert told(counting, (7, Tick(at(7)))).drift is None


def test_a_proof_that_leaves_no_ledger():
    """Where the signals since do not go with the new base, it counts anew."""
    robot = [(NOW, "robot", 1)]
    counting = told(synced(rows=robot), (3, recount("700:700:", now=NOON + 3)), (4, deltas(700, sender="robot")))
    counting = told(counting, (6, listening(5)))
    assert (counting.drift, counting.in_sync, counting.ask) == (Drift(1, NOON + 6), False, True)


@pytest.mark.life
def test_bounds():
    """However long it goes on, it holds no more than its bounds."""
    counting = synced()
    for number in range(3 * EVENTS):
        counting = told(counting, (3, deltas(700 + number)))
        if counting.ask and number % 7 == 0:
            text = f"{701 + number}:{701 + number}:"
            counting = told(counting, (3, recount(text, [(NOW, "user", number + 1)])))
        assert counting.ledger is not None
    assert replace(counting, ledger=None).waiting == ()
    assert total(counting, 3) == 3 * EVENTS


# The recount that the listener waited for


def heard_since(sent, since):
    return Listening(HEARD, 3.0, at(sent).mono, at(since).mono)


@pytest.mark.parametrize(("since", "synced"), [(0.5, True), (1.5, False)])
def test_caught_up(since, synced):
    """The last recount before the first test signal was asked when all was listened to: no other one is needed."""
    counting = told(begun(deltas=False), (1, recount()), (2, heard_since(1.8, since)))
    assert (counting.in_sync, counting.ask) == (synced, not synced)


def test_caught_up_with_own_triggers():
    """It is the base at once, with what was heard and not seen by it on top; what cannot be trusted needs a new one."""
    early = (0.8, deltas(705, 3))
    counting = told(begun(), early, (1, recount("700:703:")), (2, heard_since(1.8, 0.5)))
    assert (counting.in_sync, counting.ask, total(counting, 2)) == (True, False, 3)
    counting = told(begun(), early, (1, recount("700:710:")), (2, heard_since(1.8, 0.5)))
    assert (counting.in_sync, total(counting, 2)) == (True, 0)
    for steps in (
        [(1, recount("no snapshot"))],
        [(0.9, deltas(706, counter=7)), (1, recount("700:703:"))],
        [(0.7, deltas(706, sender="nobody")), (1, recount("700:703:"))],
    ):
        counting = told(begun(), *steps, (2, heard_since(1.8, 0.5)))
        assert (counting.in_sync, counting.ask) == (False, True)


def test_together():
    """Signals that came at once are taken one by one, in their order; one wish for a recount among them is kept."""
    counting = told(synced(), (3, Changes((deltas(701), deltas(701, counter=2), deltas(702, 5)))))
    assert (counting.in_sync, counting.ask, total(counting, 3)) == (True, False, 7)
    counting = told(counting, (4, Changes((deltas(703, counter=9), deltas(704)))))
    assert (counting.in_sync, counting.ask) == (False, True)
    counting = told(begun(deltas=False), (3, Changes((deltas(701),))))
    assert counting == begun(deltas=False)

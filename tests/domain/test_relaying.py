"""Which signals the broker relays: matched both ways, missed only when proven, and thrown away when we were asleep."""

from __future__ import annotations

import math

import pytest

from monitor.domain.damping import Damper
from monitor.domain.relaying import CAP, FORGOTTEN_S, OVERSLEPT_S, Hops, Relaying
from monitor.domain.verdict import instant
from tests.domain.build import NOON, at

HEARD, CAME, UNJUDGED, LOOK = "heard", "came", "unjudged", "look"


def hop(*steps, until=None, misses=2, listening=True):
    """Take steps (second, what, id) in turn; time passes before each, and at the end until that second."""
    found = Relaying(3, misses, 60, Damper(1000, 700))
    for seconds, what, *identity in steps:
        found = found.at(at(seconds))
        if what == CAME:
            found = found.came(identity, at(seconds), listening=listening)
        elif what != LOOK:
            found = found.heard(identity, at(seconds), judged=what == HEARD)
    return found if until is None else found.at(at(until))


def counts(found):
    """Give (seen, relayed, missed, unheard) of five minutes."""
    detail = found.detail("message")
    return detail["seen"], detail["relayed"], detail["missed"], detail.get("unheard", 0)


def run(found):
    return found.run, found.proven


# Matching


def test_relayed():
    """A signal that comes from the broker in time is relayed, with its delay and the instant of its coming."""
    found = hop((1, HEARD, 7), (1.4, CAME, 7), until=9)
    assert counts(found) == (1, 1, 0, 0)
    assert run(found) == (0, False)
    assert found.last == at(1.4)
    told = {"event": "message", "seen": 1, "relayed": 1, "missed": 0, "last_relayed": instant(NOON + 1.4)}
    assert found.detail("message") == told | {"delay_ms": pytest.approx(400)}


def test_before_us():
    """The broker may be quicker than our own listener: then the delay is none."""
    found = hop((1, CAME, 7), (2, HEARD, 7), until=9)
    assert counts(found) == (1, 1, 0, 0)
    assert found.detail("message")["delay_ms"] == 0


def test_nothing():
    """Before anything has passed, nothing is told of it."""
    assert hop(until=5).detail("message") == {"event": "message", "seen": 0, "relayed": 0, "missed": 0}
    assert hop(until=5).next_change() == math.inf


def test_each_by_itself():
    """Signals are told apart by all of their identity; a number is the same as its text."""
    found = hop((1, HEARD, "a", 1), (1, HEARD, "a", 2), (2, CAME, "a", "2"), until=4)
    assert counts(found) == (2, 1, 1, 0)


def test_alike():
    """Two signals that look alike are two: each needs its own relay."""
    twice = [(1, HEARD, 7), (2, HEARD, 7)]
    assert counts(hop(*twice, (2.5, CAME, 7), until=5)) == (2, 1, 1, 0)
    assert counts(hop(*twice, (2.5, CAME, 7), (2.6, CAME, 7), until=5)) == (2, 2, 0, 0)


def test_unheard():
    """What only the broker knows is counted beside the rest and proves nothing; what came while we were deaf is not."""
    found = hop((1, CAME, 7), until=4)
    assert counts(found) == (0, 0, 0, 1)
    assert found.last is None
    assert counts(hop((1, CAME, 7), until=3.9)) == (0, 0, 0, 0)
    assert counts(hop((1, CAME, 7), until=4, listening=False)) == (0, 0, 0, 0)


def test_not_judged():
    """A signal that is not judged is not missed; that it was relayed proves the way all the same."""
    assert counts(hop((1, UNJUDGED, 7), until=9)) == (0, 0, 0, 0)
    found = hop((1, UNJUDGED, 7), (2, CAME, 7), until=9)
    assert counts(found) == (0, 0, 0, 0)
    assert found.last == at(2)


# Missing


@pytest.mark.parametrize(
    ("steps", "until", "expected"),
    [
        ([(1, HEARD, 1)], 3.9, (0, False)),
        ([(1, HEARD, 1)], 4, (1, False)),
        ([(1, HEARD, 1), (4, LOOK)], 63.9, (1, False)),
        ([(1, HEARD, 1), (4, LOOK)], 64, (1, True)),
        ([(1, HEARD, 1), (2, HEARD, 2), (4, LOOK)], 5, (2, True)),
        # What is lost before one that is relayed is no news any more.
        ([(1, HEARD, 1), (2, HEARD, 2), (3, CAME, 2), (4, LOOK)], 5, (0, False)),
        ([(1, HEARD, 1), (1.5, HEARD, 2), (2, HEARD, 3), (2, CAME, 3), (4, LOOK)], 5, (0, False)),
        ([(1, HEARD, 1), (1.5, HEARD, 2), (2, CAME, 3), (2, HEARD, 3), (4, LOOK)], 5, (0, False)),
        ([(1, HEARD, 1), (1.5, HEARD, 2), (1.8, HEARD, 3), (2, CAME, 3), (2, CAME, 1), (4, LOOK)], 5, (0, False)),
        ([(1, HEARD, 1), (2, HEARD, 2), (2, CAME, 1), (2.5, HEARD, 3), (5, LOOK)], 5.5, (2, True)),
        ([(1, HEARD, 1), (4.5, HEARD, 2), (5, CAME, 2)], 9, (0, False)),
        # At the second at which it would be alone for long enough, another one is under way.
        ([(1, HEARD, 1), (4, LOOK), (63, HEARD, 2)], 64, (1, False)),
        ([(1, HEARD, 1), (4, LOOK), (63, HEARD, 2)], 66, (2, True)),
        ([(1, HEARD, 1), (4, LOOK), (63, HEARD, 2), (65, CAME, 2)], 130, (0, False)),
    ],
)
def test_run(steps, until, expected):
    """Two misses in a row prove it, or one that stays alone for a minute; one relay in between ends the run."""
    assert run(hop(*steps, until=until)) == expected


def test_misses_as_configured():
    """How many misses prove it is the profile's."""
    steps = [(second, HEARD, second) for second in (1, 2, 3)]
    assert run(hop(*steps, (4, LOOK), (5, LOOK), misses=3)) == (2, False)
    assert run(hop(*steps, (4, LOOK), (5, LOOK), (6, LOOK), misses=3)) == (3, True)
    assert run(hop((1, HEARD, 1), until=4, misses=1)) == (1, True)


def test_since():
    """A run began with its first signal; the next run with its own."""
    deaf = [(1, HEARD, 1), (2, HEARD, 2), (4, LOOK), (5, LOOK), (8, HEARD, 3), (11, LOOK)]
    found = hop(*deaf)
    assert run(found) == (3, True)
    assert found.run_since == NOON + 1
    again = hop(*deaf, (20, HEARD, 4), (20.1, CAME, 4), (30, HEARD, 5), until=33)
    assert run(again) == (1, False)
    assert again.run_since == NOON + 30


def test_until_relayed():
    """What is proven stays proven through silence and through a lost connection, until one is relayed."""
    deaf = hop((1, HEARD, 1), (2, HEARD, 2), (4, LOOK), until=5)
    assert run(deaf.at(at(5000))) == (2, True)
    assert run(deaf.forget()) == (2, True)
    mended = deaf.heard([3], at(6), judged=True).came([3], at(6.1), listening=True)
    assert run(mended) == (0, False)


def test_forget():
    """What is under way when a way is cut is let go of, and a run that proved nothing begins anew."""
    found = hop((1, HEARD, 1), (4, LOOK), (5, HEARD, 2), (5, CAME, 3)).forget()
    assert run(found) == (0, False)
    assert counts(found.at(at(9))) == (1, 0, 1, 0)
    # Not even as a late one does it come back.
    assert found.came([1], at(6), listening=True).last is None


def test_late():
    """A signal that comes after its time is not counted twice, and proves a slow broker, not a mute one."""
    found = hop((1, HEARD, 1), (2, HEARD, 2), (4, LOOK), (5, LOOK), (6, CAME, 1))
    assert counts(found) == (2, 0, 2, 0)
    assert run(found) == (0, False)
    assert found.detail("message")["delay_ms"] == 5000


def test_late_is_forgotten():
    """After a minute nobody remembers it any more: then it is one that only the broker knows."""
    steps = [(1, HEARD, 1), (4, LOOK), (1 + FORGOTTEN_S, CAME, 1)]
    found = hop(*steps, until=1 + FORGOTTEN_S + 3)
    assert found.last is None
    assert counts(found)[3] == 1


def test_overslept():
    """Who was asleep at the deadline does not judge: the relay may lie there unread."""
    awake = hop((1, HEARD, 1), until=4 + OVERSLEPT_S)
    assert counts(awake)[2] == 1
    asleep = hop((1, HEARD, 1), (1.5, HEARD, 2), until=4 + OVERSLEPT_S + 0.1)
    assert counts(asleep) == (1, 0, 1, 0)
    assert run(hop((1, HEARD, 1), (2, HEARD, 2), until=130)) == (0, False)


def test_read_late():
    """A relay that we only read late proves the way, says nothing of its delay, and is none that we never heard."""
    found = hop((1, HEARD, 1), (1, HEARD, 2), (6, CAME, 1), (6, CAME, 2), until=10)
    assert counts(found) == (0, 0, 0, 0)
    assert found.last == at(6)
    assert "delay_ms" not in found.detail("message")


# Bounds and deadlines


def test_cap():
    """Of more signals than can be under way the rest is not judged, nor taken for the broker's own when they come."""
    many = [(1, HEARD, number) for number in range(CAP + 10)]
    assert counts(hop(*many, until=4)) == (CAP, 0, CAP, 0)
    found = hop(*many, *((1.5, CAME, number) for number in range(CAP + 10)), until=9)
    assert counts(found) == (CAP, CAP, 0, 0)
    assert len(hop(*((1, CAME, number) for number in range(CAP + 10))).early) == CAP
    deaf = hop(*many, (4, LOOK), *((5, HEARD, number) for number in range(CAP)), until=8)
    assert len(deaf.late) == CAP


@pytest.mark.parametrize(
    ("steps", "second"),
    [
        ([(1, HEARD, 1), (2, HEARD, 2)], 4),
        ([(1, CAME, 1), (2, HEARD, 2)], 4),
        ([(1, HEARD, 1), (2, HEARD, 2), (2.5, CAME, 1)], 5),
        ([(1, HEARD, 1), (4, LOOK)], 64),
        ([(1, HEARD, 1), (4, LOOK), (10, HEARD, 2)], 13),
    ],
)
def test_next_change(steps, second):
    """The next thing to happen by itself is the oldest deadline, or a miss that has stayed alone for long enough."""
    assert hop(*steps).next_change() == at(second).mono


def test_counts_leave():
    """The counts are those of five minutes; they leave at the second that was told."""
    found = hop((1, HEARD, 1), (1.1, CAME, 1))
    later = found.at(at(found.next_change() - at(0).mono))
    assert counts(later) == (0, 0, 0, 0)
    assert later.next_change() == math.inf
    missed = hop((1, HEARD, 1), until=4).came([9], at(4), listening=True).at(at(7))
    assert counts(missed) == (1, 0, 1, 1)
    assert counts(missed.at(at(308))) == (0, 0, 0, 0)


# Slowness


def delays(*ms):
    found = hop()
    for number, one in enumerate(ms):
        found = found.heard([number], at(10 * number), judged=True).came(
            [number], at(10 * number + one / 1000), listening=True
        )
    return found


@pytest.mark.parametrize(
    ("ms", "shown"),
    [((100,), 100), ((100, 102), 100), ((100, 300), 200), ((10, 20, 30, 40, 50), 30), ((900, 1, 1, 1, 1, 1), 1)],
)
def test_delay(ms, shown):
    """The delay that is shown is the median of the last five, and moves only when a reader would notice."""
    assert delays(*ms).detail("message")["delay_ms"] == pytest.approx(shown, abs=0.06)


def hops(**of):
    return Hops(of)


def codes(found, listens=None):
    return [reason.code for reason in found.reasons(listens)]


def test_slow():
    """Three slow relays of five make the hop slow, until two in a row are well below the limit; the worst is named."""
    assert codes(hops(messages=delays(1500, 1500))) == []
    slow = delays(1500, 1500, 1500)
    assert codes(hops(messages=slow)) == ["realtime.slow"]
    (reason,) = hops(messages=slow, notifications=delays(2500, 2500, 2500)).reasons(None)
    assert reason.params == {"hop": "relay", "delay_ms": 2500, "limit_ms": 1000}
    assert codes(hops(messages=delays(1500, 1500, 1500, 600))) == ["realtime.slow"]
    assert codes(hops(messages=delays(1500, 1500, 1500, 600, 600))) == []


# All channels together


def deaf(first=1):
    return hop((first, HEARD, 1), (first + 1, HEARD, 2), (first + 3, LOOK), until=first + 4)


def test_mute():
    """The channel of which nothing has been relayed for the longest time is named, with its run."""
    found = hops(messages=deaf(2), conversations=deaf(1), notifications=delays(5))
    (reason,) = found.reasons(None)
    since = instant(NOON + 1)
    assert reason.code == "realtime.broker_not_relaying"
    assert reason.params == {"missed": 2, "seen": 2, "channel": "conversations", "since": since}
    assert found.mute()[0] == "conversations"
    assert found.run() == 2


@pytest.mark.parametrize("listens", [True, False])
def test_listens(listens):
    """Whether the broker hears the database is said only when it tells."""
    (reason,) = hops(messages=deaf()).reasons(listens)
    assert reason.params["broker_listens"] is listens


def test_together():
    """The last relay and the next change are those of all channels; without a channel there is nothing."""
    found = hops(messages=delays(5), conversations=delays(5, 5), notifications=hop((1, HEARD, 1)))
    assert found.last() == at(10.005)
    assert found.next_change() == at(4).mono
    assert found.at(at(4)).run() == 1
    assert found.forget().next_change() > at(4).mono
    assert hops(messages=hop()).last() is None
    none = Hops({})
    assert (none.run(), none.mute(), none.last(), none.next_change(), none.reasons(None)) == (
        0,
        None,
        None,
        math.inf,
        (),
    )

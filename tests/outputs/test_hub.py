"""The hub: a place in line and the document in one breath, and nobody is waited for."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest

from monitor.domain import patch
from monitor.domain.change import Change
from monitor.domain.transitions import Transition
from monitor.domain.verdict import Verdict
from monitor.outputs import hub as module
from monitor.outputs.crowd import FRESH, FULL_BYTES
from monitor.outputs.hub import LAG_S, SNAPSHOTS, TEND_S, Hub
from monitor.outputs.pace import FEW
from monitor.outputs.ring import Ring
from tests.fakes import LoopClock, leaping
from tests.outputs.memory import Reader, Time

TURNED = Transition(0.0, "db", Verdict.OK, Verdict.FAIL, None)


def document(seq: int, **more: Any) -> dict[str, Any]:
    return {"position": {"epoch": 1, "seq": seq}, "checks": {"db": {"n": seq}}, "rest": "x" * 1000, **more}


def change(seq: int, fat: int = 0, turned: tuple[Transition, ...] = ()) -> Change:
    text = "x" * fat
    return Change(1, seq, 0.0, {"checks": {"db": {"n": seq}}, "fat": text}, document(seq, fat=text), turned)


def new_hub(time: Time, **options: Any) -> Hub:
    options = {"coalesce_s": 0, **options}
    return Hub(document(0), lambda: {"db": "now"}, time, later=time.later, **options)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def hub(time: Time) -> Hub:
    return new_hub(time)


# Joining.


def test_join(hub):
    """The first messages are hello and the document, at one and the same position, in one write."""
    hub.publish(change(1))
    reader = Reader().join(hub)
    assert len(reader.pipe.written) == 1
    hello, snapshot = reader.read()
    assert (hello["type"], hello["epoch"], hello["seq"], hello["resumed"]) == ("hello", 1, 1, False)
    assert (snapshot["reason"], snapshot["epoch"], snapshot["seq"]) == ("initial", 1, 1)
    assert snapshot["data"]["position"] == {"epoch": 1, "seq": 1}
    assert snapshot["data"]["checks"]["db"] == {"n": 1, "observed_at": "now"}


def test_follow(hub):
    """Then comes every change, and nothing twice."""
    reader = Reader().join(hub)
    hub.publish(change(1))
    hub.publish(change(2))
    assert reader.told() == [("hello", 0), ("initial", 0), ("diff", 1), ("diff", 2)]


def test_once(hub):
    """A change is made bytes once: every subscriber is given the very same."""
    readers = [Reader().join(hub) for _ in range(3)]
    hub.publish(change(1))
    assert len({id(reader.pipe.written[-1]) for reader in readers}) == 1


def test_leave(hub):
    """Who has left is sent nothing more, and may leave twice."""
    reader = Reader().join(hub)
    assert hub.following == 1
    hub.leave(reader.one)
    hub.leave(reader.one)
    reader.read()
    hub.publish(change(1))
    assert (reader.read(), hub.following) == ([], 0)


def test_in_turn(hub, time):
    """When everybody comes at once, so many documents are sent in each round, and everybody is served in the end."""
    readers = [Reader().join(hub) for _ in range(3 * SNAPSHOTS)]
    served = [bool(reader.pipe.written) for reader in readers]
    assert served == [True] * SNAPSHOTS + [False] * 2 * SNAPSHOTS
    hub.publish(change(1))
    time.pass_by(3 * TEND_S)
    assert [reader.told()[:2] for reader in readers[:SNAPSHOTS]] == [[("hello", 0), ("initial", 0)]] * SNAPSHOTS
    assert [reader.told() for reader in readers[SNAPSHOTS:]] == [[("hello", 1), ("initial", 1)]] * 2 * SNAPSHOTS


# Going on.


def test_resume(hub):
    """Who comes back is sent what it has missed, and nothing else."""
    for seq in range(1, 6):
        hub.publish(change(seq))
    reader = Reader().join(hub, (1, 3))
    assert reader.told() == [("hello", 5), ("diff", 4), ("diff", 5)]
    assert hub.counts.resumed == 1
    again = Reader().join(hub, (1, 5))
    [hello] = again.read()
    assert hello["resumed"] is True
    hub.publish(change(6))
    assert again.told() == reader.told() == [("diff", 6)]


@pytest.mark.parametrize(("position", "reason"), [((1, 9), "initial"), ((1, 1), "initial"), ((0, 5), "epoch")])
def test_no_resume(time, position, reason):
    """Who was never there, has missed too much, or knows another start of the daemon gets the whole document."""
    hub = new_hub(time, ring=Ring(most=3))
    for seq in range(1, 6):
        hub.publish(change(seq))
    assert Reader().join(hub, position).told() == [("hello", 5), (reason, 5)]


@pytest.mark.parametrize(("seq", "resumed"), [(1, False), (2, True), (5, True), (6, False)])
def test_edge_of_the_ring(time, seq, resumed):
    """With the last three changes kept, the one before them is the oldest place from which one can go on."""
    hub = new_hub(time, ring=Ring(most=3))
    for number in range(1, 6):
        hub.publish(change(number))
    [hello, *_] = Reader().join(hub, (1, seq)).read()
    assert hello["resumed"] is resumed


def test_subscribe(hub):
    """Who asks anew is greeted anew, and gets the document or what it says it lacks."""
    reader = Reader().join(hub)
    hub.publish(change(1))
    hub.publish(change(2))
    reader.read()
    hub.subscribe(reader.one)
    assert reader.told() == [("hello", 2), ("gap", 2)]
    hub.subscribe(reader.one, (1, 1))
    assert reader.told() == [("hello", 2), ("diff", 2)]
    hub.publish(change(3))
    assert reader.told() == [("diff", 3)]


def test_smaller(hub):
    """Where the whole document is smaller than what was missed, it is sent instead."""
    for seq in range(1, 10):
        hub.publish(change(seq, fat=400))
    assert Reader().join(hub, (1, 1)).told() == [("hello", 9), ("initial", 9)]
    assert Reader().join(hub, (1, 8)).told() == [("hello", 9), ("diff", 9)]


# Those who do not read.


def test_behind(hub, time):
    """One who does not read is written no more, and goes on where it stood when it reads; others notice nothing."""
    sleeper, reader = Reader().join(hub), Reader().join(hub)
    sleeper.pipe.reading = False
    seen = reader.told()
    for seq in range(1, 31):
        hub.publish(change(seq, fat=1000))
        seen += reader.told()
    assert seen == [("hello", 0), ("initial", 0)] + [("diff", seq) for seq in range(1, 31)]
    held = sleeper.pipe.get_write_buffer_size()
    assert FULL_BYTES < held < FULL_BYTES + 1200
    time.pass_by(1)
    assert sleeper.pipe.get_write_buffer_size() == held
    first = sleeper.told()
    stood = first[-1][1]
    assert first == [("hello", 0), ("initial", 0)] + [("diff", seq) for seq in range(1, stood + 1)]
    sleeper.pipe.reading = True
    time.pass_by(TEND_S)
    assert sleeper.told() == [("slow", 30)]
    hub.publish(change(31))
    assert sleeper.told() == [("diff", 31)]
    assert hub.counts.snapshots == {"initial": 2, "slow": 1}


def test_behind_a_little(hub, time):
    """One who has missed less than a document is sent just that, without a greeting."""
    sleeper = Reader().join(hub)
    sleeper.pipe.reading = False
    hub.publish(change(1, fat=FULL_BYTES))
    hub.publish(change(2, fat=300))
    hub.publish(change(3, fat=300))
    assert sleeper.told() == [("hello", 0), ("initial", 0), ("diff", 1)]
    sleeper.pipe.reading = True
    time.pass_by(TEND_S)
    assert sleeper.told() == [("diff", 2), ("diff", 3)]
    assert hub.counts.resumed == 0


def test_dropped(hub, time):
    """One who takes nothing for too long is dropped; one who took something meanwhile is not."""
    dead, slow = Reader().join(hub), Reader().join(hub)
    dead.pipe.reading = slow.pipe.reading = False
    for seq in range(1, 4):
        hub.publish(change(seq, fat=FULL_BYTES))
    time.pass_by(LAG_S - 1)
    slow.pipe.reading = True
    time.pass_by(2)
    assert (dead.pipe.ended, slow.pipe.ended) == (True, False)
    assert (hub.following, hub.refused()) == (1, {"slow_reader": 1})
    assert dead.closed == (1006, "gone"), "its route must hear of it, or would hold its seat for ever"
    assert slow.closed is None


def test_asking_without_reading(hub, time):
    """One who asks for documents and does not read them is not written them."""
    greedy = Reader().join(hub)
    greedy.pipe.reading = False
    hub.publish(change(1, fat=FULL_BYTES))
    held = greedy.pipe.get_write_buffer_size()
    for _ in range(20):
        hub.subscribe(greedy.one)
        hub.answer(greedy.one, b"{}")
    assert greedy.pipe.get_write_buffer_size() == held
    greedy.read()
    greedy.pipe.reading = True
    time.pass_by(TEND_S)
    assert greedy.told() == [("hello", 1), ("gap", 1)]


def test_gone_while_waiting(hub, time):
    """One whose connection ends while it waits is forgotten; nothing is written to it."""
    one = Reader().join(hub)
    one.pipe.reading = False
    hub.publish(change(1, fat=FULL_BYTES))
    hub.publish(change(2))
    one.pipe.ended = True
    time.pass_by(TEND_S)
    assert (hub.following, one.closed) == (0, (1006, "gone"))


def test_gone(hub):
    """One who only reads is not heard leaving: at the next bookmark it is found to be gone, and its route is told."""
    one = Reader("event").join(hub)
    one.pipe.ended = True
    hub.bookmark()
    assert (hub.following, one.closed) == (0, (1006, "gone"))


# When changes go out.


@pytest.fixture
def paced(time):
    return new_hub(time, coalesce_s=0.025)


def exhaust(hub: Hub, time: Time, seq: int = 0) -> int:
    """Send so many changes one by one that the next must wait; give the position."""
    for number in range(FEW):
        hub.publish(change(seq + number + 1))
        time.pass_by(0)
    return seq + FEW


def test_together(paced, time):
    """What one signal brings about goes out as one change, at once; a few changes wait for nothing, then some do."""
    reader = Reader().join(paced)
    reader.read()
    paced.publish(change(1))
    paced.publish(change(2))
    assert reader.read() == []
    time.pass_by(0)
    [first] = reader.read()
    assert (first["prev"], first["seq"], first["patch"]) == (0, 2, {"checks": {"db": {"n": 2}}, "fat": ""})
    for seq in range(3, 2 + FEW):
        paced.publish(change(seq))
        time.pass_by(0)
        assert reader.told() == [("diff", seq)]
    last = 1 + FEW
    paced.publish(change(last + 1))
    time.pass_by(0.010)
    paced.publish(change(last + 2))
    time.pass_by(0.010)
    assert reader.read() == []
    time.pass_by(0.006)
    [second] = reader.read()
    assert (second["prev"], second["seq"], second["patch"]) == (last, last + 2, {"checks": {"db": {"n": last + 2}}})
    time.pass_by(1)
    paced.publish(change(last + 3))
    time.pass_by(0)
    [third] = reader.read()
    assert "prev" not in third
    assert third["seq"] == last + 3


def test_urgent(paced, time):
    """A change of a verdict waits for nothing, and takes along what waited, in order."""
    reader = Reader().join(paced)
    last = exhaust(paced, time)
    paced.publish(change(last + 1))
    paced.publish(change(last + 2, turned=(TURNED,)))
    time.pass_by(0)
    assert reader.told()[-2:] == [("diff", last), ("diff", last + 2)]
    time.pass_by(1)
    assert reader.read() == []


def test_wider(paced, time):
    """In a burst the pauses grow to a tenth of a second, and afterwards they are short again."""
    reader = Reader().join(paced)
    reader.read()
    came = []
    for number in range(1, 1001):
        paced.publish(change(number))
        time.pass_by(0.001)
        came += [time.mono] * len(reader.read())
    gaps = [round(after - before, 2) for before, after in pairwise(came)]
    assert max(gaps) == gaps[-1] == 0.1
    assert len(came) < 20
    time.pass_by(1)
    paced.publish(change(1001))
    time.pass_by(0)
    reader.read()
    exhaust(paced, time, 1001)
    reader.read()
    paced.publish(change(1002 + FEW))
    time.pass_by(0.026)
    assert len(reader.read()) == 1


def test_steady(paced, time):
    """Up to one change in each window, none waits."""
    reader = Reader().join(paced)
    reader.read()
    for number in range(1, 200):
        paced.publish(change(number))
        time.pass_by(0)
        assert len(reader.read()) == 1
        time.pass_by(0.026)


def test_undone(paced, time):
    """A change that was undone before it was told is no change, but its number is told."""
    reader = Reader().join(paced)
    reader.read()
    paced.publish(Change(1, 1, 0.0, {"a": 1}, document(0) | {"position": {"epoch": 1, "seq": 1}, "a": 1}))
    paced.publish(Change(1, 2, 0.0, {"a": None}, document(0) | {"position": {"epoch": 1, "seq": 2}}))
    time.pass_by(0)
    [diff] = reader.read()
    assert (diff["prev"], diff["seq"], diff["patch"]) == (0, 2, {})


def test_replaced(paced, time):
    """An entry that goes and comes back otherwise within one change leaves nothing of its old self behind."""
    before = {"position": {"epoch": 1, "seq": 0}, "checks": {"a": {"old": 1, "same": 1}}}
    hub = Hub(before, dict, time, later=time.later)
    reader = Reader().join(hub)
    [_, snapshot] = reader.read()
    gone = {"position": {"epoch": 1, "seq": 1}, "checks": {}}
    back = {"position": {"epoch": 1, "seq": 2}, "checks": {"a": {"new": 1, "same": 1}}}
    hub.publish(Change(1, 1, 0.0, {"checks": {"a": None}}, gone))
    hub.publish(Change(1, 2, 0.0, {"checks": {"a": {"new": 1, "same": 1}}}, back))
    time.pass_by(0)
    [diff] = reader.read()
    assert patch.apply(snapshot["data"], diff["patch"])["checks"] == back["checks"]


def test_in_one_breath(paced, time):
    """Who joins while changes wait gets the document as it was told, and then the same change as everybody."""
    first = Reader().join(paced)
    last = exhaust(paced, time)
    paced.publish(change(last + 1))
    second = Reader().join(paced)
    assert paced.document["position"] == {"epoch": 1, "seq": last}
    time.pass_by(1)
    assert second.told() == [("hello", last), ("initial", last), ("diff", last + 1)]
    assert first.told()[-1] == ("diff", last + 1)


# Compression.


def test_shared(hub):
    """One compressed stream serves all who understand it, whenever they came; others get the plain text."""
    readers = [Reader(deflates=number % 2 == 0) for number in range(6)]
    told: list[list[Any]] = [[] for _ in readers]
    seq = 0
    for reader in readers:
        reader.join(hub)
        for _ in range(FRESH // 3):
            seq += 1
            hub.publish(change(seq, fat=40))
        for number, one in enumerate(readers):
            told[number] += one.told()
    for number, line in enumerate(told):
        joined = number * (FRESH // 3)
        assert line == [("hello", joined), ("initial", joined)] + [("diff", n) for n in range(joined + 1, seq + 1)]
        assert any(readers[number].packed) is (number % 2 == 0)
    hub.publish(change(seq + 1))
    assert readers[0].pipe.written[-1] is readers[2].pipe.written[-1]
    assert len(readers[0].pipe.written[-1]) < len(readers[1].pipe.written[-1]) / 2


def test_not_before_a_fresh_start(hub):
    """Who comes into a compressed stream gets what looks back at nothing until the compressor begins anew."""
    first = Reader(deflates=True).join(hub)
    hub.publish(change(1))
    second = Reader(deflates=True).join(hub)
    for seq in range(2, FRESH + 3):
        hub.publish(change(seq))
    assert [seq for _, seq in second.told()] == [1, 1, *range(2, FRESH + 3)]
    assert first.told()[-1] == ("diff", FRESH + 2)
    # Hello and the document look back at nothing, then plain ones, then the shared stream.
    assert second.packed == [True, True] + [False] * (FRESH - 1) + [True] * 2


# The rest.


def test_bookmark(hub, time):
    """A bookmark says the position, and how old the evidence is; it goes out after what waits."""
    reader = Reader("event").join(hub)
    hub.publish(change(1))
    hub.bookmark()
    bookmark = reader.read()[-1]
    assert bookmark == {
        "type": "bookmark",
        "seq": 1,
        "ts": "2026-05-28T20:26:40.000Z",
        "as_of": "2026-05-28T20:26:40.000Z",
        "evidence": {"db": "now"},
    }
    assert reader.ids == [None, "1:0", "1:1", "1:1"]


def test_bookmark_last(paced, time):
    """No bookmark speaks of a change that was not told yet."""
    reader = Reader().join(paced)
    last = exhaust(paced, time)
    paced.publish(change(last + 1))
    paced.bookmark()
    assert reader.told()[-2:] == [("diff", last + 1), ("bookmark", last + 1)]


def test_run():
    """Every three seconds each subscriber hears a bookmark."""
    import asyncio

    async def scene() -> None:
        hub = Hub(document(0), dict, LoopClock())
        reader = Reader().join(hub)
        task = asyncio.get_running_loop().create_task(hub.run(), name="bookmarks")
        await asyncio.sleep(module.wire.HEARTBEAT_S * 3 + 0.5)
        assert [kind for kind, _ in reader.told()] == ["hello", "initial", "bookmark", "bookmark", "bookmark"]
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    leaping(scene())


def test_close_all(hub):
    """At the end everybody is told so, those who wait too."""
    readers = [Reader().join(hub) for _ in range(SNAPSHOTS + 1)]
    hub.close_all(1012, "restarting")
    assert [reader.closed for reader in readers] == [(1012, "restarting")] * (SNAPSHOTS + 1)
    assert hub.following == 0


def test_document(hub):
    """Who asks between two changes is told how old the evidence is now."""
    assert hub.document == {
        "position": {"epoch": 1, "seq": 0},
        "as_of": "2026-05-28T20:26:40.000Z",
        "checks": {"db": {"n": 0, "observed_at": "now"}},
        "rest": "x" * 1000,
    }
    assert hub.evidence() == {"db": "now"}
    assert hub.position == (1, 0)


def test_refused(hub, time):
    """Whoever was turned away is told for five minutes, by why."""
    assert hub.refused() == {}
    hub.counts.turn_away("limit")
    assert hub.refused() == {"limit": 1}
    time.advance(301)
    assert hub.refused() == {}


def test_transitions(hub):
    """Each transition is counted, whether anybody follows or not."""
    hub.publish(Change(1, 1, 0.0, {"checks": {}}, document(1), (TURNED,)))
    hub.publish(change(2))
    assert hub.counts.transitions == {("db", "fail"): 1}


def test_only_a_wish(hub):
    """A change without a patch is no message."""
    reader = Reader().join(hub)
    reader.read()
    hub.publish(Change(1, 0, 0.0, {}, document(0)))
    assert reader.read() == []


def test_uvloop_has_ended(hub):
    """A transport that refuses to be written to has ended; the others are written all the same."""
    gone, reader = Reader(), Reader()

    def refuse(_: bytes) -> None:
        raise RuntimeError("unable to perform operation on a closed handle")

    gone.join(hub)
    reader.join(hub)
    gone.one._send = refuse
    hub.publish(change(1))
    assert gone.pipe.ended
    assert reader.told()[-1] == ("diff", 1)

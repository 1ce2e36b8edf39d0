"""The hub: a place in line and a snapshot in one breath, and nobody is waited for."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

from monitor.domain.change import Change
from monitor.domain.transitions import Transition
from monitor.domain.verdict import Verdict
from monitor.outputs import hub as module
from monitor.outputs import wire
from monitor.outputs.hub import Hub, Subscriber
from tests.fakes import FakeClock, LoopClock, leaping


def document(seq: int) -> dict[str, Any]:
    return {"position": {"epoch": 1, "seq": seq}, "checks": {"db": {"n": seq}}}


def change(seq: int, fat: int = 0) -> Change:
    return Change(1, seq, 0.0, {"checks": {"db": {"n": seq}}, "fat": "x" * fat}, document(seq))


def new_hub() -> Hub:
    return Hub(document(0), lambda: {"db": "now"}, FakeClock())


def frames(hub: Hub, subscriber: Subscriber) -> list[tuple[str, Any]]:
    """Take what the subscriber is sent now: type and position, for a snapshot its reason too."""
    messages = [json.loads(frame) for frame in hub.next_frames(subscriber)]
    for message in messages:
        if message["type"] == "snapshot":
            assert message["seq"] == message["data"]["position"]["seq"] == message["data"]["checks"]["db"]["n"]
    return [(one.get("reason", one["type"]), one.get("seq", one.get("id"))) for one in messages]


def test_join():
    """The first frames are hello and the document, at one and the same position."""
    hub = new_hub()
    hub.publish(change(1))
    assert frames(hub, hub.join()) == [("hello", 1), ("initial", 1)]


def test_one_breath():
    """What happens between joining and the first frame is in the snapshot, and is not sent again as a diff."""
    hub = new_hub()
    subscriber = hub.join()
    hub.publish(change(1))
    hub.publish(change(2))
    assert frames(hub, subscriber) == [("hello", 2), ("initial", 2)]
    assert frames(hub, subscriber) == []
    hub.publish(change(3))
    hub.publish(change(4))
    assert frames(hub, subscriber) == [("diff", 3), ("diff", 4)]


def test_once():
    """A change is encoded once: every subscriber is given the very same bytes."""
    hub = new_hub()
    subscribers = [hub.join() for _ in range(3)]
    for subscriber in subscribers:
        hub.next_frames(subscriber)
    hub.publish(change(1))
    [first], *others = [hub.next_frames(subscriber) for subscriber in subscribers]
    assert all(other[0] is first for other in others)


def test_many():
    """Too many waiting frames become one snapshot, and the line goes on from there."""
    hub = new_hub()
    subscriber = hub.join()
    hub.next_frames(subscriber)
    for seq in range(1, module.OUTBOX_FRAMES + 1):
        hub.publish(change(seq))
    assert len(subscriber._outbox) == module.OUTBOX_FRAMES
    for seq in range(module.OUTBOX_FRAMES + 1, module.OUTBOX_FRAMES + 100):
        hub.publish(change(seq))
    assert len(subscriber._outbox) == 0
    last = module.OUTBOX_FRAMES + 99
    assert frames(hub, subscriber) == [("slow", last)]
    hub.publish(change(last + 1))
    assert frames(hub, subscriber) == [("diff", last + 1)]


def test_fat():
    """Too many waiting bytes become one snapshot as well; what was sent no longer counts."""
    hub = new_hub()
    subscriber = hub.join()
    hub.next_frames(subscriber)
    for seq in range(1, 20):
        hub.publish(change(seq, fat=module.OUTBOX_BYTES // 2))
        assert frames(hub, subscriber) == [("diff", seq)]
    hub.publish(change(20, fat=module.OUTBOX_BYTES // 2))
    hub.publish(change(21, fat=module.OUTBOX_BYTES))
    assert frames(hub, subscriber) == [("slow", 21)]


def test_others():
    """One who does not read costs the others nothing: they get every diff."""
    hub = new_hub()
    reader, idle = hub.join(), hub.join()
    hub.next_frames(reader)
    hub.next_frames(idle)
    seen = []
    for seq in range(1, 1000):
        hub.publish(change(seq))
        seen += frames(hub, reader)
    assert seen == [("diff", seq) for seq in range(1, 1000)]
    assert frames(hub, idle) == [("slow", 999)]


def test_restart():
    """Who asks anew gets the document of this moment, without hello, and no diff from before it."""
    hub = new_hub()
    subscriber = hub.join()
    hub.next_frames(subscriber)
    hub.publish(change(1))
    subscriber.restart("gap")
    hub.publish(change(2))
    assert frames(hub, subscriber) == [("gap", 2)]


def test_answers():
    """An answer to the subscriber itself is never given up for a snapshot, and only so many are kept."""
    hub = new_hub()
    subscriber = hub.join()
    subscriber.answer(wire.pong(1))
    assert frames(hub, subscriber) == [("hello", 0), ("initial", 0), ("pong", 1)]
    subscriber.answer(wire.pong(2))
    subscriber.restart("gap")
    assert frames(hub, subscriber) == [("gap", 0), ("pong", 2)]
    for number in range(100):
        subscriber.answer(wire.pong(number))
    assert frames(hub, subscriber) == [("pong", number) for number in range(100 - module.ANSWERS, 100)]


def test_leave():
    """Who has left is sent nothing more, and may leave twice."""
    hub = new_hub()
    subscriber = hub.join()
    hub.next_frames(subscriber)
    hub.leave(subscriber)
    hub.leave(subscriber)
    hub.publish(change(1))
    assert frames(hub, subscriber) == []
    assert not hub.subscribers


def test_close_all():
    """At the end everybody is told so."""
    hub = new_hub()
    subscribers = [hub.join(), hub.join()]
    hub.close_all(1012, "restarting")
    assert [subscriber.closing for subscriber in subscribers] == [(1012, "restarting")] * 2


def test_waiting():
    """A subscriber sleeps until there is something to do: a frame, an answer, a restart or the end."""

    async def scene() -> None:
        hub = new_hub()
        subscriber = hub.join()
        for wake in (
            lambda: None,
            lambda: hub.publish(change(1)),
            lambda: subscriber.answer(b"{}"),
            lambda: subscriber.restart("gap"),
            lambda: subscriber.close(1012, ""),
        ):
            wake()
            async with asyncio.timeout(1):
                await subscriber.filled()
            while hub.next_frames(subscriber):
                pass
            try:
                async with asyncio.timeout(1):
                    await subscriber.filled()
                raise AssertionError("it should sleep")
            except TimeoutError:
                pass

    leaping(scene())


def test_bookmarks():
    """Every three seconds each subscriber hears the position and the age of the evidence, in line with the diffs."""

    async def scene() -> None:
        hub = Hub(document(0), lambda: {"db": "now"}, LoopClock())
        subscriber = hub.join()
        hub.next_frames(subscriber)
        task = asyncio.get_running_loop().create_task(hub.run(), name="bookmarks")
        await asyncio.sleep(3.5)
        hub.publish(change(1))
        await asyncio.sleep(3)
        messages = [json.loads(frame) for frame in hub.next_frames(subscriber)]
        assert [(one["type"], one["seq"]) for one in messages] == [("bookmark", 0), ("diff", 1), ("bookmark", 1)]
        assert messages[0] == {
            "type": "bookmark",
            "seq": 0,
            "ts": "2026-05-28T20:26:43.000Z",
            "as_of": "2026-05-28T20:26:43.000Z",
            "evidence": {"db": "now"},
        }
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    leaping(scene())


def test_document():
    """Who asks between two changes is told how old the evidence is now."""
    hub = new_hub()
    assert hub.document == {
        "position": {"epoch": 1, "seq": 0},
        "as_of": "2026-05-28T20:26:40.000Z",
        "checks": {"db": {"n": 0, "observed_at": "now"}},
    }
    assert hub.evidence() == {"db": "now"}


def test_refused():
    """Whoever was turned away is told for five minutes, by why."""
    clock = FakeClock()
    hub = Hub(document(0), dict, clock)
    assert hub.refused() == {}
    hub.counts.turn_away("limit")
    assert hub.refused() == {"limit": 1}
    clock.advance(301)
    assert hub.refused() == {}


def test_transitions():
    """Each transition is counted, whether anybody follows or not."""
    hub = new_hub()
    turned = Transition(0.0, "db", Verdict.OK, Verdict.FAIL, None)
    hub.publish(Change(1, 1, 0.0, {"checks": {}}, document(1), (turned,)))
    hub.publish(change(2))
    assert hub.counts.transitions == {("db", "fail"): 1}

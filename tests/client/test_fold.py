"""The client law: what follows from each message, whatever the line does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.client import BadMessage, Fold, Position, Step, WrongProtocol, canonical
from monitor.domain import patch
from tests.outputs import whole

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "position.json").read_text(encoding="utf-8"))
ACTIONS = {Step.CHANGED: "apply", Step.RENEWED: "apply", Step.NOTHING: "ignore", Step.ASK: "resync"}
EPOCH = 1795310043120
STAMP = "2026-11-22T01:20:11.000Z"


def document(seq: int, epoch: int = EPOCH, **more: Any) -> dict[str, Any]:
    place = {"epoch": epoch, "seq": seq}
    return {"platform": "huph", "status": "healthy", "position": place, "as_of": STAMP, "checks": {}, **more}


def hello(seq: int, *, resumed: bool, epoch: int = EPOCH, proto: str = "health.v1") -> dict[str, Any]:
    return {"type": "hello", "proto": proto, "epoch": epoch, "seq": seq, "heartbeat": 3, "resumed": resumed}


def snapshot(seq: int, epoch: int = EPOCH, reason: str = "initial", **more: Any) -> dict[str, Any]:
    return {"type": "snapshot", "epoch": epoch, "seq": seq, "reason": reason, "data": document(seq, epoch, **more)}


def diff(seq: int, prev: int | None = None, **changes: Any) -> dict[str, Any]:
    return {"type": "diff", "seq": seq, **({} if prev is None else {"prev": prev}), "ts": STAMP, "patch": changes}


def bookmark(seq: int, as_of: str = STAMP, **evidence: str) -> dict[str, Any]:
    return {"type": "bookmark", "seq": seq, "ts": as_of, "as_of": as_of, "evidence": evidence}


def at(seq: int, **more: Any) -> Fold:
    """A fold that follows the line from here."""
    fold = Fold()
    assert fold.receive(hello(seq, resumed=False)) is Step.NOTHING
    assert fold.receive(snapshot(seq, **more)) is Step.CHANGED
    return fold


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_vectors(vector):
    """It decides as the page does, which reads the same examples."""
    fold = at(vector["seq"])
    assert ACTIONS[fold.receive(vector["message"])] == vector["action"]
    if vector["action"] == "apply":
        assert fold.position == Position(EPOCH, vector["message"]["seq"])
    else:
        assert fold.position == Position(EPOCH, vector["seq"])


def test_merged():
    """A diff of several changes is one step from the place that it names; its number goes into the document."""
    fold = at(4, status="healthy")
    assert fold.receive(diff(9, 4, status="degraded", fat=1)) is Step.CHANGED
    assert fold.document is not None
    assert fold.document.plain == document(9, status="degraded", fat=1)


@pytest.mark.parametrize("missed", [diff(6), diff(9, 6), diff(5, 3), bookmark(6), bookmark(3)])
def test_gap(missed):
    """What was missed is asked for once, from my place; nothing is applied before the answer."""
    fold = at(4)
    assert fold.receive(missed) is Step.ASK
    assert fold.request() == {"type": "subscribe", "epoch": EPOCH, "seq": 4}
    assert not fold.following
    for message in (diff(5, x=1), diff(6, x=2), bookmark(4), diff(9)):
        assert fold.receive(message) is Step.NOTHING
    assert fold.position == Position(EPOCH, 4)
    assert fold.receive(hello(6, resumed=True)) is Step.NOTHING
    assert fold.receive(diff(5, x=1)) is Step.CHANGED
    assert fold.receive(diff(6, x=2)) is Step.CHANGED
    assert canonical(fold.document or {}) == canonical(document(6, x=2))


def test_gap_too_wide():
    """Where the line is no longer kept, a hello says so, and only its snapshot counts."""
    fold = at(4)
    fold.receive(diff(7))
    assert fold.receive(hello(9, resumed=False)) is Step.NOTHING
    assert fold.receive(diff(10)) is Step.NOTHING
    assert fold.receive(snapshot(9, reason="gap")) is Step.CHANGED
    assert fold.receive(diff(10)) is Step.CHANGED


def test_snapshot_without_hello():
    """A snapshot always wins: also one that comes instead of the answer, or in the middle of everything."""
    fold = at(4)
    fold.receive(diff(7))
    assert fold.receive(snapshot(9, reason="slow")) is Step.CHANGED
    assert fold.following
    # The answer that it overtook: what it brings is known already, and goes on where I am.
    assert fold.receive(hello(10, resumed=True)) is Step.NOTHING
    assert [fold.receive(diff(seq)) for seq in (5, 9, 10)] == [Step.NOTHING, Step.NOTHING, Step.CHANGED]


def test_resumed():
    """A new connection that resumes goes on with what was missed, and the document lives through it."""
    fold = at(4)
    fold.begin()
    assert not fold.following
    assert fold.document is not None
    assert fold.receive(hello(5, resumed=True)) is Step.NOTHING
    assert fold.following
    assert fold.receive(diff(5)) is Step.CHANGED


@pytest.mark.parametrize("fold", [Fold(), at(4)])
def test_resumed_wrongly(fold):
    """A line that is not mine is not followed: a whole document is asked for, from no place."""
    fold.begin()
    assert fold.receive(hello(5, resumed=True, epoch=7)) is Step.ASK
    assert fold.request() == {"type": "subscribe"}
    assert fold.receive(snapshot(5, epoch=7)) is Step.CHANGED
    assert fold.position == Position(7, 5)
    assert fold.receive(diff(7)) is Step.ASK
    assert fold.request() == {"type": "subscribe", "epoch": 7, "seq": 5}


def test_restart():
    """After a restart the new line begins with its snapshot; what comes before it is of no line that I know."""
    fold = at(40)
    fold.begin()
    fold.receive(hello(0, resumed=False, epoch=EPOCH + 1))
    for message in (bookmark(0), diff(41), diff(1)):
        assert fold.receive(message) is Step.NOTHING
    fold.receive(snapshot(0, epoch=EPOCH + 1, reason="epoch"))
    assert fold.receive(diff(1, x=1)) is Step.CHANGED
    assert fold.position == Position(EPOCH + 1, 1)


def test_bookmark():
    """A bookmark makes the evidence that it names younger, in every section; an unknown name is passed over."""
    fold = at(4, **{key: whole.DOCUMENT[key] for key in ("checks", "services", "cron", "monitor", "settings")})
    before = fold.document
    assert before is not None
    kept = canonical(before)
    later = "2026-11-22T01:20:14.000Z"
    names = {
        "db": later,
        "services/dify": later,
        "cron": later,
        "monitor": later,
        "gone": later,
        "services/gone": later,
    }
    assert fold.receive(bookmark(4, later, **names)) is Step.RENEWED
    now = fold.document
    assert now is not None
    assert now["as_of"] == later
    assert [now["checks"]["db"]["observed_at"], now["services"]["dify"]["observed_at"]] == [later, later]
    assert [now["cron"]["observed_at"], now["monitor"]["observed_at"]] == [later, later]
    assert now["checks"]["realtime"] == before["checks"]["realtime"]
    assert now["settings"] == before["settings"]
    assert "gone" not in now["checks"]
    assert now["checks"]["db"]["detail"] is before["checks"]["db"]["detail"]
    assert canonical(before) == kept


def test_age():
    """A document is as old as the server's last word about it, whoever holds it; one that was replaced grows old."""
    now = [100.0]
    fold = Fold(lambda: now[0])
    fold.receive(hello(4, resumed=False))
    fold.receive(snapshot(4))
    first = fold.document
    assert first is not None
    now[0] = 103.0
    assert first.age == 3.0
    fold.receive(bookmark(4, "2026-11-22T01:20:14.000Z"))
    assert first.age == 0.0
    assert first.as_of.isoformat() == "2026-11-22T01:20:14+00:00"
    now[0] = 104.0
    fold.receive(diff(5))
    second = fold.document
    assert second is not None
    now[0] = 106.5
    assert (first.age, second.age) == (3.5, 2.5)


def test_document():
    """A document reads as the mapping that it is, and says where it stands."""
    held = at(4, checks={"db": {"verdict": "ok"}}).document
    assert held is not None
    assert dict(held) == document(4, checks={"db": {"verdict": "ok"}})
    assert (held["checks"]["db"]["verdict"], len(held), held.get("services")) == ("ok", 5, None)
    assert held.position == (EPOCH, 4)
    assert repr(held) == f"<Document {EPOCH}:4 healthy>"


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": 4},
        {"type": "hello", "proto": "health.v1", "epoch": 1},
        {"type": "snapshot", "epoch": 1, "seq": 2},
        {"type": "snapshot", "epoch": 1, "seq": 2, "data": {"as_of": STAMP}},
        {"type": "snapshot", "epoch": 1, "seq": 2, "data": {**document(2), "as_of": "yesterday"}},
        {"type": "snapshot", "epoch": 1, "seq": 2, "data": {**document(2), "as_of": "2026-11-22T01:20:11"}},
        {"type": "snapshot", "epoch": 1, "seq": True, "data": document(1)},
        {"type": "diff", "seq": 5},
        {"type": "diff", "seq": "5", "patch": {}},
        {"type": "diff", "seq": 5, "prev": -1, "patch": {}},
        {"type": "diff", "seq": 5, "patch": []},
        {"type": "bookmark", "seq": 4, "as_of": STAMP},
        {"type": "bookmark", "seq": 4, "evidence": {}},
    ],
)
def test_unreadable(message):
    """A message that lacks what it must have is refused, and the document is as it was."""
    fold = at(4)
    before = fold.document
    with pytest.raises(BadMessage):
        fold.receive(message)
    assert fold.document is before


def test_protocol():
    """Another protocol's greeting is no greeting."""
    with pytest.raises(WrongProtocol):
        Fold().receive(hello(4, resumed=False, proto="health.v2"))


def test_newer():
    """What a newer server says besides is passed over."""
    fold = at(4)
    assert fold.receive({"type": "weather", "seq": 9}) is Step.NOTHING
    assert fold.receive({**diff(5, x=1), "colour": "blue"}) is Step.CHANGED


# A line of changes, and everything that may happen to it on its way.

VALUES = st.recursive(
    st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("pqr"), inner, max_size=3) | st.lists(st.integers(0, 2), max_size=2),
    max_leaves=6,
)
BODIES = st.lists(st.dictionaries(st.sampled_from("wxyz"), VALUES, max_size=4), min_size=1, max_size=8)
FATES = st.lists(st.sampled_from(["keep", "drop", "twice", "merge", "snapshot", "bookmark", "cut", "old"]), max_size=40)


class Server:
    """A true server of the protocol, small: it holds the whole line, and answers for it; and who follows it."""

    def __init__(self, bodies: list[dict[str, Any]], *, kept: bool) -> None:
        self.documents = [document(seq, **body) for seq, body in enumerate(bodies)]
        self.at = 0
        self.kept = kept
        self.fold = Fold()
        self.seen: list[tuple[Any, bytes]] = []

    def deliver(self, *messages: dict[str, Any]) -> None:
        """Let these arrive, and what is asked for because of them; each new document must be one of the server's."""
        for message in messages:
            step = self.fold.receive(message)
            held = self.fold.document
            if step is Step.CHANGED:
                assert held is not None
                assert canonical(held) == canonical(self.documents[held.position.seq])
                self.seen.append((held, canonical(held)))
            elif step is Step.ASK:
                self.answer()

    def answer(self) -> None:
        asked = self.fold.request()
        if "seq" not in asked or not self.kept:
            self.deliver(hello(self.at, resumed=False), self.whole("gap"))
        else:
            missed = range(asked["seq"], self.at)
            self.deliver(hello(self.at, resumed=True), *(self.change(seq, seq + 1) for seq in missed))

    def change(self, start: int, end: int) -> dict[str, Any]:
        old, new = ({**self.documents[seq], "position": 0} for seq in (start, end))
        return diff(end, start if end != start + 1 else None, **patch.diff(old, new))

    def whole(self, reason: str) -> dict[str, Any]:
        now = self.documents[self.at]
        return {"type": "snapshot", "epoch": EPOCH, "seq": self.at, "reason": reason, "data": now}

    def suffer(self, fate: str) -> None:
        """Let the next thing happen, and this to its message."""
        start = self.at
        match fate:
            case "bookmark":
                self.deliver(bookmark(start))
            case "snapshot":
                self.deliver(self.whole("slow"))
            case "cut":
                self.fold.begin()
                self.answer()
            case "old":
                self.deliver(*[self.change(start - 1, start)] * (start > 0))
            case _ if start + 1 < len(self.documents):
                self.at = min(start + (2 if fate == "merge" else 1), len(self.documents) - 1)
                self.deliver(*[self.change(start, self.at)] * {"drop": 0, "twice": 2}.get(fate, 1))


@given(bodies=BODIES, fates=FATES, kept=st.booleans())
@settings(max_examples=100, deadline=None)
def test_line(bodies, fates, kept):
    """Whatever is lost, doubled, merged or late: each document was the server's once, and at rest is its newest."""
    server = Server(bodies, kept=kept)
    server.answer()
    for fate in fates:
        server.suffer(fate)
    server.deliver(bookmark(server.at))
    assert canonical(server.fold.document or {}) == canonical(server.documents[server.at])
    places = [held.position.seq for held, _ in server.seen]
    assert places == sorted(places)
    # What was given out has not been changed by what came later.
    assert all(canonical(held) == form for held, form in server.seen)

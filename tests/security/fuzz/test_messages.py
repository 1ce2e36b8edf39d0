"""Who follows may say anything, and is answered or let go of; a client takes any message, or refuses it by name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from monitor.client import BadMessage, Fold, WrongProtocol
from monitor.clock import Clock
from monitor.outputs.hub import Hub
from monitor.outputs.joining import Place
from monitor.outputs.seats import Limits
from monitor.outputs.stream import Guest, Stream
from tests.doors import company
from tests.fakes import FakeClock
from tests.outputs import whole
from tests.outputs.memory import Reader
from tests.security.fuzz.fuzzing import JSON, NUMBERS, TEXT, feed, feed_long, tables, written

PLACES = st.integers(-1, 5) | NUMBERS
SAID = written(
    tables({"type": st.just("subscribe"), "epoch": PLACES, "seq": PLACES})
    | tables({"type": st.just("ping"), "id": TEXT | NUMBERS})
    | tables({"type": st.just("auth"), "token": st.sampled_from(["read", "stream", "edit"]) | TEXT})
    | tables({"type": TEXT})
    | JSON
)
STAMPS = st.just("2026-11-27T00:00:00Z") | TEXT
PLACE = {"epoch": PLACES, "seq": PLACES}
DOCUMENT = tables({"position": tables(PLACE), "as_of": STAMPS, "checks": JSON})
HELLO = {"type": st.just("hello"), "proto": st.just("health.v1"), "resumed": st.booleans(), **PLACE}
SNAPSHOT = {"type": st.just("snapshot"), "data": DOCUMENT, **PLACE}
DIFF = {"type": st.just("diff"), "seq": PLACES, "prev": PLACES, "ts": STAMPS, "patch": JSON}
BOOKMARK = {"type": st.just("bookmark"), "seq": PLACES, "as_of": STAMPS, "evidence": JSON}
TOLD = tables(HELLO) | tables(SNAPSHOT) | tables(DIFF) | tables(BOOKMARK) | st.dictionaries(TEXT, JSON, max_size=4)


class Room:
    """A stream without its sockets: one who is known, and what he is answered."""

    def __init__(self) -> None:
        clock: Clock = FakeClock()  # type: ignore[assignment]
        self.hub = Hub(dict(whole.DOCUMENT), lambda: whole.EVIDENCE, clock, coalesce_s=0)
        self.company = company(clock, Limits())
        self.stream = Stream(self.hub, clock, self.company)
        self.reader = Reader().join(self.hub)
        self.reader.read()
        self.guest = Guest(Place(self.company, "", self.reader._end), self.company, here=True)


def said(texts: list[str]) -> None:
    """Each message is understood, or it is not; what is answered is a message of the protocol."""
    room = Room()
    for text in texts:
        assert room.stream._understood(room.reader.one, text, room.guest) in {True, False}
    for message in room.reader.read():
        assert message["type"] in {"hello", "snapshot", "diff", "bookmark", "pong", "error"}


def told(messages: list[dict[str, Any]]) -> None:
    """A message is taken, or refused by one of two names; refused, it leaves the document as it was."""
    fold = Fold()
    for message in messages:
        before = fold.document
        try:
            fold.receive(message)
        except (BadMessage, WrongProtocol):
            assert fold.document is before
        if fold.document is not None:
            place = fold.document.position
            assert type(place.epoch) is type(place.seq) is int
            assert place.epoch >= 0 <= place.seq


TARGETS = [(said, st.lists(SAID, min_size=1, max_size=6)), (told, st.lists(TOLD, min_size=1, max_size=6))]


@pytest.mark.parametrize(("check", "values"), TARGETS)
def test_short(check, values):
    """Anything may be said on either side."""
    feed(check, values, 75)


@pytest.mark.prove
@pytest.mark.parametrize(("check", "values"), TARGETS)
def test_long(check, values):
    """So it is for a minute each."""
    print(f"{feed_long(check, values):,} values")


def test_feed():
    """What fuzzing feeds reaches what it is meant for: messages that are understood, and such that are not."""
    answers = {True: 0, False: 0}
    folds = {"documents": 0, "refused": 0}

    def ask(text: str) -> None:
        room = Room()
        answers[room.stream._understood(room.reader.one, text, room.guest)] += 1

    def tell(messages: list[dict[str, Any]]) -> None:
        fold = Fold()
        for message in messages:
            try:
                fold.receive(message)
            except (BadMessage, WrongProtocol):
                folds["refused"] += 1
        folds["documents"] += fold.document is not None

    feed(ask, SAID, 200)
    feed(tell, TARGETS[1][1], 200)
    assert min(answers.values()) > 10, answers
    assert min(folds.values()) > 10, folds

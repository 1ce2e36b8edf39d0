"""Signals are anybody's: whatever text comes over a channel, the daemon goes on, and its document holds."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import strategies as st

from monitor import config, plan
from monitor.client import Fold, Step
from monitor.database import Session, Target
from monitor.domain.board import Board
from monitor.domain.ledger import Deltas
from monitor.engine import Engine
from monitor.outputs import wire
from monitor.outputs.hub import Hub
from monitor.sources import payload
from monitor.sources.listener import Listener
from tests.fakes import FakeClock, Recorder
from tests.outputs.conftest import EVERYTHING
from tests.outputs.memory import Reader
from tests.security.fuzz.fuzzing import JSON, TEXT, feed, feed_long, tables, written

DELTAS = "huph_monitor_deltas"
SIGNALS = written(
    tables(
        {
            "table": st.sampled_from(["messages", "conversations", "cluster_assignments"]),
            "op": st.sampled_from(["INSERT", "UPDATE", "DELETE"]),
            "id": st.integers(1, 9) | st.text(max_size=3),
            "conversation_id": st.integers(1, 9),
            "sender_type": st.sampled_from(["user", "bot", "counselor"]),
        }
    )
    | tables(
        {
            "x": st.integers(1, 10**19).map(str),
            "q": st.integers(0, 10**9 + 1),
            "d": st.lists(st.tuples(st.integers(0, 1 << 41), TEXT, st.integers(-(10**10), 10**10)) | JSON, max_size=3),
        }
    )
    | JSON
) | TEXT | st.integers(1, 3000).map("[".__mul__) | st.integers(1, 1500).map('{"a":'.__mul__)  # fmt: skip
CHANNELS = ("messages", "conversations", "notifications", DELTAS)
HEARD = st.lists(
    st.lists(
        st.tuples(st.sampled_from(CHANNELS), SIGNALS.map(lambda text: text.encode(errors="replace").decode())),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


def read(text: str) -> None:
    """It is an object, or it is none; and for our own triggers' words it is in order, or it is "count anew"."""
    found = payload.read(text)
    assert found is None or (isinstance(found, dict) and all(isinstance(key, str) for key in found))
    told = payload.read_deltas(text)
    assert isinstance(told, Deltas)
    if told != payload.ANEW:
        assert told.xid > 0
        for second, sender, count in told.rows or ():
            assert 0 < second <= payload.LATEST
            assert len(sender) <= payload.SENDER
            assert type(count) is int


class House:
    """The way of a signal, whole: listener, engine, board, hub, and somebody who follows."""

    def __init__(self) -> None:
        told = config.load(None, EVERYTHING, {})
        self.clock, profile = FakeClock(), told.profile
        board = Board(
            platform=profile.platform,
            zone=profile.zone.key,
            version="0",
            senders=profile.senders,
            checks=plan.checks(told),
            at=self.clock.now(),
            explains=profile.explains,
        )
        self.hub = Hub(board.document, board.evidence, self.clock, coalesce_s=0)
        self.engine = Engine(board, self.clock, [self.hub.publish], Recorder())
        target = Target.of("postgresql://nobody@127.0.0.1:1/none")
        self.listener = Listener(
            target,
            {name: channel.hints for name, channel in profile.channels.items()},
            Session(target, "canary", 1.0),
            triggers=profile.triggers,
            sample_s=5,
            connect_timeout_s=1,
            deadline_s=1,
            deltas=DELTAS,
            clock=self.clock,
            emit=self.engine.emit,
            hint=Recorder(),
            catch_up=Recorder(),
        )
        self.reader = Reader().join(self.hub)
        self.fold = Fold()

    def follow(self) -> Mapping[str, object]:
        for message in self.reader.read():
            assert self.fold.receive(message) is not Step.ASK
        assert self.fold.document is not None
        return self.fold.document.plain


def heard(reads: list[list[tuple[str, str]]]) -> None:
    """Whatever is heard, the document can be written, stays small, and is the same for whoever follows it."""
    house = House()
    for notifications in reads:
        house.listener._heard(notifications)
        house.engine.step()
        house.clock.advance(1.1)
    plain = house.follow()
    document = json.loads(wire.encode(house.hub.document))
    assert {**plain, "as_of": None} == {**document, "as_of": None}
    assert len(wire.encode(document)) < 100_000


def test_read():
    """Any text is read without an exception."""
    feed(read, SIGNALS, 250)


def test_heard():
    """Any text goes the whole way without an exception."""
    feed(heard, HEARD, 25)


@pytest.mark.prove
@pytest.mark.parametrize(("check", "values"), [(read, SIGNALS), (heard, HEARD)])
def test_long(check, values):
    """So it is for a minute each."""
    print(f"{feed_long(check, values):,} values")


def test_feed():
    """What fuzzing feeds reaches what it is meant for: readable signals, and each way of not being one."""
    kinds = {"object": 0, "none": 0, "deltas": 0}

    def look(text: str) -> None:
        kinds["object" if payload.read(text) is not None else "none"] += 1
        kinds["deltas"] += payload.read_deltas(text) != payload.ANEW

    feed(look, SIGNALS, 500)
    assert min(kinds.values()) > 5, kinds

"""Servers and followers with one promise broken, to see that its validator notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from monitor.client import Fold, Step
from monitor.client.document import Document
from monitor.domain.change import Change
from monitor.outputs import wire
from monitor.outputs.counts import Reason
from monitor.outputs.crowd import Crowd
from monitor.outputs.frames import Message
from monitor.outputs.hub import Hub
from monitor.outputs.ring import Ring
from monitor.outputs.subscriber import Position, Subscriber
from tests.promises.world import Parts


def edited(message: Message, **changes: Any) -> Message:
    """Give a message with other fields; None leaves one out."""
    fields = {**orjson.loads(message.body), **changes}
    body = orjson.dumps({name: value for name, value in fields.items() if value is not None})
    return Message(message.kind, body, prev=message.prev, seq=message.seq, name=message._name)


class RingOneShort(Ring):
    """Leaves out the first of what was missed."""

    def since(self, seq: int) -> list[Message] | None:
        missing = super().since(seq)
        return missing[1:] if missing else missing


class RingOneMore(Ring):
    """Sends once more what the one who comes back had last."""

    def since(self, seq: int) -> list[Message] | None:
        missing = super().since(seq)
        return missing and [*[one for _, one in self._kept if one.seq == seq], *missing]


class RingForgetful(Ring):
    """Takes who has missed one change too many for one who has missed just as many as are kept."""

    def since(self, seq: int) -> list[Message] | None:
        kept = [one for _, one in self._kept]
        return kept if kept and kept[0].prev == seq + 1 else super().since(seq)


class RingTooSmall(Ring):
    """Keeps one change less than it should."""

    def __init__(self, most: int) -> None:
        super().__init__(most - 1)


class RingBackward(Ring):
    """Sends what was missed from the newest to the oldest."""

    def since(self, seq: int) -> list[Message] | None:
        missing = super().since(seq)
        return missing and missing[::-1]


class CompressedTooSoon(Crowd):
    """Sends who comes later what looks back at messages that it never had."""

    def add(self, one: Subscriber) -> None:
        super().add(one)
        if self._shared:
            self._shared |= self._joining
            self._joining.clear()


class BehindAndServed(Crowd):
    """Keeps those who are behind, so that they are served twice once they have caught up."""

    def tell(self, message: Message) -> list[Subscriber]:
        behind = super().tell(message)
        for one in behind:
            self.add(one)
        return behind


class SnapshotWithoutPosition(Hub):
    def _snapshot(self, reason: Reason) -> Message:
        message = super()._snapshot(reason)
        data = orjson.loads(message.body)["data"]
        del data["position"]
        return edited(message, data=data)


class SnapshotOfTheFuture(Hub):
    """Gives the document with what is not told yet, under the position of what is."""

    @property
    def document(self) -> Any:
        document = super().document
        newest = self._newest.document if self._newest is not None else document
        return {**newest, "as_of": document["as_of"], "position": document["position"]}


class SnapshotOfThePast(Hub):
    """Keeps a snapshot for longer than until the next change."""

    def _flush(self) -> int:
        kept = dict(self._whole)
        changes = super()._flush()
        self._whole.update(kept)
        return changes


class SnapshotUnnumbered(Hub):
    """Writes the number of the one before on a snapshot, and in it."""

    def _snapshot(self, reason: Reason) -> Message:
        message = super()._snapshot(reason)
        seq = max(0, message.seq - 1)
        data = orjson.loads(message.body)["data"]
        return edited(message, seq=seq, data={**data, "position": {**data["position"], "seq": seq}})


class BookmarkTooSoon(Hub):
    """Says that nothing is missing while a change waits to be told."""

    def bookmark(self) -> None:
        if self.following:
            self._tell(wire.bookmark(self.position, self._evidence(), self._clock.now().wall))


class BookmarkOfTheNewest(Hub):
    """Gives a bookmark the number of the newest change, told or not."""

    def bookmark(self) -> None:
        seq = self._newest.seq if self._newest is not None else self._seq
        self._tell(wire.bookmark((self._epoch, seq), self._evidence(), self._clock.now().wall))


class PatchesLaidTogether(Hub):
    """Merges changes by their patches: what an entry was before it went shines through when it comes back."""

    _laid: Any = None

    def publish(self, change: Change) -> None:
        self._laid = _laid(self._laid or {}, change.patch)
        laid = Change(change.epoch, change.seq, change.at, self._laid, change.document, change.transitions)
        self._changes = 0
        super().publish(laid)

    def _flush(self) -> int:
        self._laid = None
        return super()._flush()


def _laid(first: Any, second: Any) -> Any:
    if not isinstance(first, Mapping) or not isinstance(second, Mapping):
        return second
    return {**first, **{key: _laid(first.get(key), value) for key, value in second.items()}}


class NoPrev(Hub):
    """Does not say that a diff holds several changes."""

    def _tell(self, message: Message) -> None:
        super()._tell(edited(message, prev=None))


class EpochsMixed(Hub):
    """Lets one go on in this epoch from where it stood in another."""

    def _missing(self, one: Subscriber) -> list[Message] | None:
        if one.place is not None:
            one.place = self._epoch, one.place[1]
        return super()._missing(one)


class AlwaysAfresh(Hub):
    """Never lets anybody go on."""

    def _missing(self, one: Subscriber) -> list[Message] | None:
        return super()._missing(one) if one.place is None or one.place[1] == self._seq else None


class HelloAlone(Hub):
    """Says that what was missed follows, and does not send it."""

    def _missing(self, one: Subscriber) -> list[Message] | None:
        missing = super()._missing(one)
        return missing if not one.greet or missing is None else []


class BehindBeyond(Hub):
    """Remembers of one who is behind that it has the message that was not written to it."""

    def _wait(self, one: Subscriber, place: Position | None, reason: Reason) -> None:
        super()._wait(one, (self._epoch, self._seq) if reason == "slow" else place, reason)


class WindowForGood(Hub):
    """Forgets a change that comes while another one waits."""

    def _flush(self) -> int:
        newest, changes = self._newest, self._changes
        if newest is not None and changes > 2:
            self._newest, self._changes = None, 0
            return changes
        return super()._flush()


class AppliedAgain(Fold):
    """Applies what it has already."""

    def _change(self, message: Mapping[str, Any]) -> Step:
        held = self._document
        if self._awaited is None and held is not None and message["seq"] <= held.position.seq:
            before = held.position._replace(seq=message.get("prev", message["seq"] - 1))
            self._document = Document(held.plain, before, held._word, self._clock)
        return super()._change(message)


class PrevIgnored(Fold):
    """Applies what does not begin where it stands."""

    def _change(self, message: Mapping[str, Any]) -> Step:
        held = self._document
        return super()._change({**message, "prev": held.position.seq} if held is not None else message)


class BookmarkIgnored(Fold):
    """Takes nothing over from a bookmark."""

    def _renew(self, message: Mapping[str, Any]) -> Step:
        return Step.RENEWED


class OlderSnapshotRefused(Fold):
    """Believes that it knows better than a snapshot."""

    def _replace(self, message: Mapping[str, Any]) -> Step:
        held = self._document
        if held is not None and held.position.epoch == message["epoch"]:
            self._awaited = None
            return Step.NOTHING
        return super()._replace(message)


class NullKept(Fold):
    """Keeps what a patch takes away."""

    def _change(self, message: Mapping[str, Any]) -> Step:
        return super()._change({**message, "patch": _without_nulls(message["patch"])})


def _without_nulls(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(one) for key, one in value.items() if one is not None}


MUTANTS: dict[str, tuple[Parts, set[str]]] = {
    "ring: leaves out the first": (Parts(ring=RingOneShort), {"reliable"}),
    "ring: one more": (Parts(ring=RingOneMore), {"unique"}),
    "ring: one too old": (Parts(ring=RingForgetful), {"reliable"}),
    "ring: one too small": (Parts(ring=RingTooSmall), {"resumable"}),
    "ring: backward": (Parts(ring=RingBackward), {"ordered"}),
    "crowd: compressed too soon": (Parts(crowd=CompressedTooSoon), {"reliable"}),
    "crowd: served twice": (Parts(crowd=BehindAndServed), {"unique"}),
    "snapshot: without position": (Parts(hub=SnapshotWithoutPosition), {"atomic"}),
    "snapshot: wrong position": (Parts(hub=SnapshotUnnumbered), {"atomic"}),
    "snapshot: of the future": (Parts(hub=SnapshotOfTheFuture), {"atomic"}),
    "snapshot: of the past": (Parts(hub=SnapshotOfThePast), {"resumable"}),
    "bookmark: before what waits": (Parts(hub=BookmarkTooSoon), {"bookmarkable"}),
    "bookmark: of the newest": (Parts(hub=BookmarkOfTheNewest), {"bookmarkable"}),
    "merge: patches laid together": (Parts(hub=PatchesLaidTogether), {"atomic", "at rest"}),
    "merge: prev not said": (Parts(hub=NoPrev), {"reliable"}),
    "merge: changes forgotten": (Parts(hub=WindowForGood), {"bookmarkable", "at rest"}),
    "resume: across an epoch": (Parts(hub=EpochsMixed), {"resumable"}),
    "resume: never": (Parts(hub=AlwaysAfresh), {"resumable"}),
    "resume: announced only": (Parts(hub=HelloAlone), {"resumable", "reliable"}),
    "slow: goes on too far": (Parts(hub=BehindBeyond), {"reliable"}),
    "follower: applies again": (Parts(fold=AppliedAgain), {"unique"}),
    "follower: ignores prev": (Parts(fold=PrevIgnored), {"reliable", "atomic"}),
    "follower: ignores bookmarks": (Parts(fold=BookmarkIgnored), {"bookmarkable", "at rest"}),
    "follower: keeps what goes": (Parts(fold=NullKept), {"atomic"}),
    "follower: knows better": (Parts(fold=OlderSnapshotRefused), {"at rest"}),
}
"""What is broken, and the promises that must be seen to be."""

"""The six promises of a watch, each over one follower's log: what is yielded is how it was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import orjson

from monitor.client import Step
from tests.promises.record import Asked, Came, Json, Log, Place, Seen, Took, Truth, Unread, aged, ageless, taken, wire

RING = 3
"""So many told changes the servers of these tests keep."""


class Story:
    """A follower's log, and what of it came over the wire and what was taken."""

    def __init__(self, log: Log) -> None:
        self.log, self.wire, self.taken = log, list(wire(log)), list(taken(log))


class Told:
    """Which changes were told, one by one: the witness heard them all."""

    def __init__(self, witness: Log) -> None:
        self._diffs: dict[int, list[tuple[int, int, int]]] = {}
        for seen in wire(witness):
            if seen.message["type"] == "diff":
                diff = prev(seen.message), seen.message["seq"], len(orjson.dumps(seen.message))
                self._diffs.setdefault(seen.epoch or 0, []).append(diff)

    def missing(self, place: Place, seq: int) -> int | None:
        """Say how many bytes lead from a place to a number of its epoch; None when the ring did not hold them."""
        if place[1] == seq:
            return 0
        kept = [diff for diff in self._diffs.get(place[0], []) if diff[1] <= seq][-RING:]
        sizes = [size for before, _, size in kept if before >= place[1]]
        return sum(sizes) if any(before == place[1] for before, _, _ in kept) else None


def prev(diff: Json) -> int:
    number: int = diff.get("prev", diff["seq"] - 1)
    return number


def ordered(story: Story, _: Truth, __: Told) -> Iterator[str]:
    """Nothing comes, or is shown, after what is newer; an epoch that is over does not come back."""
    for seen in story.wire:
        kind, at = seen.message["type"], seen.message.get("seq", 0)
        if kind == "diff" and seen.place is not None and at <= seen.place:
            yield f"diff {at} came after {seen.place}"
        if kind == "snapshot" and seen.place is not None and at < seen.place:
            yield f"snapshot {at} came after {seen.place}"
    for took in story.taken:
        assert took.document is not None
        if took.before is not None and took.document.position < took.before:
            yield f"{tuple(took.document.position)} was shown after {tuple(took.before)}"


def unique(story: Story, _: Truth, __: Told) -> Iterator[str]:
    """No change comes, or is applied, twice: each begins where those before it have led, and not before."""
    for seen in story.wire:
        if seen.message["type"] == "diff" and seen.place is not None and prev(seen.message) < seen.place:
            yield f"diff {prev(seen.message)}..{seen.message['seq']} came again after {seen.place}"
    for took in story.taken:
        if took.message["type"] == "diff" and took.before is not None and prev(took.message) < took.before.seq:
            yield f"diff {prev(took.message)}..{took.message['seq']} was applied again at {took.before.seq}"


def reliable(story: Story, _: Truth, __: Told) -> Iterator[str]:
    """No change is left out: none comes, or is applied, beyond the end of those before it, and all can be read."""
    for entry in story.log:
        if isinstance(entry, Unread):
            yield f"unreadable: {entry.why}"
    for seen in story.wire:
        if seen.message["type"] == "diff":
            if seen.place is None:
                yield f"diff {seen.message['seq']} came to one who has no document"
            elif prev(seen.message) > seen.place:
                yield f"diff {prev(seen.message)}..{seen.message['seq']} came at {seen.place}"
    for took in story.taken:
        if took.message["type"] == "diff" and (took.before is None or prev(took.message) > took.before.seq):
            yield f"diff {prev(took.message)}..{took.message['seq']} was applied at {took.before}"


def atomic(story: Story, truth: Truth, _: Told) -> Iterator[str]:
    """Whatever is shown is, whole, what the server was at that very place: never a part of a change."""
    for entry in story.log:
        if isinstance(entry, Came) and entry.message["type"] == "snapshot":
            message = entry.message
            place = message["epoch"], message["seq"]
            if message["data"].get("position") != {"epoch": place[0], "seq": place[1]}:
                yield f"the snapshot of {place} says {message['data'].get('position')}"
            elif ageless(message["data"]) != truth.at(place):
                yield f"the snapshot of {place} is not what the server was"
    for took in story.taken:
        assert took.document is not None
        if ageless(took.document) != truth.at(took.document.position):
            yield f"{tuple(took.document.position)} is not what the server was, after {took.message}"


def resumable(story: Story, _: Truth, told: Told) -> Iterator[str]:
    """Who says where it stood goes on exactly there, where that is possible, and is told which of the two it is."""
    hello: Json | None = None
    answered = Asked(None, first=True)
    for seen in story.wire:
        if seen.name is not None and seen.name != f"{seen.message.get('epoch', seen.epoch)}:{seen.message['seq']}":
            yield f"the event of {seen.epoch}:{seen.message['seq']} is named {seen.name}"
        if seen.message["type"] == "hello":
            hello, answered = seen.message, seen.asked
            if hello["resumed"] and (answered.place is None or answered.place[0] != hello["epoch"]):
                yield f"{answered.place} goes on in epoch {hello['epoch']}"
        elif hello is None:
            if seen.place is None:
                yield f"a {seen.message['type']} came before any hello"
        elif hello["resumed"]:
            if seen.place is not None and seen.place >= hello["seq"]:
                hello = None
            elif seen.message["type"] != "diff":
                yield f"a {seen.message['type']} came at {seen.place}, and what leads to {hello['seq']} did not"
                hello = None
        else:
            yield from _whole(seen, hello, answered, told)
            hello = None


def _whole(seen: Seen, hello: Json, asked: Asked, told: Told) -> Iterator[str]:
    """Check a document that was sent where changes could have been."""
    message = seen.message
    if message["type"] != "snapshot" or message["seq"] != hello["seq"]:
        yield f"a {message['type']} came where the document of {hello['seq']} was announced"
        return
    reason = "initial" if asked.first else "gap"
    if asked.place is not None and asked.place[0] != hello["epoch"]:
        reason = "epoch"
    elif asked.place is not None:
        missing = told.missing(asked.place, hello["seq"])
        # The two are compared by the size of a document for one who is slow.
        if missing is not None and missing <= len(orjson.dumps(message)) - len(message["reason"]) + len("slow"):
            yield f"{asked.place} could have gone on to {hello['seq']}"
    if message["reason"] != reason:
        yield f"the snapshot for {asked} gives as its reason {message['reason']}"


def bookmarkable(story: Story, truth: Truth, _: Told) -> Iterator[str]:
    """A bookmark comes when all is told that was so at its moment, and tells how old the evidence is then."""
    for seen in story.wire:
        if seen.message["type"] == "bookmark":
            message = seen.message
            if seen.place is not None and message["seq"] != seen.place:
                yield f"the bookmark {message['seq']} came at {seen.place}"
            meant = truth.bookmarks.get((seen.epoch or 0, message["as_of"]))
            if meant != (message["seq"], message["evidence"]):
                yield f"the bookmark {message['seq']} of {message['as_of']} should have been {meant}"
    for entry in story.log:
        if isinstance(entry, Took) and entry.step is Step.RENEWED:
            assert entry.document is not None
            message = entry.message
            if entry.document.plain != aged(entry.document, message["evidence"], message["as_of"]):
                yield f"the ages of {message['as_of']} were not taken over"


Validator = Callable[[Story, Truth, Told], Iterator[str]]
PROMISES: dict[str, Validator] = {
    one.__name__: one for one in (ordered, unique, reliable, atomic, resumable, bookmarkable)
}


def complaints(followers: Mapping[str, Log], truth: Truth) -> dict[str, str]:
    """Give each promise that was broken, and one way how; among the followers is the `witness`."""
    found: dict[str, str] = {}
    told = Told(followers["witness"])
    for who, log in followers.items():
        story = Story(log)
        for name, promise in PROMISES.items():
            for complaint in promise(story, truth, told):
                found.setdefault(name, f"{who}: {complaint}")
    return found

"""What was really so, and what each follower heard of it: the records over which the promises are checked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from monitor.client import Document, Fold, Position, Step
from monitor.client.document import canonical
from monitor.client.errors import SubscriptionError

Json = dict[str, Any]
Place = tuple[int, int]


def place_of(document: Mapping[str, Any]) -> Place:
    return document["position"]["epoch"], document["position"]["seq"]


def aged(document: Mapping[str, Any], evidence: Mapping[str, str], as_of: str) -> Json:
    """Give a document as it must be once a bookmark has told these ages."""
    told = {**document, "as_of": as_of}
    for section, prefix in (("checks", ""), ("services", "services/")):
        told[section] = {
            name: {**entry, "observed_at": evidence[prefix + name]} for name, entry in document[section].items()
        }
    return told | {name: {**document[name], "observed_at": evidence[name]} for name in ("cron", "monitor")}


def ageless(document: Mapping[str, Any]) -> bytes:
    """Give the canonical form of a document without what bookmarks tell."""
    said = {key: value for key, value in document.items() if key != "as_of"}
    for section in ("checks", "services"):
        said[section] = {name: _ageless(entry) for name, entry in said[section].items()}
    return canonical(said | {name: _ageless(said[name]) for name in ("cron", "monitor")})


def _ageless(entry: Json) -> Json:
    return {key: value for key, value in entry.items() if key != "observed_at"}


def unlike(documents: Mapping[str, Mapping[str, Any]], expected: bytes) -> str | None:
    """Say whose document is not, byte for byte in canonical form, what it should be."""
    for name, document in documents.items():
        if (form := canonical(document)) != expected:
            return f"{name} holds {form!r} instead of {expected!r}"
    return None


class Truth:
    """What the server was at each place, and which bookmarks it meant."""

    def __init__(self) -> None:
        self._documents: dict[Place, Json] = {}
        self._canonical: dict[Place, bytes] = {}
        self.bookmarks: dict[tuple[int, str], tuple[int, dict[str, str]]] = {}
        """By epoch and moment: the newest place of that moment, and the ages."""

    def was(self, document: Json) -> None:
        """Take down what the document is now."""
        self._documents[place_of(document)] = document

    def at(self, place: Place) -> bytes:
        """Give what it was at a place, ages aside; empty when it never was there."""
        if place not in self._canonical and place in self._documents:
            self._canonical[place] = ageless(self._documents[place])
        return self._canonical.get(place, b"")


@dataclass(slots=True)
class Asked:
    """A follower asked to go on from a place, by a new connection or on the one that it has."""

    place: Place | None
    first: bool


@dataclass(slots=True)
class Came:
    """A message came over the wire; `name` is the id of an event."""

    message: Json
    name: str | None = None


@dataclass(slots=True)
class Took:
    """A message was handed to the follower's law, and this is what it made of it."""

    message: Json
    before: Position | None
    step: Step
    document: Document | None


@dataclass(slots=True)
class Unread:
    """What came could not be understood."""

    why: str


Log = list[Asked | Came | Took | Unread]


@dataclass(slots=True)
class Seen:
    """One message as it came, and the place to which those before it on this connection have led."""

    message: Json
    name: str | None
    epoch: int | None
    place: int | None
    asked: Asked


def wire(log: Log) -> Iterator[Seen]:
    """Go over all that came, whatever the follower made of it."""
    epoch = place = None
    asked = Asked(None, first=True)
    for entry in log:
        if isinstance(entry, Asked):
            asked = entry
            if entry.first:
                epoch = place = None
        elif isinstance(entry, Came):
            message = entry.message
            yield Seen(message, entry.name, epoch, place, asked)
            match message["type"]:
                case "hello":
                    epoch = message["epoch"]
                    place = asked.place[1] if message["resumed"] and asked.place is not None else None
                case "snapshot":
                    epoch, place = message["epoch"], message["seq"]
                case "diff":
                    place = message["seq"]


def taken(log: Log) -> Iterator[Took]:
    """Go over all that the follower has made a new document of."""
    return (entry for entry in log if isinstance(entry, Took) and entry.step is Step.CHANGED)


class Follower:
    """One who keeps the law, behind a channel that can be told to lose, repeat and delay, as TCP itself never does."""

    def __init__(self, name: str, fold: Fold) -> None:
        self.name = name
        self.fold = fold
        self.log: Log = []
        self.waits = False
        """It has asked, and the answer has not come."""
        self.mischief: deque[str] = deque()
        """What happens to the next diffs and bookmarks."""
        self._late: list[Json] = []

    def connects(self) -> Place | None:
        """Begin on a new connection; give the place to ask for."""
        self.fold.begin()
        self._late.clear()
        return self._asks(self.fold.position, first=True)

    def asks(self, place: Place | None) -> Place | None:
        """Ask anew on this connection."""
        return self._asks(place, first=False)

    def wanted(self) -> Place | None:
        """Give the place that the law asks for."""
        words = self.fold.request()
        return (words["epoch"], words["seq"]) if "seq" in words else None

    def _asks(self, place: Place | None, *, first: bool) -> Place | None:
        self.waits = True
        self.log.append(Asked(place, first))
        return place

    def came(self, message: Json, name: str | None = None) -> bool:
        """Take what came; say whether to ask now."""
        self.log.append(Came(message, name))
        if message["type"] == "hello":
            self.waits = False
        asks = [self._take(one) for one in self._channel(message)]
        return any(asks) and not self.waits

    def unread(self, why: str) -> None:
        self.log.append(Unread(why))

    def honest(self) -> None:
        """From now on, nothing is lost or late."""
        self.mischief.clear()
        self._late.clear()

    def _channel(self, message: Json) -> list[Json]:
        if message["type"] not in {"diff", "bookmark"}:
            return [message]
        late, self._late = self._late, []
        match self.mischief.popleft() if self.mischief else None:
            case "lose":
                return late
            case "repeat":
                return [message, *late, message]
            case "late":
                self._late = [*late, message]
                return []
        return [message, *late]

    def _take(self, message: Json) -> bool:
        before = self.fold.position
        try:
            step = self.fold.receive(message)
        except SubscriptionError as trouble:
            self.log.append(Unread(str(trouble)))
            return False
        self.log.append(Took(message, before, step, self.fold.document))
        return step is Step.ASK

"""The client law of `health.v1`, pure: messages go in one by one, and out comes the document or a question to ask."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final

from monitor.client.document import Clock, Document, Position, Word
from monitor.client.errors import BadMessage, WrongProtocol
from monitor.domain import patch

PROTO: Final = "health.v1"
_NAMED: Final = {"checks": "", "services": "services/"}
"""Sections that hold an entry per name, and how a bookmark names one of them."""
_SINGLE: Final = ("cron", "monitor")


class Step(Enum):
    """What a message has done, and what the caller must do next."""

    CHANGED = "changed"
    """There is a new document."""
    RENEWED = "renewed"
    """The document means the same; its evidence is younger."""
    NOTHING = "nothing"
    """Nothing follows from it."""
    ASK = "ask"
    """Something is missing: send `request()`, now and once. What still comes before the answer is passed over."""


class _Awaited(Enum):
    """What must come before anything is applied."""

    HELLO = "hello"
    SNAPSHOT = "snapshot"


def _zero() -> float:
    return 0.0


class Fold:
    """Follows one line of changes; knows no socket and no clock but the one it is given (monotonic seconds).

    Call `begin()` for each new connection, then `receive()` with each message in its order.
    """

    def __init__(self, clock: Clock = _zero) -> None:
        self._clock = clock
        self._document: Document | None = None
        self._awaited: _Awaited | None = _Awaited.HELLO
        self._afresh = False

    @property
    def document(self) -> Document | None:
        """The newest document; None before the first."""
        return self._document

    @property
    def position(self) -> Position | None:
        """The place in line that was reached; None before the first document."""
        return self._document.position if self._document is not None else None

    @property
    def following(self) -> bool:
        """Whether the line is followed now: nothing is awaited, and nothing was missed."""
        return self._awaited is None

    def begin(self) -> None:
        """Start anew on a new connection, which greets first: what was asked on the old one will not be answered."""
        self._awaited = _Awaited.HELLO
        self._afresh = False

    def request(self) -> dict[str, Any]:
        """Give the message that asks for what is missing: the changes after our place, or a snapshot."""
        place = None if self._afresh else self.position
        return {"type": "subscribe", **(place._asdict() if place is not None else {})}

    def receive(self, message: Mapping[str, Any]) -> Step:
        """Take one decoded message and say what follows.

        Raises BadMessage when it lacks what its type must have (the document is then as it was), and WrongProtocol
        when the greeting is of another protocol. Types and fields that are not known are passed over.
        """
        match message.get("type"):
            case "hello":
                return self._greet(message)
            case "snapshot":
                return self._replace(message)
            case "diff":
                return self._change(message)
            case "bookmark":
                return self._renew(message)
            case str():
                return Step.NOTHING
            case _:
                raise BadMessage("A message came that does not say its type.")

    def _greet(self, message: Mapping[str, Any]) -> Step:
        if message.get("proto") != PROTO:
            raise WrongProtocol(f"The server does not speak {PROTO}.")
        epoch, _ = _number(message, "epoch"), _number(message, "seq")
        if message.get("resumed") is not True:
            self._awaited = _Awaited.SNAPSHOT
            return Step.NOTHING
        if self._document is None or self._document.position.epoch != epoch:
            # It resumes a line that is not ours: only a whole document helps.
            return self._ask(afresh=True)
        self._awaited = None
        return Step.NOTHING

    def _replace(self, message: Mapping[str, Any]) -> Step:
        position = Position(_number(message, "epoch"), _number(message, "seq"))
        plain = message.get("data")
        if not isinstance(plain, Mapping) or not isinstance(plain.get("position"), Mapping):
            raise BadMessage("A snapshot came without its document, or one without its place in line.")
        self._adopt(plain, position, Word(_stamp(plain, "as_of"), self._clock()))
        # Whatever was awaited: a snapshot holds all that could be missing.
        self._awaited, self._afresh = None, False
        return Step.CHANGED

    def _change(self, message: Mapping[str, Any]) -> Step:
        seq, changes = _number(message, "seq"), message.get("patch")
        before = _number(message, "prev") if "prev" in message else seq - 1
        if not isinstance(changes, Mapping):
            raise BadMessage("A diff came without its patch.")
        document = self._document
        if self._awaited is not None or document is None or seq <= document.position.seq:
            return Step.NOTHING
        if before != document.position.seq:
            return self._ask()
        position = document.position._replace(seq=seq)
        plain: Any = patch.apply(document.plain, changes)
        stamp = _stamp(message, "ts") if "ts" in message else _stamp(plain, "as_of")
        # The patch does not carry its own number.
        plain = {**plain, "position": {**document.plain["position"], "seq": seq}}
        self._adopt(plain, position, Word(stamp, self._clock()))
        return Step.CHANGED

    def _renew(self, message: Mapping[str, Any]) -> Step:
        seq, stamp, evidence = _number(message, "seq"), _stamp(message, "as_of"), message.get("evidence")
        if not isinstance(evidence, Mapping):
            raise BadMessage("A bookmark came without its evidence.")
        document = self._document
        if self._awaited is not None or document is None:
            return Step.NOTHING
        if seq != document.position.seq:
            return self._ask()
        # The same word: whoever still holds the document that this one renews sees that it is young.
        word = document._word  # noqa: SLF001 - the fold is what makes documents
        word.stamp, word.heard_at = stamp, self._clock()
        plain: Any = patch.apply(document.plain, _renewal(document.plain, stamp, evidence))
        self._adopt(plain, document.position, word)
        return Step.RENEWED

    def _ask(self, *, afresh: bool = False) -> Step:
        self._awaited, self._afresh = _Awaited.HELLO, afresh
        return Step.ASK

    def _adopt(self, plain: Mapping[str, Any], position: Position, word: Word) -> None:
        self._document = Document(plain, position, word, self._clock)


def _renewal(plain: Mapping[str, Any], stamp: str, evidence: Mapping[str, Any]) -> dict[str, Any]:
    """Give the patch that a bookmark stands for; what it names and the document does not hold is passed over."""
    renewal: dict[str, Any] = {"as_of": stamp}
    for section, prefix in _NAMED.items():
        entries = plain.get(section)
        if isinstance(entries, Mapping):
            seen = {name: evidence.get(prefix + name) for name in entries}
            renewal[section] = {name: {"observed_at": at} for name, at in seen.items() if isinstance(at, str)}
    for section in _SINGLE:
        if section in plain and isinstance(at := evidence.get(section), str):
            renewal[section] = {"observed_at": at}
    return renewal


def _number(message: Mapping[str, Any], key: str) -> int:
    value = message.get(key)
    if type(value) is not int or value < 0:
        raise BadMessage(f"A message of type {message['type']} came without a number {key}.")
    return value


def _stamp(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    try:
        if isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None:
            return value
    except ValueError:
        pass
    raise BadMessage(f"A message came without the moment {key}.")

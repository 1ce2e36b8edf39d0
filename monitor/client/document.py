"""The document as a subscriber holds it: what the server said, its place in line, and how old its last word is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

Clock = Callable[[], float]
"""Gives monotonic seconds."""


class Position(NamedTuple):
    """A place in the line of changes: `epoch` is one life of the daemon, `seq` the number of the last change in it."""

    epoch: int
    seq: int


@dataclass(slots=True)
class Word:
    """The server's last word about one position: its own clock's (RFC 3339), and ours when it came."""

    stamp: str
    heard_at: float


class Document(Mapping[str, Any]):
    """The live document at one position, as a mapping of what JSON has.

    It is never changed by what comes later; a later document shares with it what stayed the same, so change nothing.
    Only `age` and `as_of` live on: as long as the server says that this is still how things stand, they stay young.
    """

    __slots__ = ("_clock", "_plain", "_position", "_word")

    def __init__(self, plain: Mapping[str, Any], position: Position, word: Word, clock: Clock) -> None:
        self._plain = plain
        self._position = position
        self._word = word
        self._clock = clock

    def __getitem__(self, key: str) -> Any:
        return self._plain[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)

    def __repr__(self) -> str:
        return f"<Document {self._position.epoch}:{self._position.seq} {self._plain.get('status')}>"

    @property
    def plain(self) -> Mapping[str, Any]:
        """What it holds, as it came out of JSON."""
        return self._plain

    @property
    def position(self) -> Position:
        """Its place in line; `?epoch=&seq=` resumes there."""
        return self._position

    @property
    def age(self) -> float:
        """Seconds since the server last said that this is how things stand (it does so every 3 s), by our own clock.

        More than 8 s: the link is lost, or a newer document has come.
        """
        return max(0.0, self._clock() - self._word.heard_at)

    @property
    def as_of(self) -> datetime:
        """When that was by the server's clock. `as_of` + `age` is what its clock shows now, whatever ours does."""
        return datetime.fromisoformat(self._word.stamp).astimezone(UTC)


def canonical(document: Mapping[str, Any]) -> bytes:
    """Give the one form in which equal documents are equal bytes: JSON in UTF-8, keys sorted, nothing between."""
    plain = document.plain if isinstance(document, Document) else document
    return orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)

"""Those who are up to date, by the form in which they take the next message."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.outputs.frames import Compressor, Message
from monitor.outputs.subscriber import Subscriber

FULL_BYTES = 16 << 10
"""One to whom so much is still to be written is behind."""
FRESH = 64
"""After so many messages the shared compressor begins anew, and takes in who has come meanwhile."""


class Crowd:
    """Writes one message to all, and gives those who are behind.

    One compressor serves everybody who understands it (permessage-deflate, RFC 7692). A message of it looks back at
    those before it, so who comes later takes messages that look back at nothing until the compressor begins anew.
    """

    def __init__(self, full_bytes: int = FULL_BYTES, fresh: int = FRESH) -> None:
        self.full_bytes, self._fresh = full_bytes, fresh
        self._plain: set[Subscriber] = set()
        self._events: set[Subscriber] = set()
        self._joining: set[Subscriber] = set()
        self._shared: set[Subscriber] = set()
        self._groups = (self._plain, self._events, self._joining, self._shared)
        self._compressor = Compressor()
        self._compressed = 0

    def __len__(self) -> int:
        return sum(len(group) for group in self._groups)

    def __iter__(self) -> Iterator[Subscriber]:
        for group in self._groups:
            yield from group

    def add(self, one: Subscriber) -> None:
        """Take in one who is up to date."""
        group = self._events if one.form == "event" else self._joining if one.deflates else self._plain
        group.add(one)

    def discard(self, one: Subscriber) -> None:
        """Let one go; it need not be here."""
        for group in self._groups:
            group.discard(one)

    def tell(self, message: Message) -> list[Subscriber]:
        """Write a message to everybody; give those who were behind and were not written to, and let them go."""
        if self._joining and (not self._shared or self._compressed >= self._fresh):
            self._shared |= self._joining
            self._joining.clear()
            self._compressor, self._compressed = Compressor(), 0
        behind: list[Subscriber] = []
        if self._plain:
            behind += self._write(self._plain, message.frame)
        if self._events:
            behind += self._write(self._events, message.event)
        if self._joining:
            behind += self._write(self._joining, message.frame)
        if self._shared:
            self._compressed += 1
            behind += self._write(self._shared, self._compressor.frame(message.body))
        return behind

    def _write(self, group: set[Subscriber], data: bytes) -> list[Subscriber]:
        # One pass, for its cost is that of touching each connection's memory.
        behind = []
        for one in group:
            if one.held() > self.full_bytes:
                behind.append(one)
            else:
                one.write(data)
        group.difference_update(behind)
        return behind

"""Subscribers in memory: a connection that is read when the test says so, and what came over it, as messages."""

from __future__ import annotations

import heapq
import json
import zlib
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from monitor.outputs.frames import TAIL
from monitor.outputs.hub import Hub
from monitor.outputs.subscriber import Form, Position, Subscriber
from tests.fakes import FakeClock

Message = dict[str, Any]


class Planned:
    """Something that will be done, unless it is called off."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Time(FakeClock):
    """A clock, and what is to be done later by it: in its order, when the test lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self._plans: list[tuple[float, int, Planned]] = []
        self._number = count()

    def later(self, after_s: float, call: Callable[[], None]) -> Planned:
        planned = Planned(call)
        heapq.heappush(self._plans, (self.mono + after_s, next(self._number), planned))
        return planned

    def pass_by(self, seconds: float = 0.0) -> None:
        """Let so much time pass, and what is due in it happen."""
        end = self.mono + seconds
        while self._plans and self._plans[0][0] <= end:
            due, _, planned = heapq.heappop(self._plans)
            self.advance(max(0.0, due - self.mono))
            if planned.call is not None:
                planned.call()
        self.advance(end - self.mono)


class Pipe:
    """A connection as the hub sees it; what its other end has not read yet is still to be written."""

    def __init__(self) -> None:
        self._held = b""
        self.written: list[bytes] = []
        self.reading = True
        self.ended = False

    def write(self, data: bytes) -> None:
        assert not self.ended, "nothing may be written to a connection that has ended"
        self.written.append(data)
        self._held += data

    def get_write_buffer_size(self) -> int:
        return 0 if self.reading else len(self._held)

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True

    def read(self, most: int | None = None) -> bytes:
        """Take what was written, or so many bytes of it."""
        most = len(self._held) if most is None else most
        taken, self._held = self._held[:most], self._held[most:]
        return taken


def whole(data: bytes, form: Form) -> int:
    """Say how many of these bytes are whole frames, or whole chunks of events."""
    end = 0
    while (size := _chunk(data[end:]) if form == "event" else _frame(data[end : end + 10])) is not None:
        if end + size > len(data):
            break
        end += size
    return end


def _frame(head: bytes) -> int | None:
    if len(head) < 2:
        return None
    start = {126: 4, 127: 10}.get(head[1], 2)
    if len(head) < start:
        return None
    return start + (head[1] if start == 2 else int.from_bytes(head[2:start], "big"))


def _chunk(data: bytes) -> int | None:
    size, line_end, _ = data.partition(b"\r\n")
    return len(size) + 2 + int(size, 16) + 2 if line_end else None


def frames(data: bytes) -> Iterator[tuple[bytes, bool]]:
    """Take whole frames apart (RFC 6455, 5.2): the payload, and whether it is compressed."""
    while data:
        first, size = data[0], data[1]
        assert first & 0b1011_1111 == 0b1000_0001, "one whole text frame"
        assert size < 128, "a server masks nothing"
        start = 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
            assert size > (125 if start == 4 else 0xFFFF), "the shortest form"
        assert len(data) >= start + size, "whole frames only"
        yield data[start : start + size], bool(first & 0b0100_0000)
        data = data[start + size :]


def events(data: bytes) -> Iterator[dict[str, str]]:
    """Take chunks of server-sent events apart (RFC 9112, 7.1; HTML, 9.2.6): the fields of each."""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        text, data = rest[:length].decode(), rest[length + 2 :]
        assert rest[length : length + 2] == b"\r\n"
        assert text.endswith("\n\n")
        yield dict(line.split(": ", 1) for line in text.strip("\n").split("\n"))


class Reader:
    """One subscriber in memory, and all that it has read."""

    def __init__(self, form: Form = "frame", *, deflates: bool = False) -> None:
        self.pipe = Pipe()
        self.closed: tuple[int, str] | None = None
        self.one = Subscriber(self.pipe, form, self._end, deflates=deflates)
        self.ids: list[str | None] = []
        self.packed: list[bool] = []
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def _end(self, code: int, reason: str) -> None:
        self.closed = code, reason

    def join(self, hub: Hub, position: Position | None = None) -> Reader:
        hub.join(self.one, position)
        return self

    def read(self) -> list[Message]:
        """Read everything; give the messages."""
        data = self.pipe.read()
        if self.one.form == "event":
            return [self._event(event) for event in events(data)]
        return [json.loads(self._inflated(payload) if packed else payload) for payload, packed in self._noted(data)]

    def told(self) -> list[tuple[str, int]]:
        """Read everything; give what each message is (of a snapshot: why) and its position."""
        return [(one.get("reason", one["type"]), one.get("seq", one.get("id"))) for one in self.read()]

    def _noted(self, data: bytes) -> Iterator[tuple[bytes, bool]]:
        for payload, packed in frames(data):
            assert self.one.deflates or not packed, "it does not understand this"
            self.packed.append(packed)
            yield payload, packed

    def _inflated(self, payload: bytes) -> bytes:
        return self._inflate.decompress(payload + TAIL)

    def _event(self, event: dict[str, str]) -> Message:
        message: Message = json.loads(event["data"])
        assert event["event"] == message["type"]
        self.ids.append(event.get("id"))
        return message

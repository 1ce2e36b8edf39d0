"""One message in the form of each transport: a WebSocket frame, plain or compressed, and a server-sent event."""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import Protocol

WINDOW_BITS = 12
"""How far back the compressors look: 4 KiB, the least that clients ask for in practice, so that one stream fits all."""
LEVEL, MEMORY = 6, 5
TAIL = b"\x00\x00\xff\xff"
TEXT, FINAL, COMPRESSED = 0x1, 0x80, 0x40


class Transport(Protocol):
    """What is needed of an asyncio transport (and of the one behind `aiohttp.web.Request.transport`)."""

    def write(self, data: bytes) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...
    def abort(self) -> None: ...


def frame(payload: bytes, *, compressed: bool = False) -> bytes:
    """Give one whole text frame of a server (RFC 6455, 5.2): never masked, never in parts."""
    first = TEXT | FINAL | (COMPRESSED if compressed else 0)
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


class Compressor:
    """One stream of compressed messages (RFC 7692, 7.2.1); each may look back at those before it."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -WINDOW_BITS, MEMORY)

    def frame(self, payload: bytes) -> bytes:
        """Give the next message of the stream as a frame."""
        packed = self._deflate.compress(payload) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return frame(packed.removesuffix(TAIL), compressed=True)


class Message:
    """One message for many; each form is made once, when the first subscriber needs it.

    `seq` is the position that it leads to, `prev` the one that it starts from: the same one where it changes nothing.
    """

    def __init__(self, kind: str, body: bytes, *, prev: int = 0, seq: int = 0, name: str = "") -> None:
        self.kind, self.body, self.prev, self.seq = kind, body, prev, seq
        self._name = name

    @cached_property
    def frame(self) -> bytes:
        """The plain frame: it touches no compression context of anybody (RFC 7692, 6)."""
        return frame(self.body)

    @cached_property
    def packed(self) -> bytes:
        """A compressed frame that looks back at nothing, so that it may be sent to anybody at any time."""
        return Compressor().frame(self.body)

    @cached_property
    def event(self) -> bytes:
        """A server-sent event (HTML, 9.2.6) as one chunk of HTTP (RFC 9112, 7.1); its id is the position."""
        name = f"id: {self._name}\n" if self._name else ""
        return chunk(b"event: %b\n%bdata: %b\n\n" % (self.kind.encode(), name.encode(), self.body))


def chunk(data: bytes) -> bytes:
    """Give data as one chunk of a body whose length is not known."""
    return b"%x\r\n%b\r\n" % (len(data), data)

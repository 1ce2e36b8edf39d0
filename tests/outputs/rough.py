"""A WebSocket client that sends whatever it is told, right or wrong, and reads until it is told to go."""

from __future__ import annotations

import asyncio
import zlib
from typing import Self
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
MASK = b"\x01\x02\x03\x04"


def frame(
    opcode: int, payload: bytes = b"", *, first: int = FIN, masked: bool = True, length: int | None = None
) -> bytes:
    """Give a client's frame (RFC 6455, 5.2); `first` holds the bits beside the opcode, `length` what it claims."""
    size = len(payload) if length is None else length
    bit = 0x80 if masked else 0
    head = bytes([first | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))


def deflated(data: bytes) -> bytes:
    """Compress as permessage-deflate does (RFC 7692, 7.2.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")


class Rough:
    """One connection, made by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self.reader, self.writer, self.head = reader, writer, head
        self._shut = False

    @classmethod
    async def connect(cls, page: str, *, deflate: bool = False, path: str = "api/v1/stream") -> Self:
        """Join the stream of a page."""
        address = urlsplit(page)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        extension = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
        writer.write(
            f"GET {address.path}{path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{extension}\r\n".encode()
        )
        return cls(reader, writer, await reader.readuntil(b"\r\n\r\n"))

    @property
    def port(self) -> int:
        """The port at this end, by which the server's end can be told."""
        port: int = self.writer.get_extra_info("sockname")[1]
        return port

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    def shut(self) -> None:
        """Say that nothing more will be said, and go on listening."""
        self._shut = True
        self.writer.write_eof()

    async def next(self) -> tuple[int, bytes]:
        """Give the next frame's opcode and payload."""
        first, size = await self.reader.readexactly(2)
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        return first & 0x0F, await self.reader.readexactly(size)

    async def closed(self, within_s: float = 5) -> int | None:
        """Read until the server closes; give its code, None when it only cut the line."""
        code = None
        async with asyncio.timeout(within_s):
            try:
                while True:
                    opcode, payload = await self.next()
                    if opcode == CLOSE:
                        code = int.from_bytes(payload[:2], "big")
                        if not self._shut:
                            self.send(frame(CLOSE, payload))
            except (asyncio.IncompleteReadError, ConnectionError):
                return code

    def leave(self) -> None:
        self.writer.transport.abort()

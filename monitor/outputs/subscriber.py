"""One who follows the stream: where its bytes go, in which form, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from monitor.outputs.counts import Reason
from monitor.outputs.frames import Message, Transport

Form = Literal["frame", "event"]
Position = tuple[int, int]
"""Epoch and number: a place in the stream."""


@dataclass(eq=False, slots=True)
class Subscriber:
    """There is no queue: what cannot be written at once is written later, from `place`, as if it had come back.

    `deflates` says that it understands compressed frames (RFC 7692, with context taken over). `end` is called when its
    connection must end, with the close code (RFC 6455, 7.4) and why.
    """

    transport: Transport
    form: Form
    end: Callable[[int, str], None]
    deflates: bool = False
    place: Position | None = None
    """The position from which it goes on; kept up to date only while it waits."""
    reason: Reason = "initial"
    """Why it would be sent the whole document."""
    greet: bool = True
    """It has subscribed, and is owed a hello."""
    behind_since: float | None = None
    """Since when it takes nothing (monotonic)."""
    held: Callable[[], int] = field(init=False)
    """How many bytes are still to be written to it."""
    _send: Callable[[bytes], None] = field(init=False)

    def __post_init__(self) -> None:
        # Looked up once: this is done for every message and every subscriber.
        self.held, self._send = self.transport.get_write_buffer_size, self.transport.write

    def bytes_of(self, message: Message) -> bytes:
        """Give a message in its form, readable whatever it was sent before."""
        if self.form == "event":
            return message.event
        return message.packed if self.deflates else message.frame

    def write(self, data: bytes) -> None:
        """Write whole messages. aiohttp writes whole frames to this transport too, so they cannot mix."""
        try:
            self._send(data)
        except RuntimeError:
            # uvloop says so of a transport that has ended; its handler is about to hear of it.
            self.transport.abort()

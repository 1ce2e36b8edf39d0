"""The last changes as they were sent, so that who has missed some is sent just those."""

from __future__ import annotations

from collections import deque

from monitor.outputs.frames import Message

MOST, MOST_BYTES, KEPT_S = 1024, 4 << 20, 600.0


class Ring:
    """The newest messages in their order, without a hole; the oldest go first: by number, by size and by age."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES, kept_s: float = KEPT_S) -> None:
        self._most, self._most_bytes, self._kept_s = most, most_bytes, kept_s
        self._kept: deque[tuple[float, Message]] = deque()
        self._bytes = 0

    def append(self, message: Message, mono: float) -> None:
        """Keep a message; its `prev` is the `seq` of the one before."""
        self._kept.append((mono, message))
        self._bytes += len(message.body)
        while len(self._kept) > self._most or self._bytes > self._most_bytes or self._kept[0][0] < mono - self._kept_s:
            self._bytes -= len(self._kept.popleft()[1].body)
            if not self._kept:
                return

    def since(self, seq: int) -> list[Message] | None:
        """Give what leads on from this position; None when it is none that a message starts from, or too old."""
        missing = []
        for _, message in reversed(self._kept):
            if message.seq <= seq:
                break
            missing.append(message)
        if not missing or missing[-1].prev != seq:
            return None
        missing.reverse()
        return missing

"""Who is watching: each change is encoded once and put into every subscriber's bounded outbox; nobody is waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from monitor.clock import Clock
from monitor.domain.change import Change, Document
from monitor.outputs import wire
from monitor.outputs.counts import Counts

OUTBOX_FRAMES = 256
OUTBOX_BYTES = 1 << 20
ANSWERS = 32
"""Answers to one subscriber's own messages that wait at most; beyond that the oldest is let go."""


class Subscriber:
    """One watcher. When its outbox is full it is emptied, and the next thing sent is a whole snapshot."""

    def __init__(self) -> None:
        self._outbox: deque[bytes] = deque()
        self._bytes = 0
        self._answers: deque[bytes] = deque(maxlen=ANSWERS)
        self._filled = asyncio.Event()
        self.wants_snapshot: str | None = "initial"
        self.closing: tuple[int, str] | None = None
        self._filled.set()

    def put(self, frame: bytes) -> None:
        """Put a frame in line, or give the line up for a snapshot."""
        if self.wants_snapshot is None:
            self._outbox.append(frame)
            self._bytes += len(frame)
            if len(self._outbox) > OUTBOX_FRAMES or self._bytes > OUTBOX_BYTES:
                self.restart("slow")
        self._filled.set()

    def answer(self, frame: bytes) -> None:
        """Say something to this one alone: after hello, before the line, and not given up with it."""
        self._answers.append(frame)
        self._filled.set()

    def answers(self) -> list[bytes]:
        """Take what is to be said to this one alone."""
        frames = list(self._answers)
        self._answers.clear()
        return frames

    def restart(self, reason: str) -> None:
        """Send the whole document next, for this reason."""
        self._outbox.clear()
        self._bytes = 0
        # Who has not been greeted yet is still to be greeted.
        self.wants_snapshot = "initial" if self.wants_snapshot == "initial" else reason
        self._filled.set()

    def close(self, code: int, reason: str) -> None:
        """Ask its connection to end, with this close code (RFC 6455, 7.4)."""
        self.closing = (code, reason)
        self._filled.set()

    async def filled(self) -> None:
        """Wait until there is something to do."""
        await self._filled.wait()

    def take(self) -> bytes | None:
        """Take the next frame; None when the outbox is empty."""
        if not self._outbox:
            self._filled.clear()
            return None
        frame = self._outbox.popleft()
        self._bytes -= len(frame)
        return frame


class Hub:
    """All subscribers, and the document that they follow."""

    def __init__(self, document: Document, evidence: Callable[[], Mapping[str, str]], clock: Clock) -> None:
        self._document = document
        self._evidence = evidence
        self._clock = clock
        self._seq = 0
        self.subscribers: set[Subscriber] = set()
        self.counts = Counts(clock)

    def publish(self, change: Change) -> None:
        """Give a change to everybody."""
        self.counts.remember(change.transitions)
        if not change.patch:
            return
        self._document, self._seq = change.document, change.seq
        if self.subscribers:
            frame = wire.diff(change)
            for subscriber in self.subscribers:
                subscriber.put(frame)

    @property
    def document(self) -> Document:
        """The whole document, its evidence as old as it is now."""
        return wire.fresh(self._document, self._evidence(), self._clock.now().wall)

    def evidence(self) -> Mapping[str, str]:
        """Say when each watched thing's evidence was observed (RFC 3339)."""
        return self._evidence()

    def refused(self) -> Mapping[str, int]:
        """Say how many subscribers were refused or dropped in the last 300 s, by why."""
        return self.counts.turned_away()

    def join(self) -> Subscriber:
        """Add a subscriber; its first frames are the document and its place in line, taken in one breath."""
        subscriber = Subscriber()
        self.subscribers.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        self.subscribers.discard(subscriber)

    def next_frames(self, subscriber: Subscriber) -> list[bytes]:
        """Take what this subscriber must be sent now: a snapshot of this very moment, or what stands in line."""
        frames = subscriber.answers()
        reason = subscriber.wants_snapshot
        if reason is not None:
            subscriber.restart(reason)
            subscriber.wants_snapshot = None
            document = self.document
            head = [wire.hello(document)] if reason == "initial" else []
            return [*head, wire.snapshot(document, reason), *frames]
        while (frame := subscriber.take()) is not None:
            frames.append(frame)
        return frames

    def close_all(self, code: int, reason: str) -> None:
        """Tell every subscriber that this is the end."""
        for subscriber in self.subscribers:
            subscriber.close(code, reason)

    async def run(self) -> None:
        """Send bookmarks for ever: the position, and the age of the evidence."""
        while True:
            await asyncio.sleep(wire.HEARTBEAT_S)
            if self.subscribers:
                frame = wire.bookmark(self._seq, self._evidence(), self._clock.now().wall)
                for subscriber in self.subscribers:
                    subscriber.put(frame)

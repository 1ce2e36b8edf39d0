"""The stream to all who follow: each change is made bytes once and written to everybody; nobody is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from monitor.clock import Clock
from monitor.domain import patch
from monitor.domain.change import Change, Document
from monitor.outputs import wire
from monitor.outputs.counts import Counts, Reason
from monitor.outputs.crowd import Crowd
from monitor.outputs.frames import Message
from monitor.outputs.pace import FEW, WINDOW_S, Later, Pace
from monitor.outputs.ring import Ring
from monitor.outputs.subscriber import Position, Subscriber

log = structlog.get_logger()
TEND_S = 0.05
ROOM_BYTES = 1024
"""One to whom no more than this is still to be written (the answer to its handshake) has room for the next."""
SNAPSHOTS = 50
"""Whole documents sent every TEND_S at most: when everybody comes back at once, they are served in turn."""
LAG_S = 30.0
"""A subscriber that has not taken what it was sent for so long is dropped."""


def _on_the_loop(after_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(after_s, call)


class Hub:
    """All subscribers, and the document that they were told.

    Everything is a plain function of the loop's thread, so a place in line and the document are taken in one breath.
    """

    def __init__(
        self,
        document: Document,
        evidence: Callable[[], Mapping[str, str]],
        clock: Clock,
        *,
        coalesce_s: float = WINDOW_S,
        few: int = FEW,
        lag_s: float = LAG_S,
        ring: Ring | None = None,
        crowd: Crowd | None = None,
        snapshots: int = SNAPSHOTS,
        later: Later | None = None,
    ) -> None:
        position = wire.position(document)
        self._epoch, self._seq = position
        self._document = document
        self._evidence = evidence
        self._clock = clock
        self._lag_s = lag_s
        self._snapshots = snapshots
        self._ring = ring if ring is not None else Ring()
        self._later = later if later is not None else _on_the_loop
        self._newest: Change | None = None
        self._changes = 0
        self._pace = Pace(self._flush, self._later, lambda: clock.now().mono, coalesce_s, few)
        self._whole: dict[Reason, Message] = {}
        self._crowd = crowd if crowd is not None else Crowd()
        self._waiting: dict[Subscriber, None] = {}
        self._tending = False
        self._round = 0, 0
        self.counts = Counts(clock)

    # What happens to the document.

    def publish(self, change: Change) -> None:
        """Take a change; it goes out at once, or with those that follow closely."""
        self.counts.remember(change.transitions)
        if not change.patch:
            return
        self._newest = change
        self._changes += 1
        self._pace.changed(urgent=bool(change.transitions))

    def _flush(self) -> int:
        """Send what has changed since the last time, as one change; give how many it was."""
        newest, changes = self._newest, self._changes
        if newest is None:
            return 0
        told, prev = self._document, self._seq
        self._document, self._seq = newest.document, newest.seq
        self._newest, self._changes = None, 0
        self._whole.clear()
        # The parts that nobody touched are the same objects, so this looks at the touched entries only.
        moved = dict(newest.patch if changes == 1 else patch.diff(told, newest.document))
        # The position stands beside the patch.
        moved.pop("position", None)
        message = wire.diff(self._epoch, prev, newest, moved)
        self._ring.append(message, self._clock.now().mono)
        self._tell(message)
        return changes

    def bookmark(self) -> None:
        """Tell everybody the position, and how old the evidence is now."""
        self._pace.let_go()
        self._whole.clear()
        for one in [one for one in self._crowd if one.transport.is_closing()]:
            self._lose(one)
        if self.following:
            self._tell(wire.bookmark(self.position, self._evidence(), self._clock.now().wall))

    def _tell(self, message: Message) -> None:
        self.counts.frames += len(self._crowd)
        for one in self._crowd.tell(message):
            # As if it had gone away after the last message and come back.
            self.counts.frames -= 1
            self._wait(one, (self._epoch, message.prev), "slow")
            one.behind_since = self._clock.now().mono
        self._look_after()

    # What can be asked.

    @property
    def document(self) -> Document:
        """The whole document as the subscribers know it, its evidence as old as it is now."""
        return wire.fresh(self._document, self._evidence(), self._clock.now().wall)

    @property
    def position(self) -> Position:
        """The position of `document`."""
        return self._epoch, self._seq

    def evidence(self) -> Mapping[str, str]:
        """Say when each watched thing's evidence was observed (RFC 3339)."""
        return self._evidence()

    def refused(self) -> Mapping[str, int]:
        """Say how many subscribers were refused or dropped in the last 300 s, by why."""
        return self.counts.turned_away()

    @property
    def following(self) -> int:
        """How many subscribers there are."""
        return len(self._crowd) + len(self._waiting)

    # Who follows.

    def join(self, one: Subscriber, position: Position | None = None) -> None:
        """Let somebody follow, from this position on where it is known; the first bytes are written at once."""
        self.subscribe(one, position, "initial")

    def subscribe(self, one: Subscriber, position: Position | None = None, reason: Reason = "gap") -> None:
        """Let a subscriber go on from a position, or with the whole document; `reason` says why it would get that."""
        self._crowd.discard(one)
        one.greet = True
        self._wait(one, position, reason)
        self._serve(one)
        self._look_after()

    def leave(self, one: Subscriber) -> None:
        """Forget somebody; it may be done twice."""
        self._crowd.discard(one)
        self._waiting.pop(one, None)

    def answer(self, one: Subscriber, body: bytes) -> None:
        """Say something to this one alone; not to one who does not read."""
        if one.held() <= self._crowd.full_bytes:
            one.write(Message("", body).frame)

    def close_all(self, code: int, reason: str) -> None:
        """Tell every subscriber that this is the end."""
        for one in [*self._crowd, *self._waiting]:
            self.leave(one)
            one.end(code, reason)

    def _wait(self, one: Subscriber, place: Position | None, reason: Reason) -> None:
        one.place, one.reason = place, reason
        self._waiting[one] = None

    def _look_after(self) -> None:
        """See to it that those who wait are looked after."""
        if self._waiting and not self._tending:
            self._tending = True
            self._later(TEND_S, self._tend)

    def _serve(self, one: Subscriber) -> None:
        """Bring one up to date, if there is room for it and it is its turn."""
        now = self._clock.now().mono
        if one.held() > ROOM_BYTES:
            one.behind_since = now if one.behind_since is None else one.behind_since
            return
        missing = self._missing(one)
        resumed = missing is not None
        if missing is None:
            if not self._turn(now):
                return
            reason: Reason = "epoch" if one.place is not None and one.place[0] != self._epoch else one.reason
            self.counts.snapshots[reason] += 1
            missing = [self._snapshot(reason)]
        if one.greet:
            self.counts.resumed += resumed
            missing = [wire.hello(self.position, resumed=resumed), *missing]
        one.greet, one.behind_since = False, None
        del self._waiting[one]
        self.counts.frames += len(missing)
        if missing:
            one.write(b"".join([one.bytes_of(message) for message in missing]))
        self._crowd.add(one)

    def _turn(self, now: float) -> bool:
        """Say whether one more whole document may be sent in this round."""
        number = int(now / TEND_S)
        if number != self._round[0]:
            self._round = number, 0
        self._round = number, self._round[1] + 1
        return self._round[1] <= self._snapshots

    def _missing(self, one: Subscriber) -> list[Message] | None:
        """Give what one has missed; None when it needs the whole document, or when that is smaller."""
        if one.place is None or one.place[0] != self._epoch:
            return None
        if one.place[1] == self._seq:
            return []
        missing = self._ring.since(one.place[1])
        if missing is None or sum(len(message.body) for message in missing) > len(self._snapshot("slow").body):
            return None
        return missing

    def _snapshot(self, reason: Reason) -> Message:
        """Give the whole document; it is made bytes once for all who come at the same position."""
        if reason not in self._whole:
            self._whole[reason] = wire.snapshot(self.document, reason)
        return self._whole[reason]

    def _tend(self) -> None:
        """Look after those who wait: they are brought up to date, wait on, or have waited for too long."""
        now = self._clock.now().mono
        for one in list(self._waiting):
            if one.behind_since is not None and now - one.behind_since > self._lag_s:
                self._drop(one)
            elif one.transport.is_closing():
                self._lose(one)
            else:
                self._serve(one)
        self._tending = False
        self._look_after()

    def _lose(self, one: Subscriber) -> None:
        """Forget one whose connection has ended, and tell its route: who only reads is not heard leaving."""
        self.leave(one)
        one.end(1006, "gone")

    def _drop(self, one: Subscriber) -> None:
        self.counts.turn_away("slow_reader")
        log.warning("subscriber.dropped", why="slow", lag_s=self._lag_s)
        # A close frame could not be delivered either.
        one.transport.abort()
        self._lose(one)

    async def run(self) -> None:
        """Send bookmarks for ever."""
        while True:
            await asyncio.sleep(wire.HEARTBEAT_S)
            self.bookmark()

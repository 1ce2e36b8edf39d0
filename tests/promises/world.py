"""A server that many follow, in memory: everything that can happen to the two, at the word of a history."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import orjson

from monitor.client import Fold
from monitor.outputs.crowd import Crowd
from monitor.outputs.frames import TAIL
from monitor.outputs.hub import TEND_S, Hub
from monitor.outputs.ring import Ring
from monitor.outputs.subscriber import Form, Subscriber
from tests.outputs.memory import Pipe, Time, events, frames, whole
from tests.promises.platform import Platform
from tests.promises.record import Follower, Place, place_of, unlike
from tests.promises.validators import RING, complaints

FULL_BYTES, FRESH, SNAPSHOTS, LAG_S = 600, 3, 2, 3.0
"""Every bound so small that a short history meets it."""
FAT_BYTES = 150
SIPS = (1, 2, 5, 20, 100, 300, 1000, 3000)
WAITS = (0.0, 0.001, 0.01, 0.025, TEND_S, 0.1, 1.0, 4.0)
ROUNDS = 12


@dataclass(frozen=True)
class Parts:
    """What the world is made of; a mutant is one part exchanged."""

    hub: type[Hub] = Hub
    ring: type[Ring] = Ring
    crowd: type[Crowd] = Crowd
    fold: type[Fold] = Fold


class Wire(Pipe):
    """A connection that may be cut at any time; a server may notice late, and a write then is no mistake of its own."""

    def __init__(self, *, refuses: bool) -> None:
        super().__init__()
        self._refuses = refuses
        self.over = False

    def end(self, _: int, __: str) -> None:
        """What was written can still be read, and no more comes."""
        self.over = True

    def write(self, data: bytes) -> None:
        if not self.ended:
            super().write(data)
        elif self._refuses:
            raise RuntimeError("unable to perform operation on a closed handle")


class Client:
    """One follower and its connection, read as far as the history says."""

    def __init__(self, world: World, follower: Follower, form: Form, *, deflates: bool = False) -> None:
        self._world = world
        self.follower = follower
        self._form: Form = form
        self._deflates = deflates
        self._asleep = False
        self.one: Subscriber | None = None

    def does(self, what: str, much: int) -> None:
        """Do what this says, if it is for a client."""
        match what:
            case "read":
                self.read()
            case "sip":
                self.read(SIPS[much])
            case "sleep" | "wake":
                self.sleep(asleep=what == "sleep")
            case "drop" | "vanish":
                if much % 2:
                    self.hear()
                self.drop(heard=what == "drop")
            case "ask" | "anew":
                self.ask(anew=what == "anew")
            case "lose" | "repeat" | "late":
                self.follower.mischief.append(what)

    def connect(self) -> None:
        """Come, or come back, with the place that was reached."""
        self._pipe = Wire(refuses=self._world.uvloop)
        self._pipe.reading = not self._asleep
        self._hub = self._world.hub
        self._buffer, self._inflate = b"", zlib.decompressobj(-zlib.MAX_WBITS)
        self.one = Subscriber(self._pipe, self._form, self._pipe.end, deflates=self._deflates)
        self._hub.join(self.one, self.follower.connects())

    def drop(self, *, heard: bool) -> None:
        """Lose the connection and all that was under way on it; the server may hear of it later only."""
        if self.one is not None:
            self._pipe.ended = True
            if heard:
                self._hub.leave(self.one)
            self.one = None

    def sleep(self, *, asleep: bool) -> None:
        self._asleep = asleep
        if self.one is not None:
            self._pipe.reading = not asleep

    def ask(self, *, anew: bool) -> None:
        """Subscribe without need, from the place that was reached or anew; not while an answer is awaited."""
        if self.one is not None and not self._pipe.over and not self.follower.waits and self._form == "frame":
            self._hub.subscribe(self.one, self.follower.asks(None if anew else self.follower.fold.position))

    def read(self, most: int | None = None) -> None:
        """Read so many bytes; connect where there is no line."""
        if self.one is None:
            self.connect()
        else:
            self.hear(most)

    def hear(self, most: int | None = None) -> None:
        """Read so many bytes, if there is a line, and do what the messages that are whole by then say."""
        if self.one is None:
            return
        one, data = self.one, self._pipe.read(most)
        self._buffer += data
        end = whole(self._buffer, self._form)
        ready, self._buffer = self._buffer[:end], self._buffer[end:]
        try:
            for message, name in self._messages(ready):
                if self.follower.came(message, name):
                    self._catch_up()
                if self.one is not one:
                    return
        except (ValueError, zlib.error) as trouble:
            self.follower.unread(str(trouble))
            self.drop(heard=True)
            return
        if not data and (self._pipe.over or self._pipe.ended):
            self.drop(heard=True)

    def at(self, place: Place) -> bool:
        """Say whether it follows, and has come as far as this."""
        fold = self.follower.fold
        return self.one is not None and not self._pipe.over and fold.following and fold.position == place

    def _messages(self, data: bytes) -> Any:
        if self._form == "event":
            for event in events(data):
                yield orjson.loads(event["data"]), event.get("id")
        else:
            for payload, packed in frames(data):
                yield orjson.loads(self._inflate.decompress(payload + TAIL) if packed else payload), None

    def _catch_up(self) -> None:
        """Ask for what is missing: on the same line where one can speak on it."""
        if self._form == "event":
            self.drop(heard=False)
            self.connect()
        elif not self._pipe.over and not self._pipe.ended:
            assert self.one is not None
            self._hub.subscribe(self.one, self.follower.asks(self.follower.wanted()))


class World:
    """A server, four followers, and a witness who always listens."""

    def __init__(self, parts: Parts, coalesce_s: float, *, uvloop: bool) -> None:
        self._parts, self._coalesce_s, self.uvloop = parts, coalesce_s, uvloop
        self.time = Time()
        self.platform = Platform(self.time, FAT_BYTES)
        self.witness = Client(self, Follower("witness", Fold()), "frame")
        self.clients = [
            Client(self, Follower("plain", parts.fold()), "frame"),
            Client(self, Follower("packed", parts.fold()), "frame", deflates=True),
            Client(self, Follower("packed too", parts.fold()), "frame", deflates=True),
            Client(self, Follower("events", parts.fold()), "event"),
        ]
        self._start()

    def _start(self) -> None:
        self.hub = self._parts.hub(
            self.platform.begin(),
            lambda: self.platform.evidence,
            self.time,
            coalesce_s=self._coalesce_s,
            few=1,
            lag_s=LAG_S,
            ring=self._parts.ring(most=RING),
            crowd=self._parts.crowd(full_bytes=FULL_BYTES, fresh=FRESH),
            snapshots=SNAPSHOTS,
            later=self.time.later,
        )
        self.witness.connect()
        # The witness is not one of those who are served in turn.
        self.time.pass_by(TEND_S)

    def act(self, what: str, who: int, much: int) -> None:
        """Let one thing happen."""
        for change in self.platform.happens(what, who, much):
            self.hub.publish(change)
        self.clients[who].does(what, much)
        match what:
            case "age":
                self.platform.ages(who)
            case "time":
                self.time.pass_by(WAITS[much])
            case "bookmark":
                self.bookmark()
            case "restart":
                self.hub.close_all(1012, "restarting")
                self._start()
        self.witness.read()

    def bookmark(self) -> None:
        """Say one; no two things happen in one millisecond, so that the moment tells which bookmark it is."""
        self.time.pass_by(0.002)
        self.platform.means_a_bookmark()
        self.hub.bookmark()
        self.time.pass_by(0.002)

    def rest(self) -> str | None:
        """Let nothing more happen, and everybody read; say who then does not hold what the server holds."""
        for client in self.clients:
            client.sleep(asleep=False)
            client.follower.honest()
        for _ in range(ROUNDS):
            self.time.pass_by(2 * TEND_S)
            self.bookmark()
            for client in [self.witness, *self.clients]:
                client.read()
            if all(client.at(place_of(self.platform.document)) for client in self.clients):
                break
        # What the server says now is compared with what it has told in this very moment.
        self.platform.means_a_bookmark()
        self.hub.bookmark()
        for client in [self.witness, *self.clients]:
            client.read()
        documents = {one.follower.name: one.follower.fold.document or {} for one in [self.witness, *self.clients]}
        documents["the hub"] = self.hub.document
        return unlike(documents, self.platform.now())

    def broken(self) -> dict[str, str]:
        """Give each promise that was broken, and one way how."""
        found = {"at rest": complaint} if (complaint := self.rest()) else {}
        everybody = [self.witness, *self.clients]
        return complaints({one.follower.name: one.follower.log for one in everybody}, self.platform.truth) | found

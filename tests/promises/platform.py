"""A document that changes, and what of it was so when: the server's side of the truth."""

from __future__ import annotations

from monitor.client.document import canonical
from monitor.domain import patch
from monitor.domain.change import Change
from monitor.domain.transitions import Transition
from monitor.domain.verdict import Verdict, instant
from tests.fakes import FakeClock
from tests.promises.record import Json, Truth, aged, place_of

NAMES = "abcd"
TURNED = Transition(0.0, "a", Verdict.OK, Verdict.FAIL, None)


class Platform:
    """What the server has to tell; a `fat` change is up to seven times `fat_bytes` long."""

    def __init__(self, clock: FakeClock, fat_bytes: int) -> None:
        self.clock = clock
        self._fat_bytes = fat_bytes
        self.truth = Truth()
        self.epoch = 0
        self.evidence: dict[str, str] = {}
        self.document: Json = {}

    def begin(self) -> Json:
        """Begin a new epoch, as a daemon that starts; give its first document."""
        self.epoch += 1
        now = instant(self.clock.wall)
        self.evidence = dict.fromkeys([*NAMES, *(f"services/{name}" for name in NAMES), "cron", "monitor"], now)
        entries = {name: {"verdict": "ok", "detail": {"n": 0, "list": [1, 2]}} for name in NAMES[:3]}
        start = {"position": {"epoch": self.epoch, "seq": 0}, "as_of": now, "rest": "x" * 300, "fat": ""}
        self.document = start | {"checks": entries, "services": entries, "cron": {"n": 0}, "monitor": {"n": 0}}
        self.truth.was(self.document)
        return self.document

    def change(self, section: str, name: str, entry: Json | None, *, urgent: bool = False) -> Change:
        """Let an entry become this one, or go; give the change."""
        entries = {key: value for key, value in self.document[section].items() if key != name}
        if entry is not None:
            key = name if section == "checks" else f"services/{name}"
            self.evidence[key] = instant(self.clock.wall)
            entries[name] = {**entry, "observed_at": self.evidence[key]}
        return self.become({section: entries}, urgent=urgent)

    def become(self, parts: Json, *, urgent: bool = False) -> Change:
        epoch, seq = place_of(self.document)
        document = {**self.document, **parts, "position": {"epoch": epoch, "seq": seq + 1}}
        change = patch.diff(self.document, document)
        self.document = document
        self.truth.was(document)
        return Change(epoch, seq + 1, self.clock.wall, change, document, (TURNED,) if urgent else ())

    def happens(self, what: str, who: int, much: int) -> list[Change]:
        """Let something change; give the changes, none when it is nothing that changes the document."""
        section, name = "checks" if much % 2 else "services", NAMES[who]
        entry = {"verdict": "warn", "detail": {f"k{much % 3}": much, "n": much, "list": [who] * (much % 3)}}
        match what:
            case "change" | "urgent":
                return [self.change(section, name, entry, urgent=what == "urgent")]
            case "burst":
                return [self.change(section, name, {**entry, "more": number}) for number in range(much)]
            case "gone":
                return [self.change(section, name, None)]
            case "again":
                back = {"verdict": "ok", "new": much}
                return [self.change(section, name, None), self.change(section, name, back)]
            case "single":
                return [self.become({("cron", "monitor")[much % 2]: {"n": self.clock.mono}})]
            case "fat":
                return [self.become({"fat": "xyz"[much % 3] * (1 + self._fat_bytes * much)})]
        return []

    def ages(self, who: int) -> None:
        """Let the evidence of one entry be younger."""
        self.evidence[NAMES[who]] = instant(self.clock.wall)

    def means_a_bookmark(self) -> None:
        """Take down what a bookmark of this moment must say."""
        place = place_of(self.document)
        self.truth.bookmarks[place[0], instant(self.clock.wall)] = place[1], dict(self.evidence)

    def now(self) -> bytes:
        """Give what every follower must hold after a bookmark of this moment."""
        return canonical(aged(self.document, self.evidence, instant(self.clock.wall)))

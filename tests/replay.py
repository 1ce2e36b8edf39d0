"""A whole life at speed: the real board watches the demo platform's own rows, by instants that are given to it."""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from monitor import __version__, plan
from monitor.config import Config
from monitor.demo.flags import FlagFile as DemoFlagFile
from monitor.domain.board import Board
from monitor.domain.brokering import Broker, Relayed
from monitor.domain.connection import Answer, Opening, Pulse
from monitor.domain.listening import Listening
from monitor.domain.signal import At, Event, Sample, Signal, Tick
from monitor.domain.vitals import Round, Vitals
from monitor.sources.flag_file import FlagFile
from monitor.sources.sweep import REST_FACTOR, Pull
from tests.answers import DAY, HOUR, Platform
from tests.seen import Seen

UP_S = 1000.0
"""The monotonic second of the start."""
USUAL_MS = {"history": 300.0, "cron": 8.0, "runs": 4.0, "rates": 4.0, "storage": 20.0, "connections": 5.0}
"""How long a question usually takes, where that is not 2 ms."""


@dataclass
class Puller:
    """One question, asked as `sources/sweep` asks it: each sweep, when hinted at, and never before it has rested."""

    pull: Pull
    name: str
    at_work: bool = False
    hinted: bool = False
    took: float = 0.0
    turn: int = 0


class Replay:
    """A board with all its checks, and a platform whose every row is told to it at its second."""

    def __init__(self, config: Config, platform: Platform, seed: int, begin: float, scratch: Path) -> None:
        self.config, self.platform, self.begin, self.seen = config, platform, begin, Seen()
        self.chance = random.Random(seed)
        self.ticks = self.signals = 0
        self.asked: Counter[str] = Counter()
        self.now = begin
        profile = config.profile
        self.sweep_s, self.sample_s = profile.limits["sweep_s"], profile.limits["sample_s"]
        self.board = Board(
            platform=profile.platform,
            zone=profile.zone.key,
            version=__version__,
            senders=profile.senders,
            checks=plan.checks(config),
            at=self._at(begin),
            explains=profile.explains,
        )
        self._agenda: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = count()
        nobody: object = None
        pulls = plan.pulls(config, nobody, nobody, self._since)
        self._pullers = [Puller(pull, pull.query.name.removesuffix(".sql")) for pull in pulls]
        file = DemoFlagFile(scratch / "flags.env")
        file.write()
        assert profile.flags is not None
        _, flags = FlagFile(str(file.path), frozenset(profile.flags.expected)).read()
        assert flags is not None
        self._flags = replace(flags, changed_at=begin - 7200)
        self._started = begin - 7000

    def run(self, hours: float, each_hour: Callable[[int], None] = lambda _: None) -> None:
        """Live so many hours."""
        begin, end = self.begin, self.begin + hours * HOUR
        self.seen.look_at_all(self.board.document)
        for puller in self._pullers:
            self._plan(begin, self._asking(puller))
        for first, rest_s, step in (
            (0.01, self.sample_s + 0.05, self._pulse),
            (0.03, self.sample_s, self._listening),
            (0.06, self.sweep_s, self._broker),
            (0.02, self.sweep_s, self._read_flags),
            (self.sample_s, self.sample_s, self._vitals),
            (self.sweep_s, self.sweep_s, self._round),
        ):
            self._plan(begin + first, self._again(step, rest_s))
        for number, service in enumerate(self.config.profile.services):
            self._plan(begin + 0.1 * number, self._again(self._probing(service.name), self.sweep_s))
        for hour in range(1, math.floor(hours) + 1):
            self._plan(begin + hour * HOUR, lambda _, hour=hour: each_hour(hour))
        self._plan_signal(iter(self.platform.signals))
        while self._agenda and self._agenda[0][0] <= end:
            when, _, step = heapq.heappop(self._agenda)
            self._let_pass(when)
            self.now = max(self.now, when)
            step(self.now)
        self._let_pass(end)

    def _at(self, unix: float) -> At:
        return At(UP_S + unix - self.begin, unix)

    def _plan(self, when: float, step: Callable[[float], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._numbers), step))

    def _again(self, step: Callable[[float], None], rest_s: float) -> Callable[[float], None]:
        def come(now: float) -> None:
            step(now)
            self._plan(now + rest_s, come)

        return come

    # The engine: the only writer, and what it does while nothing happens.

    def _let_pass(self, until: float) -> None:
        """Tick at every deadline up to an instant; after each the next must lie ahead."""
        last = self._at(until).mono
        while (deadline := self.board.deadline()) <= last:
            mono = max(deadline, self._at(self.now).mono)
            self.now = max(self.now, self.begin + mono - UP_S)
            self._apply(Tick(At(mono, self.begin + mono - UP_S)))
            self.ticks += 1
            assert self.board.deadline() > mono, "the board spins"

    def _apply(self, signal: Signal) -> None:
        self.signals += 1
        change = self.board.apply(signal)
        if change is None:
            return
        self.seen.take(change, signal.at.mono - UP_S)
        for check in sorted(change.look_again):
            if check == "realtime":
                self._listening(signal.at.wall)
            else:
                self.hint(check)

    def _sample(self, now: float, facts: object) -> None:
        self._apply(Sample(self._at(now), facts))

    # The sweep.

    def hint(self, check: str) -> None:
        for puller in self._pullers:
            if puller.pull.check == check and puller.pull.hinted:
                puller.hinted = True
                if not puller.at_work:
                    self._plan(self.now, self._asking(puller))

    def _asking(self, puller: Puller) -> Callable[[float], None]:
        def ask(now: float) -> None:
            if puller.at_work:
                return
            puller.at_work, puller.hinted = True, False
            puller.turn += 1
            self.asked[puller.name] += 1
            facts = puller.pull.dress(self._ask(puller.name, now + 0.0005), self._at(now).mono)
            took = 0.001 * USUAL_MS.get(puller.name, 2.0) * self.chance.lognormvariate(0, 0.4)
            sweep_s = puller.pull.interval_s(self.sweep_s)
            rest_s = min(max(puller.pull.rest_s, REST_FACTOR * min(puller.took, took)), sweep_s)
            puller.took, turn = took, puller.turn

            def rested(now: float) -> None:
                puller.at_work = False
                if puller.hinted:
                    ask(now)

            def due(now: float) -> None:
                if puller.turn == turn:
                    ask(now)

            self._plan(now + took, lambda then: self._sample(then, facts))
            self._plan(now + took + rest_s, rested)
            self._plan(now + took + sweep_s, due)

        return ask

    def _ask(self, name: str, now: float) -> object:
        platform, profile = self.platform, self.config.profile
        match name:
            case "cron" | "runs":
                return getattr(platform, name)(now, [job.name for job in profile.jobs])
            case "rates":
                return platform.rates(now, self._since())
            case "coverage" | "triggers" | "statements":
                return getattr(platform, name)()
            case _:
                return getattr(platform, name)(now)

    def _since(self) -> float:
        until = self.board.counted_until()
        return self.now - DAY if until is None else until - HOUR

    # The other sources.

    def _ms(self, usual: float) -> float:
        """Draw an ordinary latency: it trembles, and now and then it stumbles."""
        stumble = self.chance.uniform(3, 12) if self.chance.random() < 0.02 else 1.0
        return usual * self.chance.lognormvariate(0, 0.35) * stumble

    def _pulse(self, now: float) -> None:
        ms = self._ms(1.5)
        opens = int((now - self.begin) / self.sweep_s) != int((now - self.begin - self.sample_s - 0.05) / self.sweep_s)
        opening = Opening("opened", connect_ms=self._ms(6.0)) if opens else None
        answer = Answer(ms, 0.1 * ms, self._started)
        self._sample(now, Pulse("127.0.0.1:5432/huph", "huph_monitor", answer, opening))

    def _listening(self, now: float) -> None:
        ms = self._ms(2.5)
        self._sample(now, Listening(frozenset(self.config.profile.channels), ms, self._at(now).mono - ms / 1000))

    def _broker(self, now: float) -> None:
        assert self.config.profile.broker is not None
        url = self.config.profile.broker.url
        told = Broker("connected", url, connect_ms=12.0, round_trip_ms=self._ms(2.0), subscribers=1, listens=True)
        self._sample(now, told)

    def _read_flags(self, now: float) -> None:
        self._sample(now, self._flags)

    def _vitals(self, now: float) -> None:
        longest_ms = min(self._ms(2.0), 90.0)
        memory_mb = 70 + self.chance.uniform(-0.5, 0.5)
        self._sample(now, Vitals(0.0, longest_ms, 0.0, 0.0, memory_mb, 1, {}))

    def _round(self, now: float) -> None:
        self._sample(now, Round(self._ms(60.0), self.chance.choice(["recount", "cron", "triggers"])))

    def _probing(self, name: str) -> Callable[[float], None]:
        target = next(one for one in self.config.profile.services if one.name == name)
        started_at = self._started if target.started_at else None

        def probe(now: float) -> None:
            ms = self._ms(4.0)
            self._sample(now, target.probe("answered", latency_ms=ms, started_at=started_at))

        return probe

    def _plan_signal(self, signals: Iterator[tuple[float, str, dict[str, object]]]) -> None:
        """Plan the next one only: what lies ahead must not look like memory that is given back."""
        if (one := next(signals, None)) is not None:
            at, channel, payload = one
            come = self._signal(channel, payload)

            def next_after(now: float) -> None:
                come(now)
                self._plan_signal(signals)

            self._plan(max(at + self.chance.uniform(0.001, 0.004), self.now), next_after)

    def _signal(self, channel: str, payload: dict[str, object]) -> Callable[[float], None]:
        profile = self.config.profile
        assert profile.broker is not None
        identity = profile.broker.relays[channel].identify(payload)

        def come(now: float) -> None:
            event = Event(self._at(now), channel, payload)
            self._apply(event)
            for check in profile.channels[channel].hints:
                self.hint(check)
            for check in [
                check
                for trigger in profile.triggers
                if trigger.channel == event.channel and trigger.owns(event.payload)
                for check in trigger.hints
            ]:
                self.hint(check)
            if identity is not None:
                self._plan(
                    now + self.chance.uniform(0.005, 0.05), lambda then: self._sample(then, Relayed(channel, identity))
                )

        return come

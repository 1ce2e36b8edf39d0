"""A platform on paper: how people, the bot and counselors write, what may befall them, and a check that watches it.

3 messages a minute at the peak of an ordinary day and nearly none at night, conversations as bursts (geometric, with
`turns` messages of a user in the mean, each answered, now and then by a counselor who has taken over), days that differ
by 20 %, 2 % more every week. With the floor there is always a conversation under way, as on the demo.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from monitor.domain.checks.message_throughput import History, MessageThroughput, Rates, Recent, Recount
from monitor.domain.signal import At, Tick
from monitor.domain.verdict import Judgement

ZONE = ZoneInfo("Asia/Jakarta")
SENDERS = ("user", "bot", "counselor")
MONDAY = 1_798_390_800
"""Monday, 28 December 2026, 00:00 in Jakarta."""
MINUTE, HOUR, DAY, WEEK = 60, 3600, 86_400, 7 * 86_400

_CURVE = (
    *(0.004, 0.002, 0.002, 0.002, 0.004, 0.03, 0.12, 0.35),
    *(0.70, 0.95, 1.00, 0.95, 0.72, 0.85, 0.95, 0.90),
    *(0.75, 0.60, 0.55, 0.68, 0.62, 0.38, 0.14, 0.02),
)
"""Share of the peak at each full hour; between them it runs straight."""
_WEEKDAYS = (1.05, 1.03, 1.0, 1.0, 0.92, 0.55, 0.45)
_PEAK = 3 / 60
"""Messages a second."""
_TAKEN_OVER = 0.1

Said = tuple[float, str]


def conversation(chance: random.Random, turns: float) -> list[Said]:
    """Draw one: the seconds after its beginning, and who speaks."""
    lines: list[Said] = []
    clock, counselor = 0.0, chance.random() < _TAKEN_OVER
    while True:
        lines.append((clock, "user"))
        taken = counselor and chance.random() < 0.5
        answer = clock + (30 + chance.expovariate(1 / 45) if taken else chance.uniform(1, 8))
        lines.append((answer, "counselor" if taken else "bot"))
        clock = max(clock + 2, answer + chance.expovariate(1 / 40) - 3)
        if chance.random() * turns < 1:
            return lines


def talk(seed: int, weeks: int, *, floor: bool = False, turns: float = 5.0) -> list[Said]:
    """Draw so many weeks from Monday on: the instant (Unix seconds) and the sender of each message, in order."""
    chance = random.Random(seed)
    end = float(MONDAY + weeks * WEEK)
    said: list[Said] = []
    over = float(MONDAY)
    for start in (*_arrivals(chance, weeks, _PEAK / (2 * turns)), end):
        while floor and over < start:
            lines = conversation(chance, turns)
            said += [(over + after, who) for after, who in lines]
            over += lines[-1][0]
        if start < end:
            lines = conversation(chance, turns)
            said += [(start + after, who) for after, who in lines]
            over = max(over, start + lines[-1][0])
    return sorted(one for one in said if one[0] < end)


def _arrivals(chance: random.Random, weeks: int, peak: float) -> Iterator[float]:
    """Draw when people come: an even stream of the day's highest rate, thinned out to the curve."""
    for day in range(7 * weeks):
        # The logarithm's mean makes the mean effect 1.
        effect = chance.lognormvariate(-0.02, 0.2) * _WEEKDAYS[day % 7] * 1.02 ** (day / 7)
        second = 0.0
        while (second := second + chance.expovariate(peak * effect)) < DAY:
            hour, share = int(second // HOUR), second % HOUR / HOUR
            if chance.random() < _CURVE[hour] * (1 - share) + _CURVE[(hour + 1) % 24] * share:
                yield MONDAY + day * DAY + second


def without(said: list[Said], begin: float, end: float, *senders: str) -> list[Said]:
    """Let some fall silent for a while; the others go on as before."""
    return [one for one in said if not (begin <= one[0] < end and one[1] in senders)]


def thinned(said: list[Said], begin: float, end: float, share: float, seed: int = 0) -> list[Said]:
    """Let only a share of the messages remain for a while."""
    chance = random.Random(seed)
    return [one for one in said if not begin <= one[0] < end or chance.random() < share]


def loop(said: list[Said], begin: float, end: float, per_minute: float, *senders: str, seed: int = 0) -> list[Said]:
    """Add a loop of senders that answer each other, at an even rate."""
    chance, at, more = random.Random(seed), begin, []
    while (at := at + chance.expovariate(per_minute / 60)) < end:
        more.append((at, senders[len(more) % len(senders)]))
    return sorted(said + more)


def crowded(said: list[Said], begin: float, end: float, *others: list[Said]) -> list[Said]:
    """Let other platforms' people write as well for a while: each doubles or trebles what is said."""
    return sorted(said + [one for other in others for one in other if begin <= one[0] < end])


@dataclass
class Replay:
    """A check that watches the paper platform, at the instants of its messages and of its sweeps."""

    check: MessageThroughput
    said: list[Said]
    sweep_s: float = 30.0
    judgement: Judgement = field(init=False)

    def __post_init__(self) -> None:
        self.at = [when for when, _ in self.said]
        self.of = {sender: [when for when, who in self.said if who == sender] for sender in SENDERS}
        self.judgement = self.check.begin(self._moment(self.at[0]))

    @staticmethod
    def _moment(now: float) -> At:
        return At(now - MONDAY, now)

    def tell(self, facts: object, now: float) -> None:
        self.judgement = self.check.judge(facts, self.judgement, self._moment(now))

    def _windows(self, since: float, now: float) -> list[tuple[int, str, int]]:
        part = self.said[bisect_left(self.at, since) : bisect_right(self.at, now)]
        counted = Counter((int(when) // 300 * 300, who) for when, who in part)
        return sorted((start, who, count) for (start, who), count in counted.items())

    def history(self, now: float, weeks: int = 8) -> None:
        """Let it learn the weeks before, as at its start."""
        since = now - weeks * WEEK
        rows = self._windows(since, now)
        self.tell(History(now, since, *(list(column) for column in zip(*rows, strict=True))), now)
        self.recount(now)
        while self.judgement.memory.learning.lesson is not None:
            at = At(self.judgement.holds_until, now)
            self.judgement = self.check.judge(Tick(at), self.judgement, at)

    def recount(self, now: float) -> None:
        part = self.said[bisect_left(self.at, int(now) - 300) : bisect_right(self.at, now)]
        counted = sorted(Counter((int(when), who) for when, who in part).items())
        self.tell(
            Recount(
                "1:1:",
                now,
                [second for (second, _), _ in counted],
                [who for (_, who), _ in counted],
                [count for _, count in counted],
                len(part),
                part[-1][0] if part else None,
            ),
            now,
        )

    def recent(self, now: float) -> None:
        ends = {sender: bisect_right(self.of[sender], now) for sender in SENDERS}
        newest = {sender: self.of[sender][end - 1] if end else 0.0 for sender, end in ends.items()}

        def since(sender: str, begin: float) -> int:
            return ends[sender] - bisect_left(self.of[sender], begin)

        answered = max(newest["bot"], newest["counselor"])
        self.tell(
            Recent(
                now,
                list(SENDERS),
                [since(sender, now - 900) for sender in SENDERS],
                [since(sender, now - 3600) for sender in SENDERS],
                [newest[sender] for sender in SENDERS],
                since("user", max(answered, now - 3600)),
            ),
            now,
        )

    def rates(self, now: float) -> None:
        since = now - 2 * HOUR
        rows = self._windows(since, now)
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], []]
        self.tell(Rates(now, since, *columns), now)

    def instants(self, begin: float, end: float) -> Iterator[tuple[float, bool]]:
        """Give when it looks: at each message, and in every sweep (True)."""
        sweep, index = begin, bisect_right(self.at, begin)
        while sweep < end:
            while index < len(self.at) and self.at[index] <= sweep:
                yield self.at[index], False
                index += 1
            yield sweep, True
            sweep += self.sweep_s

    def looks(self, begin: float, end: float) -> Iterator[float]:
        """Look from one instant to another; give each instant at which it has looked."""
        for now, sweep in self.instants(begin, end):
            self.recount(now)
            if sweep:
                self.rates(now)
            self.recent(now)
            yield now

    def watch(self, begin: float, end: float) -> Iterator[tuple[float, str, dict]]:
        """Look from one instant to another; give each reason as it begins: when, code, params."""
        before: set[str] = set()
        for now in self.looks(begin, end):
            codes = {reason.code: reason.params for reason in self.judgement.reasons}
            for code in codes.keys() - before:
                yield now, code, dict(codes[code])
            before = set(codes)

"""The sweep: every 30 s each pulled question, each with its own deadline; counted ones also when hinted at."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from monitor.clock import Clock
from monitor.database import Session
from monitor.domain.signal import Emit, Hint, Sample, Trouble
from monitor.domain.vitals import Round
from monitor.errors import ProfileError
from monitor.refusals import Turned, Unavailable
from monitor.sources.queries import Outcome, Query

log = structlog.get_logger()
REST_FACTOR = 20
"""A question rests 20 times as long as it took: so it never takes more than 5 % of one of the database's cores."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One question of one check: how it is asked, by which session, and how soon it may be asked again (seconds).

    It is asked in every `every`-th sweep, or at a pace of its own (`pace_s`), with `arguments` made anew each time. An
    `optional` one may be turned away without a word to the check. One that is not `hinted` is asked in its sweeps only,
    unless it was not answered yet; one that is not asked `on_signal` also when the board wishes, but not whenever the
    platform signals. `dress` makes of the answer, and the monotonic second before it was asked for, the
    facts that are emitted.
    """

    check: str
    query: Query
    session: Session
    rest_s: float
    every: int = 1
    optional: bool = False
    hinted: bool = True
    on_signal: bool = True
    arguments: Callable[[], Sequence[object]] = tuple
    dress: Callable[[Any, float], object] = lambda facts, _: facts
    pace_s: float | None = None

    def interval_s(self, sweep_s: float) -> float:
        return self.pace_s if self.pace_s is not None else sweep_s * self.every


class Puller:
    """Asks one question: in its sweeps and whenever told to look; never stacked, leading edge at once."""

    def __init__(self, pull: Pull, sweep_s: float, clock: Clock, emit: Emit, hint: Hint) -> None:
        self.pull = pull
        self._sweep_s = pull.interval_s(sweep_s)
        self._clock = clock
        self._emit = emit
        self._hint = hint
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        self._waiting: list[asyncio.Future[Outcome]] = []
        self._troubled = False
        self._answered = True
        self._outcome: Outcome = "lost"
        self._began: float | None = None
        self._longest = 0.0

    def look(self, *, wished: bool = False) -> None:
        """Ask as soon as it has rested; `wished` by the board, or because of a signal."""
        if (self.pull.hinted and (wished or self.pull.on_signal)) or not self._answered:
            self._wake.set()

    async def answer(self) -> Outcome:
        """Have it asked anew, rested or not; say how that ended."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append(answered)
        self._urgent.set()
        self._wake.set()
        return await answered

    async def run(self) -> None:
        """Ask for ever."""
        took = 0.0
        while True:
            self._wake.clear()
            self._urgent.clear()
            waiting, self._waiting = self._waiting, []
            self._began = self._clock.now().mono
            before, took = took, await self._ask()
            self._longest, self._began = max(self._longest, self._clock.now().mono - self._began), None
            for one in waiting:
                if not one.done():
                    one.set_result(self._outcome)
            # One slow answer is a stumble (a cold session, a busy host); two in a row are what it costs.
            rest = min(max(self.pull.rest_s, REST_FACTOR * min(before, took)), self._sweep_s)
            await _passed(rest, self._urgent)
            await _passed(max(0.0, self._sweep_s - rest), self._wake)

    def account(self) -> tuple[float, bool]:
        """Say how long its longest answer took since the last account (s), and whether one is overdue by a sweep."""
        under_way = self._clock.now().mono - self._began if self._began is not None else 0.0
        longest, self._longest = max(self._longest, under_way), 0.0
        return longest, under_way >= self._sweep_s

    async def _ask(self) -> float:
        pull, started = self.pull, self._clock.now().mono
        self._outcome = "turned away"
        try:
            rows, ms = await pull.session.ask(pull.query.sql, *pull.arguments())
            facts = pull.query.read(rows)
        except Unavailable:
            # The pulse finds out what it means; this question waits until it is told to look again.
            self._answered, self._outcome = False, "lost"
            self._hint("db")
            return 0.0
        except Turned as turned:
            if turned.params.get("limit") == "client":
                self._hint("db")
            self._trouble(Trouble(pull.check, pull.query.facts.__name__, turned.kind, turned.params))
            return self._clock.now().mono - started
        except ProfileError as error:
            if not self._troubled:
                log.warning("query.refused", query=pull.query.name, error=str(error))
            params = {"where": pull.query.name, "code": "profile"}
            self._trouble(Trouble(pull.check, pull.query.facts.__name__, "error", params))
            return self._clock.now().mono - started
        self._troubled, self._answered, self._outcome = False, True, "answered"
        self._emit(Sample(self._clock.now(), pull.dress(facts, started)))
        return ms / 1000

    def _trouble(self, trouble: Trouble) -> None:
        if not self._troubled:
            log.warning("query.turned_away", query=self.pull.query.name, kind=trouble.kind, **trouble.params)
        self._troubled, self._answered = True, False
        if not self.pull.optional:
            self._emit(Sample(self._clock.now(), trouble))


async def _passed(seconds: float, unless: asyncio.Event) -> None:
    """Wait so long, unless this happens."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await unless.wait()


class Sweep:
    """All pulled questions, each in a task of its own within one group."""

    def __init__(self, pulls: Sequence[Pull], sweep_s: float, clock: Clock, emit: Emit, hint: Hint) -> None:
        self._pullers = [Puller(pull, sweep_s, clock, emit, hint) for pull in pulls]
        self._sweep_s, self._clock, self._emit = sweep_s, clock, emit

    def look(self, check: str, *, wished: bool = False) -> None:
        """Look at this check again: a signal hinted at it, or the board wishes it."""
        for puller in self._pullers:
            if puller.pull.check == check:
                puller.look(wished=wished)

    def look_everywhere(self) -> None:
        """Look at everything again."""
        for puller in self._pullers:
            puller.look(wished=True)

    async def answer(self, query: str) -> Outcome:
        """Have this question asked anew, at once; say how that ended."""
        return await next(puller for puller in self._pullers if puller.pull.query.name == f"{query}.sql").answer()

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for puller in self._pullers:
                group.create_task(puller.run(), name=f"sweep: {puller.pull.query.name}")
            group.create_task(self._account(), name="sweep: account of the round")

    async def _account(self) -> None:
        """Say for ever how long a round takes: the longest answers of all questions in one sweep, added up."""
        while self._pullers:
            await asyncio.sleep(self._sweep_s)
            told = {puller.pull.query.name: puller.account() for puller in self._pullers}
            slowest = max(told, key=lambda name: told[name][0])
            skipped = sum(overdue for _, overdue in told.values())
            ms = 1000 * sum(took for took, _ in told.values())
            self._emit(Sample(self._clock.now(), Round(ms, slowest.removesuffix(".sql"), skipped)))

"""Runs the probes: each service in a task of its own, every sweep and on a hint, a miss asked again at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from monitor.clock import Clock
from monitor.domain.probing import Kind, Probe, ServiceTarget
from monitor.domain.signal import Emit, Sample
from monitor.sources.probes import http, refusal, tcp, valkey
from monitor.sources.probes.names import Names

Ask = Callable[[ServiceTarget, Sequence[str], float], Awaitable[Probe]]
ASKS: Mapping[Kind, Ask] = {"http": http.ask, "tcp": tcp.ask, "valkey": valkey.ask}
SPREAD_S = 0.1
"""Between the first probes of two services: so that a round is no burst."""
REST_S = 1.0
"""Between two looks at one service, however often it is hinted at."""
MISSES = {"refused", "timeout", "no_such_name", "bad_answer"}


@dataclass(slots=True)
class Turn:
    """One service, and whether its last probe was a miss."""

    target: ServiceTarget
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    missed: bool = False


class Services:
    """Asks every service for ever.

    `lag_since` says by how many seconds our own loop lagged since a monotonic second: a sample of which more than half
    is our own lag is thrown away.
    """

    def __init__(
        self,
        targets: Sequence[ServiceTarget],
        *,
        sweep_s: float,
        timeout_s: float,
        clock: Clock,
        emit: Emit,
        names: Names | None = None,
        lag_since: Callable[[float], float] = lambda _: 0.0,
        asks: Mapping[Kind, Ask] = ASKS,
    ) -> None:
        self._turns = {target.name: Turn(target) for target in targets}
        self._sweep_s = sweep_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._emit = emit
        self._names = names if names is not None else Names(self._say)
        self._lag_since = lag_since
        self._asks = asks

    def look(self, name: str | None = None) -> None:
        """Ask this service as soon as it has rested; all of them when none is named."""
        for turn in self._turns.values():
            if name is None or turn.target.name == name:
                turn.wake.set()

    async def run(self) -> None:
        """Ask for ever."""
        async with asyncio.TaskGroup() as group:
            for number, turn in enumerate(self._turns.values()):
                group.create_task(self._follow(turn, number * SPREAD_S), name=f"service: {turn.target.name}")
            # Without any service there is nothing to do, but this task is one that never ends.
            await asyncio.get_running_loop().create_future()

    async def _follow(self, turn: Turn, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        while True:
            turn.wake.clear()
            began = self._clock.now().mono
            before = turn.missed
            if await self._look(turn) and not before:
                # The second at once; one that lasts is asked once a round.
                await self._look(turn)
            await asyncio.sleep(REST_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + self._sweep_s - self._clock.now().mono)):
                    await turn.wake.wait()

    async def _look(self, turn: Turn) -> bool:
        """Ask, and say what came; give whether it was a miss."""
        probe = await self._ask(turn.target) or await self._ask(turn.target)
        if probe is None:
            return False
        self._say(probe)
        missed = probe.outcome in MISSES
        if missed or probe.outcome == "answered":
            turn.missed = missed
        return missed

    async def _ask(self, target: ServiceTarget) -> Probe | None:
        """Ask once; None when our own loop stood in the way."""
        # A name server that takes its time takes none of the service's.
        found = await self._names.find(target.host)
        if found.outcome == "closed":
            return target.probe("bad_answer", refusal.NOT_ALLOWED)
        if found.outcome != "found":
            return target.probe(found.outcome)
        began = self._clock.now().mono
        probe = await self._asks[target.kind](target, found.addresses, self._timeout_s)
        took = self._clock.now().mono - began
        return probe if self._lag_since(began) <= took / 2 else None

    def _say(self, facts: object) -> None:
        self._emit(Sample(self._clock.now(), facts))

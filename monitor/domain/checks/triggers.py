"""The triggers that feed the realtime path: are they there, are they switched on, when did each fire last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.catalogue import STATES, Catalogue, Trigger
from monitor.domain.signal import At, Event
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import Tally


@dataclass(frozen=True, slots=True)
class Memory:
    watching_since: float
    found: Mapping[tuple[str, str], tuple[str, str]] | None = None
    last_fired: Mapping[str, float] = field(default_factory=dict)
    fired: Mapping[str, Tally] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Triggers:
    expected: tuple[Trigger, ...]
    ttl_s: float = 65

    name = "triggers"
    section = "checks"
    takes = (Catalogue, Event)
    evidence = (Catalogue,)
    limits: Mapping[str, Scalar] = field(default_factory=dict)

    def begin(self, at: At) -> Judgement[Memory]:
        return Judgement(Memory(watching_since=at.wall))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        if isinstance(facts, Catalogue):
            rows = zip(facts.relation, facts.trigger, facts.function, facts.enabled, strict=True)
            memory = replace(memory, found={(table, name): (function, on) for table, name, function, on in rows})
        fired = {name: tally.at(at.mono) for name, tally in memory.fired.items()}
        last_fired = dict(memory.last_fired)
        if isinstance(facts, Event):
            for trigger in self.expected:
                if trigger.fired(facts):
                    last_fired[trigger.name] = facts.at.wall
                    fired[trigger.name] = fired.get(trigger.name, Tally()).add(at.mono)
        memory = replace(memory, fired=fired, last_fired=last_fired)
        states = {trigger.name: self._state(memory, trigger) for trigger in self.expected}
        working = sum(state in {"enabled", "always"} for state in states.values())
        return Judgement(
            memory,
            reasons=self._reasons(memory, states) if memory.found is not None else (),
            headline={"value": working, "of": len(self.expected)} if memory.found is not None else None,
            detail=self._detail(memory, states),
            holds_until=min((tally.next_change() for tally in fired.values()), default=math.inf),
        )

    @staticmethod
    def _state(memory: Memory, trigger: Trigger) -> str:
        if memory.found is None:
            return ""
        row = memory.found.get((trigger.table, trigger.name))
        return "missing" if row is None else STATES.get(row[1], row[1])

    def _reasons(self, memory: Memory, states: Mapping[str, str]) -> tuple[Reason, ...]:
        reasons = []
        for wanted, code in (("missing", "triggers.missing"), ("disabled", "triggers.disabled")):
            silent = {"missing": ("missing",), "disabled": ("disabled", "replica")}[wanted]
            trigger = next((one for one in self.expected if states[one.name] in silent), None)
            if trigger is None:
                continue
            params: dict[str, Scalar] = {"trigger": trigger.name, "table": trigger.table}
            if wanted == "disabled":
                params["mode"] = states[trigger.name]
            if trigger.name in memory.last_fired:
                params["last_fired"] = instant(memory.last_fired[trigger.name])
            reasons.append(Reason(code, Verdict.FAIL, params))
        return tuple(reasons)

    def _detail(self, memory: Memory, states: Mapping[str, str]) -> dict[str, object]:
        rows: dict[str, object] = {}
        for trigger in self.expected:
            tally = memory.fired.get(trigger.name, Tally())
            row: dict[str, Scalar] = {"table": trigger.table, "channel": trigger.channel, "fired_5m": tally.total}
            if memory.found is not None:
                row["state"] = states[trigger.name]
                if found := memory.found.get((trigger.table, trigger.name)):
                    row["function"] = found[0]
            if trigger.name in memory.last_fired:
                row["last_fired"] = instant(memory.last_fired[trigger.name])
            rows[trigger.name] = row
        return {"watching_since": instant(memory.watching_since), "triggers": rows}

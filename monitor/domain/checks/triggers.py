"""The triggers that feed the realtime path: are they there and on, as they were, and does each row bring its signal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.catalogue import SHOWN, WORKING, Catalogue, Found, RowsSeen, Silent, Trigger, found
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.oddities import Unexplained
from monitor.domain.proving import Proving
from monitor.domain.signal import At, Burst, Dropped, Event, Gap
from monitor.domain.verdict import Judgement, Params, Reason, Scalar, Verdict, instant
from monitor.domain.window import Tally


@dataclass(frozen=True, slots=True)
class Memory:
    """What it remembers, by the trigger's name.

    `accepted` is the hash of the definition that is taken for right, `changed` another one and since which Unix second
    it has been seen, `longest` the most bytes that a signal had, `silent` since when a channel's trigger does not fire.
    """

    watching_since: float
    found: Mapping[str, Found] | None = None
    last_fired: Mapping[str, float] = field(default_factory=dict)
    fired: Mapping[str, Tally] = field(default_factory=dict)
    longest: Mapping[str, int] = field(default_factory=dict)
    accepted: Mapping[str, str] = field(default_factory=dict)
    changed: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    proving: Mapping[str, Proving] = field(default_factory=dict)
    silent: Mapping[str, float] = field(default_factory=dict)
    unexplained: tuple[Unexplained, ...] = ()


@dataclass(frozen=True, slots=True)
class Triggers:
    expected: tuple[Trigger, ...]
    ttl_s: float = 65
    mute_rows: int = field(default=3, kw_only=True)
    mute_settle_s: float = field(default=10, kw_only=True)
    leak_hold_min: float = field(default=60, kw_only=True)

    name = "triggers"
    section = "checks"
    takes = (Catalogue, Event, Burst, Listening, SignalLost, Gap, Dropped, RowsSeen)
    evidence = (Catalogue,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        if not any(trigger.rows for trigger in self.expected):
            return {}
        return {
            "mute_rows": self.mute_rows,
            "mute_settle_s": self.mute_settle_s,
            "leak_hold_min": self.leak_hold_min,
        }

    def begin(self, at: At) -> Judgement[Memory]:
        counted = [trigger for trigger in self.expected if trigger.rows]
        hold_s = 60 * self.leak_hold_min
        return Judgement(
            Memory(
                watching_since=at.wall,
                accepted={trigger.name: trigger.accepted for trigger in self.expected if trigger.accepted},
                proving={
                    trigger.name: Proving(bool(trigger.key), self.mute_rows, self.mute_settle_s, hold_s)
                    for trigger in counted
                },
            )
        )

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = self._take(facts, self._at(previous.memory, at), at)
        states = {trigger.name: self._state(memory, trigger) for trigger in self.expected}
        memory = replace(memory, silent=self._silent(memory, states, at))
        known = memory.found is not None
        working = sum(state in WORKING and not _mute(memory, name) for name, state in states.items())
        changes = [tally.next_change() for tally in memory.fired.values()]
        changes += [proving.next_change(at.mono) for proving in memory.proving.values()]
        reasons = self._reasons(memory, states, at) if known else ()
        return Judgement(
            memory,
            reasons=reasons,
            headline={"value": working, "of": len(self.expected)} if known else None,
            detail=self._detail(memory, states),
            holds_until=min(changes, default=math.inf),
            since=self._since(memory, reasons),
            tells=(*([Silent(memory.silent)] if known else []), *memory.unexplained),
        )

    @staticmethod
    def _at(memory: Memory, at: At) -> Memory:
        return replace(
            memory,
            fired={name: tally.at(at.mono) for name, tally in memory.fired.items()},
            proving={name: proving.at(at.mono) for name, proving in memory.proving.items()},
        )

    def _take(self, facts: object, memory: Memory, at: At) -> Memory:
        match facts:
            case Event() | Burst():
                for trigger in self.expected:
                    if trigger.channel == facts.channel:
                        memory = self._take_signals(memory, trigger, facts)
            case Catalogue():
                memory = self._take_catalogue(memory, facts, at)
            case RowsSeen() if facts.trigger in memory.proving:
                memory = self._take_rows(memory, facts, at)
            case Listening():
                channels = {trigger.name: trigger.channel for trigger in self.expected}
                heard = {name for name, channel in channels.items() if channel in facts.channels}
                judged = {
                    name: proving.listen(facts.sent, at) if name in heard else proving.deafen()
                    for name, proving in memory.proving.items()
                }
                memory = replace(memory, proving=judged)
            case Gap() | SignalLost() | Dropped():
                deaf = {name: proving.deafen() for name, proving in memory.proving.items()}
                memory = replace(memory, proving=deaf)
            case _:
                pass
        return memory

    @staticmethod
    def _take_signals(memory: Memory, trigger: Trigger, signals: Event | Burst) -> Memory:
        name, mono = trigger.name, signals.at.mono
        own = [payload for payload in signals.payloads if trigger.owns(payload)]
        # Of those that nobody read, only a channel of its own says whose they are.
        fired = len(own) + (signals.unread if not trigger.match else 0)
        proving = memory.proving
        if name in proving:
            one = proving[name].hear([trigger.identify(payload) for payload in own], mono)
            proving = {**proving, name: one.overhear(mono) if signals.unread else one}
        if not fired:
            return replace(memory, proving=proving)
        return replace(
            memory,
            last_fired={**memory.last_fired, name: signals.at.wall},
            fired={**memory.fired, name: memory.fired.get(name, Tally()).add(mono, fired)},
            longest={**memory.longest, name: max(memory.longest.get(name, 0), signals.size)},
            proving=proving,
        )

    def _take_rows(self, memory: Memory, facts: RowsSeen, at: At) -> Memory:
        before = memory.proving[facts.trigger]
        strange = min(facts.rows.unexplained, len(before.unclaimed(facts.asked)))
        channel = next(trigger.channel for trigger in self.expected if trigger.name == facts.trigger)
        return replace(
            memory,
            proving={**memory.proving, facts.trigger: before.see(facts, at)},
            unexplained=(Unexplained(channel, strange, at.mono),) if strange else memory.unexplained,
        )

    def _take_catalogue(self, memory: Memory, facts: Catalogue, at: At) -> Memory:
        rows = found(facts)
        seen = {one.name: rows[one.table, one.name] for one in self.expected if (one.table, one.name) in rows}
        accepted = {name: row.hash for name, row in seen.items()} | dict(memory.accepted)
        changed = {}
        for name, row in seen.items():
            if not row.hash.startswith(accepted[name]):
                before = memory.changed.get(name)
                changed[name] = before if before is not None and before[0] == row.hash else (row.hash, at.wall)
        proving = {
            name: one.fit(at, working=name in seen and seen[name].state in WORKING)
            for name, one in memory.proving.items()
        }
        return replace(memory, found=seen, accepted=accepted, changed=changed, proving=proving)

    # What follows from it.

    @staticmethod
    def _state(memory: Memory, trigger: Trigger) -> str:
        if memory.found is None:
            return ""
        row = memory.found.get(trigger.name)
        return "missing" if row is None else row.state

    def _silent(self, memory: Memory, states: Mapping[str, str], at: At) -> Mapping[str, float]:
        """Say which channels have a trigger that does not fire; since the first of them was found."""
        silent: dict[str, float] = {}
        for trigger in self.expected:
            if states[trigger.name] in {"missing", "disabled", "replica"} or _mute(memory, trigger.name):
                silent.setdefault(trigger.channel, memory.silent.get(trigger.channel, at.wall))
        return silent

    def _reasons(self, memory: Memory, states: Mapping[str, str], at: At) -> tuple[Reason, ...]:
        """Give all that are true, in the catalogue's order; of each the first trigger of the profile."""
        true: dict[str, Reason] = {}
        for trigger in self.expected:
            reasons = [
                self._by_catalogue(memory, trigger, states[trigger.name]),
                *self._by_rows(memory, trigger, at),
                *self._by_definition(memory, trigger),
            ]
            for reason in reasons:
                if reason is not None:
                    true.setdefault(reason.code, reason)
        return tuple(true[code] for code in RANKED if code in true)

    @staticmethod
    def _by_catalogue(memory: Memory, trigger: Trigger, state: str) -> Reason | None:
        fired: Params = {}
        if trigger.name in memory.last_fired:
            fired = {"last_fired": instant(memory.last_fired[trigger.name])}
        if state == "missing":
            gone: Params = {"trigger": trigger.name, "table": trigger.table, **fired}
            return Reason("triggers.missing", Verdict.FAIL, gone)
        if state in {"disabled", "replica"}:
            off: Params = {"trigger": trigger.name, "table": trigger.table, "mode": state, **fired}
            return Reason("triggers.disabled", Verdict.FAIL, off)
        return None

    @staticmethod
    def _by_rows(memory: Memory, trigger: Trigger, at: At) -> list[Reason]:
        reasons = []
        proving = memory.proving.get(trigger.name)
        if proving is not None and (mute := proving.mute) is not None:
            params: Params = {
                "trigger": trigger.name,
                "table": trigger.table,
                "rows": mute.count,
                "notifies": 0,
                "since": instant(mute.first),
            }
            reasons.append(Reason("triggers.mute", Verdict.FAIL, params))
        if proving is not None and (leak := proving.leaking(at.mono)) is not None:
            params = {
                "trigger": trigger.name,
                "table": trigger.table,
                "missing": leak.count,
                "rows": leak.rows,
                "from": instant(leak.first),
                "to": instant(leak.last),
            }
            reasons.append(Reason("triggers.leaking", Verdict.WARN, params))
        return reasons

    @staticmethod
    def _by_definition(memory: Memory, trigger: Trigger) -> list[Reason]:
        reasons = []
        if (changed := memory.changed.get(trigger.name)) is not None:
            params: Params = {
                "trigger": trigger.name,
                "table": trigger.table,
                "at": instant(changed[1]),
                "hash": changed[0][:SHOWN],
            }
            reasons.append(Reason("triggers.redefined", Verdict.WARN, params))
        row = (memory.found or {}).get(trigger.name)
        # A definition that the profile accepts by its hash is accepted with what it sends.
        if row is not None and row.whole_row and (not trigger.accepted or changed is not None):
            hazard: Params = {
                "trigger": trigger.name,
                "table": trigger.table,
                "longest_bytes": memory.longest.get(trigger.name, 0),
            }
            reasons.append(Reason("triggers.payload_hazard", Verdict.OK, hazard))
        return reasons

    @staticmethod
    def _since(memory: Memory, reasons: tuple[Reason, ...]) -> float | None:
        """Give the Unix second at which the first rows without a signal were seen, where nothing else has failed."""
        if [reason.code for reason in reasons if reason.verdict is Verdict.FAIL] != ["triggers.mute"]:
            return None
        return min(one.mute.seen for one in memory.proving.values() if one.mute is not None)

    def _detail(self, memory: Memory, states: Mapping[str, str]) -> dict[str, object]:
        rows: dict[str, object] = {}
        for trigger in self.expected:
            tally = memory.fired.get(trigger.name, Tally())
            row: dict[str, object] = {"table": trigger.table, "channel": trigger.channel, "fired_5m": tally.total}
            if memory.found is not None:
                row["state"] = states[trigger.name]
                if (one := memory.found.get(trigger.name)) is not None:
                    row |= {"function": one.function, "hash": one.hash[:SHOWN], "level": one.level}
                    row |= {"hazard": one.hazard} if one.hazard is not None else {}
                    row |= {} if one.notifies else {"notifies": False}
            if trigger.name in memory.last_fired:
                row["last_fired"] = instant(memory.last_fired[trigger.name])
            rows[trigger.name] = row | _proven(memory.proving.get(trigger.name))
        return {"watching_since": instant(memory.watching_since), "triggers": rows}


RANKED = (
    "triggers.missing",
    "triggers.disabled",
    "triggers.mute",
    "triggers.leaking",
    "triggers.redefined",
    "triggers.payload_hazard",
)


def _mute(memory: Memory, name: str) -> bool:
    return name in memory.proving and memory.proving[name].mute is not None


def _proven(proving: Proving | None) -> dict[str, object]:
    """Give what is known of a trigger's rows, where they are counted."""
    if proving is None or proving.proof is None:
        return {}
    proof = proving.proof
    told: dict[str, object] = {"mute": True} if proving.mute is not None else {}
    return told | {
        "rows_5m": sum(rows for _, rows, _ in proving.lately),
        "unsignalled_5m": sum(missed for _, _, missed in proving.lately),
        "proof": {
            "from": instant(proof.since),
            "to": instant(proof.until),
            "rows": proof.rows,
            "signals": proof.signals,
        },
    }

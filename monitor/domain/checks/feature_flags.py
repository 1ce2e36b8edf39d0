"""The feature flags of the platform: read from where it reads them, one by one, and nothing else that stands there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from monitor.domain.listing import listed
from monitor.domain.probing import Probe
from monitor.domain.quoting import quoted
from monitor.domain.signal import At
from monitor.domain.typed import canonical
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant


@dataclass(frozen=True, slots=True)
class FlagSettings:
    """Where the flags are found (`source`: file, http or sql), and which are `expected`: name -> bool, int or text.

    `applied_by` names the service that reads the file when it starts.
    """

    source: str
    path: str = ""
    url: str = ""
    expected: Mapping[str, str] = field(default_factory=dict)
    applied_by: str = ""


@dataclass(frozen=True, slots=True)
class Flags:
    """What was found; `values` (texts as they stand there) and `lines` hold expected names only.

    `broken` are the lines that do not parse, as (flag, line), in their order: "?" where no expected flag is seen in
    it, line 0 where there are no lines; a flag that stands twice is broken too. `changed_at` is the file's (Unix
    seconds).
    """

    source: str
    where: str
    state: Literal["read", "absent", "unreadable"]
    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    broken: tuple[tuple[str, int], ...] = ()
    changed_at: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """One flag as it was read; a value that does not fit its type is not kept."""

    state: Literal["read", "missing", "malformed"]
    value: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Memory:
    """`known` holds the last good value of each flag (None = not set); `changed`, when another one was seen.

    `stray` is the first line that does not parse and names no flag; `absent`, since when the file has been away.
    """

    source: str = ""
    state: Literal["nothing", "read", "absent", "unreadable"] = "nothing"
    where: str = ""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    stray: int | None = None
    file_changed_at: float | None = None
    known: Mapping[str, str | None] = field(default_factory=dict)
    changed: Mapping[str, float] = field(default_factory=dict)
    absent: At | None = None
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class FeatureFlags:
    """Judges the `expected` flags: name -> type."""

    expected: Mapping[str, str]
    applied_by: str = ""
    absent_s: float = 2
    ttl_s: float = 65

    name = "feature_flags"
    section = "checks"
    takes = (Flags, Probe)
    evidence = (Flags,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"absent_s": self.absent_s}

    def begin(self, _: At) -> Judgement[Memory]:
        return Judgement(Memory(), detail=self._detail(Memory()))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        if isinstance(facts, Flags):
            memory = replace(memory, source=facts.source, where=facts.where)
        match facts:
            case Flags(state="read"):
                memory = self._read(memory, facts, at)
            case Flags(state="unreadable"):
                memory = replace(memory, state="unreadable", absent=None)
            case Flags():
                memory = replace(memory, absent=memory.absent or at)
            case Probe() if facts.service == self.applied_by:
                # A service that does not answer has not been started anew: what it said last holds.
                answered = facts.outcome == "answered"
                memory = replace(memory, started_at=facts.started_at if answered else memory.started_at)
            case Probe():
                return previous
            case _:
                pass
        return self._conclude(memory, at)

    def _read(self, memory: Memory, facts: Flags, at: At) -> Memory:
        readings = {name: _reading(name, kind, facts) for name, kind in self.expected.items()}
        known, changed = dict(memory.known), dict(memory.changed)
        for name, reading in readings.items():
            if reading.state == "malformed":
                continue
            value = reading.value if reading.state == "read" else None
            if name in known and known[name] != value:
                changed[name] = at.wall
            known[name] = value
        return replace(
            memory,
            state="read",
            readings=readings,
            stray=next((line for name, line in facts.broken if name not in self.expected), None),
            file_changed_at=facts.changed_at,
            known=known,
            changed=changed,
            absent=None,
        )

    def _conclude(self, memory: Memory, at: At) -> Judgement[Memory]:
        holds_until = math.inf
        if memory.absent is not None and memory.state != "absent":
            # An editor takes the file away for an instant; until it was away for longer, the old judgement stays.
            holds_until = memory.absent.mono + self.absent_s
            if at.mono >= holds_until:
                memory, holds_until = replace(memory, state="absent"), math.inf
        headline = None
        if memory.state in {"read", "absent"}:
            headline = {"value": _loaded(memory), "of": len(self.expected)}
        return Judgement(
            memory,
            reasons=self._reasons(memory),
            headline=headline,
            detail=self._detail(memory),
            holds_until=holds_until,
            since=memory.absent.wall if memory.state == "absent" and memory.absent is not None else None,
        )

    def _reasons(self, memory: Memory) -> tuple[Reason, ...]:
        match memory.state:
            case "nothing":
                return (Reason("unknown.starting", Verdict.UNKNOWN),) if memory.absent is not None else ()
            case "unreadable":
                denied = {"object": memory.where, "right": "read"}
                return (Reason("unknown.permission", Verdict.UNKNOWN, denied),)
            case "absent":
                assert memory.absent is not None
                gone = {"path": memory.where, "since": instant(memory.absent.wall)}
                return (Reason("feature_flags.file_missing", Verdict.FAIL, gone),)
            case _:
                told = (self._malformed(memory), self._missing(memory), self._not_applied(memory))
                return tuple(reason for reason in told if reason is not None)

    def _malformed(self, memory: Memory) -> Reason | None:
        found = [
            (one.line, name, self.expected[name]) for name, one in memory.readings.items() if one.state == "malformed"
        ]
        if memory.stray is not None:
            found.append((memory.stray, "?", "line" if memory.source == "file" else "object"))
        if not found:
            return None
        line, name, kind = min(found, key=lambda one: one[0])
        params: dict[str, Scalar] = {"flag": name, "expected_type": kind}
        if line:
            params["line"] = line
        return Reason("feature_flags.malformed", Verdict.WARN, params)

    def _missing(self, memory: Memory) -> Reason | None:
        names = [name for name, one in memory.readings.items() if one.state == "missing"]
        if not names:
            return None
        counts = {"loaded": _loaded(memory), "expected": len(self.expected)}
        return Reason("feature_flags.missing", Verdict.WARN, {"flags": listed(names), **counts})

    def _not_applied(self, memory: Memory) -> Reason | None:
        changed_at, started_at = memory.file_changed_at, memory.started_at
        # Many services tell their start in whole seconds: a change within that second came before it.
        if changed_at is None or started_at is None or changed_at < math.floor(started_at) + 1:
            return None
        instants = {"changed_at": instant(changed_at), "api_started_at": instant(started_at)}
        return Reason("feature_flags.not_applied", Verdict.OK, instants)

    def _detail(self, memory: Memory) -> dict[str, object]:
        detail: dict[str, object] = {"source": memory.source, "where": memory.where} if memory.source else {}
        if memory.state == "read" and memory.file_changed_at is not None:
            detail["changed_at"] = instant(memory.file_changed_at)
        if self.applied_by:
            detail["applied_by"] = self.applied_by
        if memory.started_at is not None:
            detail["api_started_at"] = instant(memory.started_at)
        detail["flags"] = {name: self._row(memory, name) for name in self.expected}
        return detail

    def _row(self, memory: Memory, name: str) -> dict[str, Scalar]:
        row: dict[str, Scalar] = {"type": self.expected[name]}
        if memory.state == "absent":
            row["state"] = "missing"
        elif memory.state == "read":
            reading = memory.readings[name]
            row["state"] = reading.state
            if reading.state == "read":
                row["value"] = reading.value
            if reading.line:
                row["line"] = reading.line
        if name in memory.changed:
            row["changed_at"] = instant(memory.changed[name])
        return row


def _reading(name: str, kind: str, facts: Flags) -> Reading:
    broken = next((line for flag, line in facts.broken if flag == name), None)
    if broken is not None:
        return Reading("malformed", line=broken)
    if name not in facts.values:
        return Reading("missing")
    value, line = canonical(kind, facts.values[name]), facts.lines.get(name, 0)
    # What does not fit may be anything, a secret that was pasted into the wrong line as well.
    return Reading("malformed", line=line) if value is None else Reading("read", quoted(value), line)


def _loaded(memory: Memory) -> int:
    return sum(one.state == "read" for one in memory.readings.values()) if memory.state == "read" else 0

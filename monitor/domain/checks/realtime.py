"""The realtime path, as far as it is watched: PostgreSQL's notifications on our own listening connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.damping import settled
from monitor.domain.listening import Listening
from monitor.domain.signal import At, Event, Gap
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant
from monitor.domain.window import Tally


@dataclass(frozen=True, slots=True)
class Memory:
    started: float
    listening: Listening | None = None
    listening_since: float = 0.0
    gap: Gap | None = None
    gap_since: float = 0.0
    missing_since: float = 0.0
    last_event: Mapping[str, float] = field(default_factory=dict)
    events: Mapping[str, Tally] = field(default_factory=dict)
    unreadable: Tally = field(default_factory=Tally)
    shown_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Realtime:
    """`channels` maps each channel to whether it belongs to the realtime path of the platform."""

    channels: Mapping[str, bool]
    canary_deadline_s: float = 3
    ttl_s: float = 65

    name = "realtime"
    section = "checks"
    takes = (Listening, Gap, Event)
    evidence = (Listening, Gap)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"canary_deadline_s": self.canary_deadline_s}

    def begin(self, at: At) -> Judgement[Memory]:
        return Judgement(Memory(started=at.wall))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        memory = replace(
            memory,
            events={channel: tally.at(at.mono) for channel, tally in memory.events.items()},
            unreadable=memory.unreadable.at(at.mono),
        )
        match facts:
            case Event():
                memory = self._take_event(memory, facts)
            case Gap():
                since = memory.gap_since if memory.gap is not None else facts.at.wall
                memory = replace(memory, gap=facts, gap_since=since)
            case Listening():
                memory = self._take_listening(memory, facts, at)
            case _:
                pass
        known = memory.listening is not None or memory.gap is not None
        heard = memory.listening.channels if memory.listening is not None and memory.gap is None else frozenset[str]()
        wanted = [channel for channel, relayed in self.channels.items() if relayed]
        tallies = [*memory.events.values(), memory.unreadable]
        return Judgement(
            memory,
            reasons=self._reasons(memory) if known else (),
            headline={"value": sum(name in heard for name in wanted), "of": len(wanted)} if known else None,
            detail=self._detail(memory, heard),
            holds_until=min(tally.next_change() for tally in tallies),
            since=memory.gap_since if memory.gap is not None else None,
        )

    @staticmethod
    def _take_event(memory: Memory, event: Event) -> Memory:
        channel, mono = event.channel, event.at.mono
        return replace(
            memory,
            last_event={**memory.last_event, channel: event.at.wall},
            events={**memory.events, channel: memory.events.get(channel, Tally()).add(mono)},
            unreadable=memory.unreadable if event.readable else memory.unreadable.add(mono),
        )

    def _take_listening(self, memory: Memory, facts: Listening, at: At) -> Memory:
        deaf = memory.listening is None or memory.gap is not None
        had_all = memory.listening is None or not self._missing(memory.listening)
        shown = memory.shown_ms
        if shown is None or not settled(shown, facts.test_signal_ms):
            shown = facts.test_signal_ms
        return replace(
            memory,
            listening=facts,
            listening_since=at.wall if deaf else memory.listening_since,
            gap=None,
            missing_since=at.wall if had_all else memory.missing_since,
            shown_ms=shown,
        )

    def _missing(self, listening: Listening) -> list[str]:
        return [channel for channel in self.channels if channel not in listening.channels]

    def _reasons(self, memory: Memory) -> tuple[Reason, ...]:
        if memory.gap is not None:
            params: dict[str, Scalar] = {
                "since": instant(memory.gap_since),
                "cause": memory.gap.cause,
                "attempt": memory.gap.attempt,
            }
            if memory.gap.error is not None:
                params["error"] = memory.gap.error
            return (Reason("realtime.reconnecting", Verdict.UNKNOWN, params),)
        assert memory.listening is not None
        note = Reason(
            "realtime.relay_unproven",
            Verdict.OK,
            {"since": instant(memory.started), "why": "broker_not_configured"},
        )
        if missing := self._missing(memory.listening):
            params = {
                "channels": ", ".join(missing),
                "count": len(missing),
                "total": len(self.channels),
                "since": instant(memory.missing_since),
            }
            return (Reason("realtime.channel_down", Verdict.WARN, params), note)
        return (note,)

    def _detail(self, memory: Memory, heard: frozenset[str]) -> dict[str, object]:
        channels: dict[str, object] = {}
        for channel, relayed in self.channels.items():
            row: dict[str, Scalar] = {
                "listening": channel in heard,
                "realtime": relayed,
                "events_5m": memory.events.get(channel, Tally()).total,
            }
            if channel in memory.last_event:
                row["last_event"] = instant(memory.last_event[channel])
            channels[channel] = row
        detail: dict[str, object] = {
            "channels": channels,
            "broker": {"state": "not_configured"},
            "unreadable": memory.unreadable.total,
        }
        if memory.gap is not None:
            detail["listener"] = {"state": "reconnecting", "since": instant(memory.gap_since)}
        elif memory.listening is not None:
            detail["listener"] = {"state": "listening", "since": instant(memory.listening_since)}
        if memory.shown_ms is not None:
            detail["test_signal"] = {"ms": round(memory.shown_ms, 1)}
        return detail

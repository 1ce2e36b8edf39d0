"""The realtime path: PostgreSQL's signals on our own listening connection, and the same signals from the broker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.brokering import Broker, Relay, Relayed
from monitor.domain.catalogue import Silent
from monitor.domain.damping import Damper
from monitor.domain.hearing import Hearing
from monitor.domain.listening import Listening, SignalLost
from monitor.domain.oddities import Oddities, Unexplained
from monitor.domain.reaching import Reach
from monitor.domain.relaying import Hops, Relaying
from monitor.domain.signal import At, Burst, Event, Gap
from monitor.domain.storm import Storm
from monitor.domain.verdict import Judgement, Params, Reason, Scalar, Verdict, instant
from monitor.domain.window import Tally

LEAVE = 0.7


@dataclass(frozen=True, slots=True)
class Memory:
    """What it remembers.

    `heard` is the instant of each channel's last event, `broken` since when a trigger of it is known not to fire. Until
    `unproven_until` the broker, which lost the database together with us, may still be about to listen again.
    """

    started: At
    hearing: Hearing
    reach: Reach
    hops: Hops
    storm: Storm
    unproven_until: float = 0.0
    heard: Mapping[str, At] = field(default_factory=dict)
    events: Mapping[str, Tally] = field(default_factory=dict)
    broken: Mapping[str, float] = field(default_factory=dict)
    odd: Oddities = field(default_factory=Oddities)


@dataclass(frozen=True, slots=True)
class Realtime:
    """`channels` maps each channel to whether it belongs to the realtime path of the platform.

    `broker` says whether one is configured; then `relays` says which channels it relays, and how to tell.
    """

    channels: Mapping[str, bool]
    canary_deadline_s: float = 3
    ttl_s: float = 65
    relays: Mapping[str, Relay] = field(default_factory=dict, kw_only=True)
    broker: bool = field(default=False, kw_only=True)
    relay_deadline_s: float = field(default=3, kw_only=True)
    relay_misses: int = field(default=2, kw_only=True)
    relay_single_s: float = field(default=60, kw_only=True)
    relay_proof_min: float = field(default=15, kw_only=True)
    hop_slow_ms: float = field(default=1000, kw_only=True)
    storm_per_s: float = field(default=1000, kw_only=True)
    settle_s: float = field(default=60, kw_only=True)

    name = "realtime"
    section = "checks"
    takes = (Listening, SignalLost, Gap, Event, Burst, Unexplained, Silent, Broker, Relayed)
    evidence = (Listening, SignalLost, Gap)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        limits: dict[str, Scalar] = {"canary_deadline_s": self.canary_deadline_s, "storm_per_s": self.storm_per_s}
        if self.broker:
            limits |= {"relay_deadline_s": self.relay_deadline_s, "relay_misses": self.relay_misses}
            limits |= {"relay_single_s": self.relay_single_s, "relay_proof_min": self.relay_proof_min}
            limits |= {"hop_slow_ms": self.hop_slow_ms, "settle_s": self.settle_s}
        return limits

    def begin(self, at: At) -> Judgement[Memory]:
        slow = Damper(self.hop_slow_ms, LEAVE * self.hop_slow_ms)
        hop = Relaying(self.relay_deadline_s, self.relay_misses, self.relay_single_s, slow)
        hops = Hops({channel: hop for channel in self.channels if self.broker and channel in self.relays})
        hearing = Hearing(tuple(self.channels), self.canary_deadline_s)
        reach = Reach.begin(at, self.settle_s, self.ttl_s)
        return Judgement(Memory(at, hearing, reach, hops, Storm(self.storm_per_s)))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = self._take(facts, self._at(previous.memory, at), at)
        memory = replace(memory, storm=memory.storm.at(memory.events, at.mono))
        hearing = memory.hearing
        heard = hearing.heard if hearing.heard is not None and not hearing.deaf else frozenset[str]()
        wanted = [channel for channel, relayed in self.channels.items() if relayed]
        reasons = self._reasons(memory, at)
        return Judgement(
            memory,
            reasons=reasons,
            headline={"value": sum(name in heard for name in wanted), "of": len(wanted)} if hearing.known else None,
            detail=self._detail(memory, heard),
            holds_until=self._holds_until(memory, at),
            since=self._since(memory, reasons),
            pending=self._pending(memory, reasons),
        )

    @staticmethod
    def _at(memory: Memory, at: At) -> Memory:
        return replace(
            memory,
            events={channel: tally.at(at.mono) for channel, tally in memory.events.items()},
            odd=memory.odd.at(at.mono),
            hops=memory.hops.at(at),
        )

    def _take(self, facts: object, memory: Memory, at: At) -> Memory:
        match facts:
            case Event() | Burst():
                return self._take_signals(memory, facts, at)
            case Unexplained():
                return replace(memory, odd=memory.odd.not_explained(facts))
            case Gap() | SignalLost():
                return replace(memory, hearing=memory.hearing.take(facts, at), hops=memory.hops.forget())
            case Listening():
                # Signals are judged again at the first relay, or when the broker has had its time.
                until = at.mono + self.settle_s if memory.hearing.gap is not None else memory.unproven_until
                return replace(memory, hearing=memory.hearing.take(facts, at), unproven_until=until)
            case Silent():
                return self._take_silent(memory, facts)
            case Broker():
                reach = memory.reach.take(facts, at)
                # What was under way when it was lost would have come by a connection that is no more.
                return replace(memory, reach=reach, hops=memory.hops if reach.accepted else memory.hops.forget())
            case Relayed() if (hop := memory.hops.of.get(facts.channel)) is not None:
                came = hop.came(facts.identity, at, listening=not memory.hearing.deaf)
                hops = Hops({**memory.hops.of, facts.channel: came})
                return replace(memory, hops=hops, unproven_until=0.0)
        return memory

    def _take_signals(self, memory: Memory, signals: Event | Burst, at: At) -> Memory:
        channel, hops = signals.channel, memory.hops
        if (hop := hops.of.get(channel)) is not None:
            judged = memory.reach.ready(at.mono) and at.mono >= memory.unproven_until
            for payload in signals.payloads:
                if identity := self.relays[channel].identify(payload):
                    hop = hop.heard(identity, at, judged=judged)
                    if hop.full_at == at.mono:
                        # The rest of a flood is not judged.
                        break
            hops = Hops({**hops.of, channel: hop})
        tally = memory.events.get(channel, Tally()).add(at.mono, signals.count)
        return replace(
            memory,
            hops=hops,
            heard={**memory.heard, channel: at},
            events={**memory.events, channel: tally},
            odd=memory.odd.not_read(channel, signals.unreadable, at.mono),
        )

    @staticmethod
    def _take_silent(memory: Memory, facts: Silent) -> Memory:
        return replace(memory, broken=facts.channels)

    # What follows from it: the decision table of the catalogue of reasons, section 3.

    def _starting(self, memory: Memory, mono: float) -> bool:
        if not self.broker:
            return False
        return memory.reach.starting(mono) or (not memory.hearing.known and mono < memory.started.mono + self.settle_s)

    def _reasons(self, memory: Memory, at: At) -> tuple[Reason, ...]:
        """Give all that are true, in the catalogue's order; the numbers are the rows of its table."""
        if self._starting(memory, at.mono):
            return (Reason("unknown.starting", Verdict.UNKNOWN),)  # 1
        reach = memory.reach.reason(at.mono) if self.broker else None
        own = memory.hearing.reason()
        reasons = [reason for reason in (reach, own) if reason is not None]  # 4, 6 before 7 to 11
        if own is not None and own.code == "realtime.canary_lost":
            reasons.reverse()  # 3
        if not memory.hearing.deaf:
            if own is None:
                reasons += self._by_channel(memory, at, reached=reach is None)  # 12, 14
                reasons += self._blocked(memory, at) if reach is None else ()  # 15
            reasons += self._unproven(memory, at, well=not reasons)  # 16, 17
        return tuple(reasons)

    @staticmethod
    def _by_channel(memory: Memory, at: At, *, reached: bool) -> list[Reason]:
        reasons: list[Reason] = []
        if reached:
            reasons += memory.hops.reasons(memory.reach.last.listens if memory.reach.last is not None else None)
        if (storm := memory.storm.reason(memory.events, at.mono)) is not None:
            reasons.append(storm)
        if (odd := memory.odd.reason()) is not None:
            reasons.append(odd)
        return reasons

    def _unproven(self, memory: Memory, at: At, *, well: bool) -> list[Reason]:
        """Note that nobody has proven that the broker relays; `well` says whether there is nothing worse to say."""
        if not self.broker:
            params = {"since": instant(memory.started.wall), "why": "broker_not_configured"}
        elif well and at.mono >= self._unproven_at(memory):
            params = {"since": instant((memory.hops.last() or memory.started).wall), "why": "no_signal"}
        else:
            return []
        return [Reason("realtime.relay_unproven", Verdict.OK, params)]

    def _unproven_at(self, memory: Memory) -> float:
        return (memory.hops.last() or memory.started).mono + 60 * self.relay_proof_min

    def _silent_at(self, memory: Memory, channel: str) -> float:
        """Give the monotonic second from which the channel has not been heard for long enough to blame its trigger."""
        heard = memory.heard.get(channel)
        return -math.inf if heard is None else heard.mono + 60 * self.relay_proof_min

    def _blocked(self, memory: Memory, at: At) -> list[Reason]:
        for channel, since in memory.broken.items():
            if self.channels.get(channel) and at.mono >= self._silent_at(memory, channel):
                params: dict[str, Scalar] = {"parent": "triggers", "since": instant(since)}
                return [Reason("unknown.blocked_by", Verdict.UNKNOWN, params)]
        return []

    @staticmethod
    def _since(memory: Memory, reasons: tuple[Reason, ...]) -> float | None:
        """Give the Unix second of the first observation of what decides."""
        codes = {reason.code for reason in reasons}
        if codes & {"realtime.broker_down", "realtime.broker_refuses_token"}:
            return memory.reach.fault_since
        if "realtime.broker_not_relaying" in codes and (mute := memory.hops.mute()) is not None:
            return mute[1].run_since
        return memory.hearing.fault_since if memory.hearing.reason() is not None else None

    def _pending(self, memory: Memory, reasons: tuple[Reason, ...]) -> Params | None:
        """Give how far the next fail is from being proven."""
        if any(reason.verdict in {Verdict.FAIL, Verdict.UNKNOWN} for reason in reasons):
            return None
        if memory.reach.missed is not None:
            return {"to": "fail", "n": 1, "need": 2}
        run = memory.hops.run()
        return {"to": "fail", "n": run, "need": self.relay_misses} if run else None

    def _holds_until(self, memory: Memory, at: At) -> float:
        changes = [tally.next_change() for tally in memory.events.values()]
        changes += [memory.storm.next_change(at.mono), memory.odd.next_change()]
        ahead = [self._silent_at(memory, channel) for channel in memory.broken]
        if self.broker:
            changes += [memory.hops.next_change(), memory.reach.next_change(at.mono)]
            ahead.append(self._unproven_at(memory))
            if self._starting(memory, at.mono):
                changes.append(memory.started.mono + self.settle_s)
        return min(*changes, *(second for second in ahead if second > at.mono))

    def _detail(self, memory: Memory, heard: frozenset[str]) -> dict[str, object]:
        channels: dict[str, object] = {}
        for channel, relayed in self.channels.items():
            row: dict[str, object] = {
                "listening": channel in heard,
                "realtime": relayed,
                "events_5m": memory.events.get(channel, Tally()).total,
            }
            if channel in memory.heard:
                row["last_event"] = instant(memory.heard[channel].wall)
            if (hop := memory.hops.of.get(channel)) is not None:
                row["relay"] = hop.detail(self.relays[channel].event)
            channels[channel] = row
        detail: dict[str, object] = {
            "channels": channels,
            "broker": memory.reach.detail() if self.broker else {"state": "not_configured"},
            **memory.odd.detail(),
        }
        return detail | memory.hearing.detail()

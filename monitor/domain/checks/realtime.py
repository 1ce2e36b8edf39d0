"""The realtime path: PostgreSQL's signals on our own listening connection, and the same signals from the broker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.brokering import Broker, Relay, Relayed
from monitor.domain.catalogue import Silent, Trigger
from monitor.domain.damping import Damper, settled
from monitor.domain.listening import Listening
from monitor.domain.reaching import Reach
from monitor.domain.relaying import Hops, Relaying
from monitor.domain.signal import At, Event, Gap
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
    reach: Reach
    hops: Hops
    storm: Storm
    listening: Listening | None = None
    listening_since: float = 0.0
    gap: Gap | None = None
    gap_since: float = 0.0
    missing_since: float = 0.0
    unproven_until: float = 0.0
    heard: Mapping[str, At] = field(default_factory=dict)
    events: Mapping[str, Tally] = field(default_factory=dict)
    broken: Mapping[str, float] = field(default_factory=dict)
    unreadable: Tally = field(default_factory=Tally)
    shown_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Realtime:
    """`channels` maps each channel to whether it belongs to the realtime path of the platform.

    `broker` says whether one is configured; then `relays` says which channels it relays, and how to tell.
    """

    channels: Mapping[str, bool]
    canary_deadline_s: float = 3
    ttl_s: float = 65
    triggers: tuple[Trigger, ...] = field(default=(), kw_only=True)
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
    takes = (Listening, Gap, Event, Silent, Broker, Relayed)
    evidence = (Listening, Gap)

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
        return Judgement(Memory(at, Reach.begin(at, self.settle_s, self.ttl_s), hops, Storm(self.storm_per_s)))

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = self._take(facts, self._at(previous.memory, at), at)
        memory = replace(memory, storm=memory.storm.at(memory.events, at.mono))
        known = memory.listening is not None or memory.gap is not None
        heard = memory.listening.channels if memory.listening is not None and memory.gap is None else frozenset[str]()
        wanted = [channel for channel, relayed in self.channels.items() if relayed]
        reasons = self._reasons(memory, at)
        return Judgement(
            memory,
            reasons=reasons,
            headline={"value": sum(name in heard for name in wanted), "of": len(wanted)} if known else None,
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
            unreadable=memory.unreadable.at(at.mono),
            hops=memory.hops.at(at),
        )

    def _take(self, facts: object, memory: Memory, at: At) -> Memory:
        match facts:
            case Event():
                return self._take_event(memory, facts)
            case Gap():
                since = memory.gap_since if memory.gap is not None else facts.at.wall
                return replace(memory, gap=facts, gap_since=since, hops=memory.hops.forget())
            case Listening():
                return self._take_listening(memory, facts, at)
            case Silent():
                return self._take_silent(memory, facts)
            case Broker():
                reach = memory.reach.take(facts, at)
                # What was under way when it was lost would have come by a connection that is no more.
                return replace(memory, reach=reach, hops=memory.hops if reach.accepted else memory.hops.forget())
            case Relayed() if (hop := memory.hops.of.get(facts.channel)) is not None:
                listening = memory.listening is not None and memory.gap is None
                hops = Hops({**memory.hops.of, facts.channel: hop.came(facts.identity, at, listening=listening)})
                return replace(memory, hops=hops, unproven_until=0.0)
        return memory

    def _take_event(self, memory: Memory, event: Event) -> Memory:
        channel, at = event.channel, event.at
        hops = memory.hops
        if (hop := hops.of.get(channel)) is not None and (identity := self.relays[channel].identify(event.payload)):
            judged = memory.reach.ready(at.mono) and at.mono >= memory.unproven_until
            hops = Hops({**hops.of, channel: hop.heard(identity, at, judged=judged)})
        return replace(
            memory,
            hops=hops,
            heard={**memory.heard, channel: at},
            events={**memory.events, channel: memory.events.get(channel, Tally()).add(at.mono)},
            unreadable=memory.unreadable if event.readable else memory.unreadable.add(at.mono),
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
            # Signals are judged again at the first relay, or when the broker has had its time.
            unproven_until=at.mono + self.settle_s if memory.gap is not None else memory.unproven_until,
            shown_ms=shown,
        )

    @staticmethod
    def _take_silent(memory: Memory, facts: Silent) -> Memory:
        return replace(memory, broken=facts.channels)

    def _missing(self, listening: Listening) -> list[str]:
        return [channel for channel in self.channels if channel not in listening.channels]

    # What follows from it: the decision table of the catalogue of reasons, section 3.

    def _starting(self, memory: Memory, mono: float) -> bool:
        if not self.broker:
            return False
        unheard = memory.listening is None and memory.gap is None
        return memory.reach.starting(mono) or (unheard and mono < memory.started.mono + self.settle_s)

    def _reasons(self, memory: Memory, at: At) -> tuple[Reason, ...]:
        """Give all that are true, in the catalogue's order; the numbers are the rows of its table."""
        if self._starting(memory, at.mono):
            return (Reason("unknown.starting", Verdict.UNKNOWN),)  # 1
        reach = memory.reach.reason(at.mono) if self.broker else None
        reasons: list[Reason] = []
        unknown: list[Reason] = []
        if reach is not None:
            (reasons if reach.verdict is Verdict.FAIL else unknown).append(reach)  # 4, 6
        if memory.gap is not None:
            reasons.append(self._reconnecting(memory, memory.gap))  # 9
        elif memory.listening is not None:
            if missing := self._missing(memory.listening):
                reasons.append(self._channel_down(memory, missing))  # 10
            else:
                reasons += self._by_channel(memory, at, reached=reach is None)  # 12, 14
                unknown += self._blocked(memory, at) if reach is None else ()  # 15
            reasons += self._unproven(memory, at, well=not (reasons or unknown))  # 16, 17
        return (*reasons, *unknown)

    @staticmethod
    def _reconnecting(memory: Memory, gap: Gap) -> Reason:
        params: dict[str, Scalar] = {
            "since": instant(memory.gap_since),
            "cause": gap.cause,
            "attempt": gap.attempt,
        }
        if gap.error is not None:
            params["error"] = gap.error
        return Reason("realtime.reconnecting", Verdict.UNKNOWN, params)

    def _channel_down(self, memory: Memory, missing: list[str]) -> Reason:
        params: dict[str, Scalar] = {
            "channels": ", ".join(missing),
            "count": len(missing),
            "total": len(self.channels),
            "since": instant(memory.missing_since),
        }
        return Reason("realtime.channel_down", Verdict.WARN, params)

    @staticmethod
    def _by_channel(memory: Memory, at: At, *, reached: bool) -> list[Reason]:
        reasons: list[Reason] = []
        if reached:
            reasons += memory.hops.reasons(memory.reach.last.listens if memory.reach.last is not None else None)
        if (storm := memory.storm.reason(memory.events, at.mono)) is not None:
            reasons.append(storm)
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
        return memory.gap_since if "realtime.reconnecting" in codes else None

    def _pending(self, memory: Memory, reasons: tuple[Reason, ...]) -> Params | None:
        """Give how far the next fail is from being proven."""
        if any(reason.verdict in {Verdict.FAIL, Verdict.UNKNOWN} for reason in reasons):
            return None
        if memory.reach.missed is not None:
            return {"to": "fail", "n": 1, "need": 2}
        run = memory.hops.run()
        return {"to": "fail", "n": run, "need": self.relay_misses} if run else None

    def _holds_until(self, memory: Memory, at: At) -> float:
        changes = [tally.next_change() for tally in (*memory.events.values(), memory.unreadable)]
        changes.append(memory.storm.next_change(at.mono))
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
            "unreadable": memory.unreadable.total,
        }
        if memory.gap is not None:
            detail["listener"] = {"state": "reconnecting", "since": instant(memory.gap_since)}
        elif memory.listening is not None:
            detail["listener"] = {"state": "listening", "since": instant(memory.listening_since)}
        if memory.shown_ms is not None:
            detail["test_signal"] = {"ms": round(memory.shown_ms, 1)}
        return detail

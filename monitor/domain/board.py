"""The one mutable thing: takes one signal at a time and says what changed in the document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.domain import document, folding, patch
from monitor.domain.change import Change, Document
from monitor.domain.checks import message_throughput
from monitor.domain.checks.check import Check
from monitor.domain.connection import Pulse
from monitor.domain.series import Latency, MessageRates, message_seconds
from monitor.domain.signal import At, Event, Gap, Sample, Signal, Tick, Trouble
from monitor.domain.transitions import KEPT, Transition
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant, primary


@dataclass(slots=True)
class Watch:
    """One check with its judgement, its evidence, and its entry as it stands in the document."""

    check: Check
    judgement: Judgement[Any]
    verdict: Verdict
    since: float
    observed: At | None = None
    source: str | None = None
    stale: bool = False
    troubles: dict[str, Trouble] = field(default_factory=dict)
    entry: dict[str, object] = field(default_factory=dict)
    last_known: str = "unknown"


class Board:
    """Holds every check; numbers the changes. `apply` never waits, so there is no lock anywhere."""

    def __init__(
        self, *, platform: str, zone: str, version: str, senders: Sequence[str], checks: Sequence[Check], at: At
    ) -> None:
        self.epoch = math.floor(at.wall * 1000)
        self.seq = 0
        ordered = sorted(checks, key=lambda check: document.ORDER.index(check.name))
        self._watches = {
            check.name: Watch(check=check, judgement=check.begin(at), verdict=Verdict.UNKNOWN, since=at.wall)
            for check in ordered
        }
        self._seen_down: At | None = None
        self._parent_back: At | None = None
        self._blocked_by: Reason | None = None
        self._counts: dict[str, int] = {}
        self._status_since = at.wall
        self._transitions: dict[str, Transition] = {}
        self._rates = MessageRates(senders)
        self._latency = Latency()
        for watch in self._watches.values():
            watch.entry = self._entry(watch, at)[0]
        status, self._counts = document.roll_up([watch.verdict for watch in self._watches.values()])
        self._document: Document = {
            "platform": platform,
            "zone": zone,
            "status": status,
            "since": instant(at.wall),
            "counts": self._counts,
            "position": {"epoch": self.epoch, "seq": 0},
            "as_of": instant(at.wall),
            "checks": {name: watch.entry for name, watch in self._watches.items()},
            "monitor": {"version": version, "started_at": instant(at.wall)},
            "transitions": {},
        }

    @property
    def document(self) -> Document:
        """The whole document at its position; frozen, a change makes a new one."""
        return self._document

    def counted_until(self) -> float | None:
        """Say up to which instant of the database's clock (Unix seconds) the rates of the day have been counted."""
        return self._rates.now or None

    def series(self, name: str, at: At) -> Mapping[str, object] | None:
        """Give one of the long series that the document does not carry; None when there is none of that name."""
        match name:
            case "message_rates":
                return self._rates.read()
            case "db_latency":
                return self._latency.read(at.wall)
            case "messages":
                watch = self._watches.get("message_throughput")
                memory = watch.judgement.memory if watch is not None else None
                if not isinstance(memory, message_throughput.Memory) or memory.window is None:
                    return None
                window = memory.window
                return message_seconds(window.as_of(at.mono), memory.snapshot, window.within(at.mono))
            case _:
                return None

    def evidence(self) -> dict[str, str]:
        """Say when each check's evidence was observed, for the checks that have any."""
        seen = {name: watch.observed for name, watch in self._watches.items()}
        return {name: instant(at.wall) for name, at in seen.items() if at is not None}

    def deadline(self) -> float:
        """Give the monotonic second at which the document next changes by itself."""
        return min((self._deadline(watch) for watch in self._watches.values()), default=math.inf)

    @staticmethod
    def _deadline(watch: Watch) -> float:
        if watch.observed is None:
            return math.inf
        # A check that has gone stale has taken its step: only new evidence moves it.
        stale_at = math.inf if watch.stale else watch.observed.mono + watch.check.ttl_s
        return min(watch.judgement.holds_until, stale_at)

    def apply(self, signal: Signal) -> Change | None:
        """Take one signal; give the change of the document, if a reader would notice any."""
        at = signal.at
        touched = self._judge(signal)
        if not touched:
            return None
        look_again = frozenset(name for name in touched if self._watches[name].judgement.look_again)
        if folding.PARENT in touched:
            look_again |= self._fold(at)
            touched |= folding.CHILDREN & self._watches.keys()
        entries: dict[str, object] = {}
        happened = []
        for name, watch in self._watches.items():
            if name not in touched:
                continue
            new, verdict, reason = self._entry(watch, at)
            changes = patch.diff(watch.entry, new)
            if not document.noticeable(changes):
                continue
            if verdict is not watch.verdict:
                happened.append(Transition(self._began(watch, reason, at), name, watch.verdict, verdict, reason))
                watch.since = happened[-1].at
                watch.verdict = verdict
                new["since"] = instant(watch.since)
                changes = patch.diff(watch.entry, new)
            watch.entry = new
            entries[name] = changes
        if not entries:
            # Nothing that a reader would notice: no number, no patch; at most a wish to look again.
            return Change(self.epoch, self.seq, at.wall, {}, self._document, (), look_again) if look_again else None
        return self._publish(at, entries, happened, look_again)

    def _judge(self, signal: Signal) -> set[str]:
        """Let every check that this signal concerns judge anew; give their names."""
        touched: set[str] = set()
        self._record(signal)
        facts: object = signal.facts if isinstance(signal, Sample) else signal
        if isinstance(facts, Trouble):
            watch = self._watches.get(facts.check)
            if watch is not None:
                watch.troubles[facts.question] = facts
                touched.add(facts.check)
            return touched
        for name, watch in self._watches.items():
            if isinstance(signal, Tick):
                if self._deadline(watch) > signal.at.mono:
                    continue
            elif not isinstance(facts, watch.check.takes):
                continue
            if isinstance(facts, watch.check.evidence):
                watch.observed, watch.stale = signal.at, False
                watch.source = "event" if isinstance(signal, Event | Gap) else "sample"
            elif isinstance(signal, Tick) and watch.observed is not None:
                watch.stale = signal.at.mono >= watch.observed.mono + watch.check.ttl_s
            watch.troubles.pop(type(facts).__name__, None)
            watch.judgement = watch.check.judge(facts, watch.judgement, signal.at)
            touched.add(name)
        return touched

    def _record(self, signal: Signal) -> None:
        """Keep what the long series need."""
        if not isinstance(signal, Sample):
            return
        facts = signal.facts
        if isinstance(facts, message_throughput.Rates):
            rows = list(zip(facts.window, facts.sender, facts.count, strict=True))
            self._rates.take(now=facts.now, since=facts.since, rows=rows)
        elif isinstance(facts, Pulse) and facts.answer is not None:
            self._latency.take(signal.at.wall, facts.answer.latency_ms)

    def _fold(self, at: At) -> frozenset[str]:
        """Follow the parent; give the children to look at again when it has just come back."""
        down = folding.blocks(self._own(self._watches[folding.PARENT], at)[0])
        if down and self._seen_down is None:
            self._seen_down, self._parent_back = at, None
        elif not down and self._seen_down is not None:
            self._seen_down, self._parent_back = None, at
            return frozenset(self._watches)
        return frozenset()

    def _own(self, watch: Watch, at: At) -> tuple[Reason | None, tuple[Reason, ...]]:
        """Give a check's own primary reason and the other true ones, before any folding."""
        observed = watch.observed
        if watch.troubles:
            trouble = next(iter(watch.troubles.values()))
            return Reason(f"unknown.{trouble.kind}", Verdict.UNKNOWN, trouble.params), ()
        if observed is None:
            return Reason("unknown.starting", Verdict.UNKNOWN), ()
        if at.mono >= observed.mono + watch.check.ttl_s:
            params: dict[str, Scalar] = {
                "last_verdict": watch.last_known,
                "last_at": instant(observed.wall),
                "ttl_s": watch.check.ttl_s,
            }
            return Reason("unknown.stale", Verdict.UNKNOWN, params), ()
        reason = primary(watch.judgement.reasons)
        watch.last_known = reason.verdict.value if reason is not None else "ok"
        return reason, tuple(one for one in watch.judgement.reasons if one is not reason)

    def _entry(self, watch: Watch, at: At) -> tuple[dict[str, object], Verdict, Reason | None]:
        reason, also = self._own(watch, at)
        if watch.check.name in folding.CHILDREN:
            back = self._parent_back
            unseen = back is not None and (watch.observed is None or watch.observed.mono < back.mono)
            if self._seen_down is not None:
                params: dict[str, Scalar] = {
                    "parent": folding.PARENT,
                    "since": instant(self._watches[folding.PARENT].since),
                }
                self._blocked_by = Reason("unknown.blocked_by", Verdict.UNKNOWN, params)
            if self._seen_down is not None or (unseen and not watch.troubles):
                reason, also = self._blocked_by, ()
        verdict = reason.verdict if reason is not None else Verdict.OK
        entry = document.entry(
            watch.check,
            verdict,
            reason,
            also,
            since=watch.since,
            observed_at=watch.observed.wall if watch.observed is not None else None,
            source=watch.source,
            headline=watch.judgement.headline,
            detail=watch.judgement.detail,
        )
        return entry, verdict, reason

    @staticmethod
    def _began(watch: Watch, reason: Reason | None, at: At) -> float:
        # The judgement knows since when only of its own reasons: stale, troubled or blocked is the check from now on.
        began = watch.judgement.since
        return began if began is not None and reason in watch.judgement.reasons else at.wall

    def _publish(
        self,
        at: At,
        entries: Mapping[str, object],
        happened: Sequence[Transition],
        look_again: frozenset[str],
    ) -> Change:
        self.seq += 1
        changes: dict[str, object] = {"checks": entries}
        status, counts = document.roll_up([watch.verdict for watch in self._watches.values()])
        if status != self._document["status"]:
            self._status_since = max((one.at for one in happened), default=at.wall)
            changes |= {"status": status, "since": instant(self._status_since)}
        if moved := patch.diff(self._counts, counts):
            self._counts, changes["counts"] = counts, moved
        if happened:
            changes["transitions"] = self._remember(happened)
        applied = patch.apply(self._document, changes)
        assert isinstance(applied, dict)
        applied["position"] = {"epoch": self.epoch, "seq": self.seq}
        self._document = applied
        return Change(self.epoch, self.seq, at.wall, changes, applied, tuple(happened), look_again)

    def _remember(self, happened: Sequence[Transition]) -> dict[str, object]:
        """Keep the transitions, let go of the oldest; give the patch. Several of one change share its seq."""
        news: dict[str, object] = {}
        for number, transition in enumerate(happened):
            key = str(self.seq) if number == 0 else f"{self.seq}.{number}"
            self._transitions[key] = transition
            news[key] = transition.entry()
        while len(self._transitions) > KEPT:
            oldest = next(iter(self._transitions))
            del self._transitions[oldest]
            news[oldest] = None
        return news

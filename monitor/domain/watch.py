"""One watched thing: its check, its judgement and evidence, and its entry as it stands in the document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.domain.checks.check import Check
from monitor.domain.probing import Probe
from monitor.domain.signal import At, Burst, Event, Gap, Sample, Signal, Tick, Trouble
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant, primary
from monitor.domain.window import MARGIN_S

FLAPS, CALM, FLAP_S = 4, 2, 600.0
"""A verdict that changed four times in ten minutes is flapping, until fewer than two changes are left in them."""


@dataclass(slots=True)
class Watch:
    """`reason`, `also` and `explained_by` are what the document says now, after folding; `flips` are monotonic.

    `told` is what its judgement has told the other checks.
    """

    check: Check
    judgement: Judgement[Any]
    since: float
    verdict: Verdict = Verdict.UNKNOWN
    reason: Reason | None = None
    also: tuple[Reason, ...] = ()
    explained_by: str | None = None
    observed: At | None = None
    source: str | None = None
    stale: bool = False
    troubles: dict[str, Trouble] = field(default_factory=dict)
    entry: dict[str, object] = field(default_factory=dict)
    last_known: str = "unknown"
    flips: tuple[float, ...] = ()
    flapping: bool = False
    blocked: bool = False
    told: tuple[object, ...] = ()

    @property
    def key(self) -> str:
        """Its name among all that is watched: a check's own name, `services/dify`, `cron`."""
        section, name = self.check.section, self.check.name
        return name if section in {"checks", name} else f"{section}/{name}"

    def concerns(self, facts: object) -> bool:
        """Say whether these facts touch it; a service sees no other service's probes."""
        if self.check.section == "services" and isinstance(facts, Probe) and facts.service != self.check.name:
            return False
        return isinstance(facts, self.check.takes)

    def take(self, signal: Signal, facts: object) -> None:
        """Let the check judge anew."""
        at = signal.at
        if isinstance(facts, self.check.evidence):
            self.observed, self.stale = at, False
            self.source = "event" if isinstance(signal, Event | Burst | Gap) else "sample"
        elif isinstance(signal, Tick) and self.observed is not None:
            self.stale = at.mono >= self.observed.mono + self.check.ttl_s
        if isinstance(signal, Sample):
            self.troubles.pop(type(facts).__name__, None)
        self.judgement = self.check.judge(facts, self.judgement, at)
        self._count_flips(at.mono)

    def deadline(self) -> float:
        """Give the monotonic second at which it changes by itself."""
        calm_at = self.flips[-CALM] + FLAP_S + MARGIN_S if self.flapping else math.inf
        if self.observed is None:
            return min(self.judgement.holds_until, calm_at)
        # A check that has gone stale has taken its step: only new evidence moves it.
        stale_at = math.inf if self.stale else self.observed.mono + self.check.ttl_s
        return min(self.judgement.holds_until, stale_at, calm_at)

    def own(self, at: At) -> tuple[Reason | None, tuple[Reason, ...]]:
        """Give its own primary reason and the other true ones, before any folding."""
        observed = self.observed
        if self.troubles:
            trouble = next(iter(self.troubles.values()))
            return Reason(f"unknown.{trouble.kind}", Verdict.UNKNOWN, trouble.params), ()
        if observed is None:
            return Reason("unknown.starting", Verdict.UNKNOWN), ()
        if at.mono >= observed.mono + self.check.ttl_s:
            params: dict[str, Scalar] = {
                "last_verdict": self.last_known,
                "last_at": instant(observed.wall),
                "ttl_s": self.check.ttl_s,
            }
            return Reason("unknown.stale", Verdict.UNKNOWN, params), ()
        reason = primary(self.judgement.reasons)
        self.last_known = reason.verdict.value if reason is not None else "ok"
        return reason, tuple(one for one in self.judgement.reasons if one is not reason)

    def flags(self) -> Mapping[str, object]:
        """Give what stands beside its reason (catalogue of reasons, "flags")."""
        flags: dict[str, object] = {}
        if self.flapping:
            flags["flapping"] = True
        if self.judgement.pending is not None:
            flags["pending"] = dict(self.judgement.pending)
        if self.explained_by is not None:
            flags["explained_by"] = self.explained_by
        return flags

    def flip(self, verdict: Verdict, since: float, mono: float) -> None:
        """Turn to another verdict, since that Unix second; what a parent hides and shows again is no flapping."""
        self.verdict, self.since = verdict, since
        blocked = self.reason is not None and self.reason.code == "unknown.blocked_by"
        if not (blocked or self.blocked):
            self.flips = (*self.flips, mono)
        self.blocked = blocked
        self._count_flips(mono)

    def _count_flips(self, mono: float) -> None:
        self.flips = tuple(when for when in self.flips if when > mono - FLAP_S)
        self.flapping = len(self.flips) >= (CALM if self.flapping else FLAPS)

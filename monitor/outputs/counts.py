"""What the ways out count: messages sent, subscribers turned away, transitions; for the vitals and for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal

from monitor.clock import Clock
from monitor.domain.transitions import Transition
from monitor.domain.window import Tally

Why = Literal["limit", "slow_reader", "protocol"]
WHYS: tuple[Why, ...] = ("limit", "slow_reader", "protocol")

Reason = Literal["initial", "gap", "epoch", "slow"]
REASONS: tuple[Reason, ...] = ("initial", "gap", "epoch", "slow")
"""Why a subscriber is sent the whole document: it is new, missed too much, knows another start, or reads slowly."""


class Counts:
    """Counts since the start; `turned_away` also says what the last five minutes brought. Plain numbers, no names.

    `turned_back` are the requests that the gate refused, by why.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.frames = 0
        self.resumed = 0
        self.snapshots: Counter[Reason] = Counter()
        self.refusals: Counter[str] = Counter()
        self.turned_back: Counter[str] = Counter()
        self.transitions: Counter[tuple[str, str]] = Counter()
        self._recent = {why: Tally() for why in WHYS}

    def turn_away(self, why: Why) -> None:
        """Count one subscriber that was refused or dropped."""
        self.refusals[why] += 1
        self._recent[why] = self._recent[why].add(self._clock.now().mono)

    def turned_away(self) -> Mapping[str, int]:
        """Say how many subscribers were refused or dropped in the last 300 s, by why; only what there was."""
        now = self._clock.now().mono
        self._recent = {why: tally.at(now) for why, tally in self._recent.items()}
        return {why: tally.total for why, tally in self._recent.items() if tally.total}

    def remember(self, transitions: Iterable[Transition]) -> None:
        """Count these transitions, each by what turned and to which verdict."""
        self.transitions.update((one.check, one.after.value) for one in transitions)

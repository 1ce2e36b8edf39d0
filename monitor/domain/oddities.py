"""Signals that make no sense: payloads that cannot be read, and signals that no row of their table explains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.domain.verdict import Reason, Scalar, Verdict
from monitor.domain.window import SPAN_S, Tally


@dataclass(frozen=True, slots=True)
class Unexplained:
    """So many signals of a channel that no row explains: another program sends there, or a row is gone again.

    Found out at the monotonic second `mono`.
    """

    channel: str
    count: int
    mono: float


@dataclass(frozen=True, slots=True)
class Oddities:
    """What was odd in the last five minutes, per channel."""

    unreadable: Mapping[str, Tally] = field(default_factory=dict)
    unmatched: Mapping[str, Tally] = field(default_factory=dict)

    def at(self, mono: float) -> Oddities:
        """Let go of what is older than that."""
        if not self.unreadable and not self.unmatched:
            return self
        return Oddities(_at(self.unreadable, mono), _at(self.unmatched, mono))

    def not_read(self, channel: str, count: int, mono: float) -> Oddities:
        """Count payloads that could not be read."""
        return replace(self, unreadable=_add(self.unreadable, channel, count, mono)) if count else self

    def not_explained(self, facts: Unexplained) -> Oddities:
        """Count signals that no row explains."""
        return replace(self, unmatched=_add(self.unmatched, facts.channel, facts.count, facts.mono))

    def reason(self) -> Reason | None:
        """Name the oddest channel, with both numbers."""
        channels = {**self.unreadable, **self.unmatched}
        if not channels:
            return None
        channel = max(channels, key=lambda one: _total(self.unreadable, one) + _total(self.unmatched, one))
        params: dict[str, Scalar] = {
            "unreadable": _total(self.unreadable, channel),
            "unmatched": _total(self.unmatched, channel),
            "channel": channel,
            "window_min": SPAN_S // 60,
        }
        return Reason("realtime.odd_events", Verdict.OK, params)

    def next_change(self) -> float:
        """Give the monotonic second at which the oldest of them is forgotten."""
        tallies = (*self.unreadable.values(), *self.unmatched.values())
        return min((tally.next_change() for tally in tallies), default=math.inf)

    def detail(self) -> dict[str, object]:
        """Give their form in the document: how many in all."""
        kinds = {"unreadable": self.unreadable, "unmatched": self.unmatched}
        return {name: sum(tally.total for tally in kind.values()) for name, kind in kinds.items()}


def _at(tallies: Mapping[str, Tally], mono: float) -> dict[str, Tally]:
    now = {channel: tally.at(mono) for channel, tally in tallies.items()}
    return {channel: tally for channel, tally in now.items() if tally.total}


def _add(tallies: Mapping[str, Tally], channel: str, count: int, mono: float) -> dict[str, Tally]:
    return {**tallies, channel: tallies.get(channel, Tally()).add(mono, count)}


def _total(tallies: Mapping[str, Tally], channel: str) -> int:
    return tallies.get(channel, Tally()).total

"""What is learned and when: the weeks before at the start, in parts; then each quarter of an hour as it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from monitor.domain.baseline import SLOT_S, Baseline
from monitor.domain.lessons import Counted, Slot, taught

DAY_S = 86_400.0
LATE_S = 60
"""A quarter of an hour is learned so long after its end: transactions that commit late are in it then."""
PART = 168
"""Slots learned at once, less than two days of them: about 15 ms."""
_SPANS = 100

Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Learning:
    """The baseline, what of a lesson is still to be learned, and since when messages are known (Unix seconds).

    `blind` are stretches in which the database could not be asked, `missing` those in which a drop was told.
    """

    baseline: Baseline
    lesson: Counted | None = None
    known_since: float | None = None
    blind: Spans = ()
    missing: Spans = ()

    @classmethod
    def begin(cls, zone: tzinfo, senders: Sequence[str]) -> Learning:
        """Know nothing yet."""
        return cls(Baseline.empty(zone, senders))

    def days(self, now: float) -> float:
        """Give how many days of messages are known."""
        return 0.0 if self.known_since is None else max(0.0, now - self.known_since) / DAY_S

    def take(
        self, now: float, since: float, start: Sequence[int], sender: Sequence[str], count: Sequence[int]
    ) -> Learning:
        """Take counted 5-minute windows, complete from `since` on, as the next lesson: those that are new and over.

        While a lesson is under way another one is turned away; it comes again.
        """
        if self.lesson is not None:
            return self
        first = float(start[0]) if start else now
        baseline, known_since = self.baseline, first if self.known_since is None else self.known_since
        if first < known_since - DAY_S:
            # Much more is known now than what was learned in the meantime: learn it all, in its order.
            baseline, known_since = Baseline.empty(baseline.zone, baseline.senders), first
        # Before its first message there was no platform, rather than silence.
        begin = max(since, first // SLOT_S * SLOT_S, baseline.until or 0.0)
        lesson = Counted.of(begin, now - LATE_S, start, sender, count)
        taken = replace(self, baseline=baseline, known_since=known_since)
        return replace(taken, lesson=lesson) if lesson.begin < lesson.end else taken

    def step(self) -> Learning:
        """Learn the next part of the lesson."""
        if self.lesson is None:
            return self
        slots, rest = self.lesson.part(PART)
        baseline = taught(self.baseline, [self._marked(slot) for slot in slots])
        return replace(self, baseline=baseline, lesson=rest if rest.begin < rest.end else None)

    def _marked(self, slot: Slot) -> Slot:
        end = slot.start + SLOT_S
        seen = not any(begin < end and until > slot.start for begin, until in self.blind)
        usual = not any(begin < end and until > slot.start for begin, until in self.missing)
        return replace(slot, seen=seen, usual=usual)

    def blinded(self, begin: float, end: float) -> Learning:
        """Note that the database could not be asked between two instants."""
        return replace(self, blind=_with(self.blind, begin, end))

    def missed(self, begin: float, end: float) -> Learning:
        """Note that messages were missing between two instants, by the judgement of that time."""
        return replace(self, missing=_with(self.missing, begin, end))


def _with(spans: Spans, begin: float, end: float) -> Spans:
    """Add a stretch, or draw out the last one; the oldest of very many are forgotten."""
    if spans and spans[-1][0] <= begin <= spans[-1][1]:
        return (*spans[:-1], (spans[-1][0], max(end, spans[-1][1])))
    return (*spans, (begin, end))[-_SPANS:]

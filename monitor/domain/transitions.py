"""The last transitions, bounded: what happened since the start."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.verdict import Reason, Verdict, instant

KEPT = 50


@dataclass(frozen=True, slots=True)
class Transition:
    """A check went from one verdict to another, at the Unix time `at`."""

    at: float
    check: str
    before: Verdict
    after: Verdict
    reason: Reason | None

    def entry(self) -> dict[str, object]:
        """Give its form in the document."""
        entry: dict[str, object] = {
            "at": instant(self.at),
            "check": self.check,
            "from": self.before.value,
            "to": self.after.value,
        }
        if self.reason is not None:
            entry["reason"] = self.reason.code
            entry["params"] = dict(self.reason.params)
        return entry

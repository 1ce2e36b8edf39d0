"""What every check is: a fold of facts into a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Scalar


class Check(Protocol):
    """One of the seven, or one of what is watched beside them. Frozen; its memory travels in `Judgement.memory`."""

    @property
    def name(self) -> str:
        """Its name in the document."""

    @property
    def section(self) -> str:
        """Where in the document it stands: checks, cron, services, settings or monitor."""

    @property
    def ttl_s(self) -> float:
        """How long its evidence is good for, in seconds: 2 x interval + timeout."""

    @property
    def takes(self) -> tuple[type, ...]:
        """The signals or facts that touch it."""

    @property
    def evidence(self) -> tuple[type, ...]:
        """Those of them that renew its evidence."""

    @property
    def limits(self) -> Mapping[str, Scalar]:
        """The thresholds that its card shows."""

    def begin(self, at: At) -> Judgement[Any]:
        """Give the judgement before any evidence."""

    def judge(self, facts: object, previous: Judgement[Any], at: At) -> Judgement[Any]:
        """Fold one more fact, or the passing of time (`Tick`), into the judgement."""

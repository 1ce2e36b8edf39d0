"""One line in the log per transition of a check."""

from __future__ import annotations

import structlog

from monitor.domain.change import Change
from monitor.domain.verdict import Verdict, instant

log = structlog.get_logger()


def publish(change: Change) -> None:
    """Log what changed, as a warning when the news is bad."""
    for transition in change.transitions:
        tell = log.info if transition.after is Verdict.OK else log.warning
        reason = transition.reason
        tell(
            "check.changed",
            check=transition.check,
            before=transition.before.value,
            after=transition.after.value,
            since=instant(transition.at),
            reason=reason.code if reason is not None else None,
            params=dict(reason.params) if reason is not None else {},
            epoch=change.epoch,
            seq=change.seq,
        )

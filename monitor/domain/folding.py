"""One cause, one alarm: which checks cannot be seen while another one is down."""

from __future__ import annotations

from monitor.domain.verdict import Reason, Verdict

PARENT = "db"
CHILDREN = frozenset({"realtime", "triggers", "recent_activity", "message_throughput"})
DOWN = frozenset({"db.refused", "db.starting", "db.hung", "db.unreachable"})


def blocks(reason: Reason | None) -> bool:
    """Say whether the database's primary reason leaves its children unseen (catalogue, section 6)."""
    if reason is None or reason.code == "unknown.starting":
        return False
    if reason.code in DOWN or reason.verdict is Verdict.UNKNOWN:
        return True
    return reason.code == "db.saturated" and reason.verdict is Verdict.FAIL

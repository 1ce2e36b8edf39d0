"""One cause, one alarm: what cannot be seen while another thing is down, and what merely follows from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from monitor.domain.verdict import Reason, Verdict

PARENT = "db"
CHILDREN = frozenset(
    {
        "realtime", "triggers", "cluster_coverage", "recent_activity", "message_throughput", "cron", "settings",
    }
)  # fmt: skip
UNHEARD = frozenset({("db.read_only", Verdict.OK), ("db.notify_queue", Verdict.FAIL)})
"""On a standby nobody can listen, and a full queue takes no signals: everything else can be asked all the same."""
DOWN = frozenset({"db.refused", "db.starting", "db.hung", "db.unreachable"})
SEEN_ANYWAY = frozenset({"realtime.broker_down", "realtime.broker_refuses_token"})
"""The broker's own state is seen without the database: it stays beside the reason of the blocked check."""
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "message_throughput.drop": ("recent_activity.silent",),
    "realtime.slow": ("db.slow", "db.slow_path"),
    "cron.long_running": ("db.blocked",),
    "realtime.broker_refuses_token": ("monitor.clock_step",),
}
"""Reasons that are seen, but follow from another one (catalogue, section 6.1); which services explain what is told by
the profile."""


def blocks(reason: Reason | None) -> bool:
    """Say whether the database's primary reason leaves its children unseen (catalogue, section 6)."""
    if reason is None or reason.code == "unknown.starting":
        return False
    if reason.code in DOWN or reason.verdict is Verdict.UNKNOWN:
        return True
    return reason.code == "db.saturated" and reason.verdict is Verdict.FAIL


def hides(reason: Reason | None, also: Sequence[Reason]) -> frozenset[str]:
    """Name the children that cannot be seen while these are the database's primary reason and its others."""
    if blocks(reason):
        return CHILDREN
    true = {(one.code, one.verdict) for one in (reason, *also) if one is not None}
    return frozenset({"realtime"}) if true & UNHEARD else frozenset()


def seen_anyway(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    """Give those reasons of a blocked check that are seen all the same."""
    return tuple(reason for reason in reasons if reason.code in SEEN_ANYWAY)


def unsure(key: str, reason: Reason | None) -> bool:
    """Say whether this trouble of a service may be our own network's: nobody there answered, not even with a no."""
    return key.startswith("services/") and reason is not None and reason.code == "service.timeout"


def answers(key: str, reason: Reason | None) -> bool:
    """Say whether this reason proves that something behind our network answers us."""
    if key == PARENT:
        return not blocks(reason) or (reason is not None and reason.code in {"db.refused", "db.starting"})
    said = reason is None or reason.code in {"service.slow", "service.refused", "service.bad_answer"}
    return key.startswith("services/") and said


def explained_by(
    reason: Reason | None,
    others: Mapping[str, Reason],
    explains: Mapping[str, Sequence[str]],
    also: Collection[str] = (),
) -> str | None:
    """Name the code that explains this reason, if another one that is true now does.

    `others` holds the primary reasons by the key of what has them, `also` the codes that are true beside them;
    `explains` says per key which codes it explains: a code may end in `*`.
    """
    if reason is None:
        return None
    told = {other.code for other in others.values()}.union(also)
    follows = FOLLOWS.get(reason.code, ())
    if reason.code == "unknown.timeout" and reason.params.get("limit") == "lock":
        # Who turned our question away has turned others away too.
        follows = ("db.blocked",)
    if code := next((code for code in follows if code in told), None):
        return code
    for key, codes in explains.items():
        cause = others.get(key)
        if cause is None or cause.verdict not in {Verdict.WARN, Verdict.FAIL}:
            continue
        if any(reason.code == code or (code[-1:] == "*" and reason.code.startswith(code[:-1])) for code in codes):
            return cause.code
    return None

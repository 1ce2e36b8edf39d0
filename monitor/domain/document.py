"""The live document: the form of a check's entry, and the roll-up over all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.domain.checks.check import Check
from monitor.domain.verdict import Reason, Scalar, Verdict, instant

ORDER = (
    "db",
    "realtime",
    "triggers",
    "cluster_coverage",
    "recent_activity",
    "feature_flags",
    "message_throughput",
)
"""The brief's order of the checks."""

VOLATILE = frozenset({"observed_at", "source"})
"""Keys of an entry that alone make no patch: fresh evidence with the same meaning is told by bookmarks."""


def entry(
    check: Check,
    verdict: Verdict,
    reason: Reason | None,
    also: Sequence[Reason],
    *,
    since: float,
    observed_at: float | None,
    source: str | None,
    headline: Mapping[str, Scalar] | None,
    detail: Mapping[str, object],
) -> dict[str, object]:
    """Give a check's form in the document; what is not known is absent."""
    result: dict[str, object] = {"verdict": verdict.value}
    if reason is not None:
        result |= {"reason": reason.code, "params": dict(reason.params)}
    if also:
        result["also"] = {one.code: {"verdict": one.verdict.value, "params": dict(one.params)} for one in also}
    result["since"] = instant(since)
    if observed_at is not None:
        result["observed_at"] = instant(observed_at)
    result["ttl_s"] = check.ttl_s
    if source is not None:
        result["source"] = source
    if headline is not None:
        result["headline"] = dict(headline)
    return result | {"limits": dict(check.limits), "detail": dict(detail)}


def noticeable(patch: Mapping[str, object]) -> bool:
    """Say whether a reader would notice this patch of an entry."""
    if patch.keys() - VOLATILE - {"detail"}:
        return True
    detail = patch.get("detail")
    return isinstance(detail, Mapping) and bool(detail.keys() - {"as_of"})


def roll_up(verdicts: Sequence[Verdict]) -> tuple[str, dict[str, int]]:
    """Give the overall status and the counts: any trouble degrades, else any ignorance is ignorance."""
    counts = {verdict.value: sum(one is verdict for one in verdicts) for verdict in Verdict}
    if counts["warn"] or counts["fail"]:
        return "degraded", counts
    return ("unknown" if counts["unknown"] or not verdicts else "healthy"), counts

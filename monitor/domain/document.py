"""The live document: the form of an entry in each of its sections, and the roll-up over the seven checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.domain.checks.check import Check
from monitor.domain.verdict import Verdict, instant
from monitor.domain.watch import Watch

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
NAMED = ("checks", "services")
"""Sections that hold one entry per name; the others are one entry each."""
VOLATILE = frozenset({"observed_at", "source"})
"""Keys of an entry that alone make no patch: fresh evidence with the same meaning is told by bookmarks."""


def entry(watch: Watch) -> dict[str, object]:
    """Give a watched thing's form in the document; what is not known is absent."""
    judgement = watch.judgement
    if watch.check.section == "settings":
        return _parts(watch, judgement.detail)
    result: dict[str, object] = _verdict(watch)
    if watch.also:
        result["also"] = {one.code: {"verdict": one.verdict.value, "params": dict(one.params)} for one in watch.also}
    result |= watch.flags()
    result["since"] = instant(watch.since)
    if watch.observed is not None:
        result["observed_at"] = instant(watch.observed.wall)
    result["ttl_s"] = watch.check.ttl_s
    if watch.source is not None:
        result["source"] = watch.source
    if judgement.headline is not None:
        result["headline"] = dict(judgement.headline)
    result["limits"] = dict(watch.check.limits)
    if isinstance(jobs := judgement.detail.get("jobs"), Mapping):
        return {"jobs": _parts(watch, jobs), **result}
    return {**judgement.detail, **result} if watch.check.section not in NAMED else result | {"detail": judgement.detail}


def _verdict(watch: Watch) -> dict[str, object]:
    result: dict[str, object] = {"verdict": watch.verdict.value}
    if watch.reason is not None:
        result |= {"reason": watch.reason.code, "params": dict(watch.reason.params)}
    return result


def _parts(watch: Watch, parts: Mapping[str, object]) -> dict[str, object]:
    """Give settings or jobs with their own verdicts; what cannot be seen now is unknown, whatever it was before."""
    entries = {key: value for key, value in parts.items() if isinstance(value, Mapping)}
    if watch.verdict is not Verdict.UNKNOWN:
        return dict(entries)
    own, unknown = {"verdict", "reason", "params"}, _verdict(watch)
    return {
        key: value if value.get("enabled") is False else {k: v for k, v in value.items() if k not in own} | unknown
        for key, value in entries.items()
    }


def place(watch: Watch, value: object) -> dict[str, object]:
    """Give the patch of the document that puts this where the watched thing stands."""
    section = watch.check.section
    return {section: {watch.check.name: value}} if section in NAMED else {section: value}


def lay(document: Mapping[str, object], placed: Mapping[str, object]) -> dict[str, object]:
    """Lay what `place` gave over a document or a patch of it."""
    laid = dict(document)
    for section, value in placed.items():
        below = laid.get(section)
        laid[section] = {**below, **value} if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return laid


def rank(check: Check) -> int:
    """Give the place of a check in line: the seven in the brief's order, then the rest as it was given."""
    return ORDER.index(check.name) if check.section == "checks" else len(ORDER)


def noticeable(patch: Mapping[str, object], section: str = "checks") -> bool:
    """Say whether a reader would notice this patch of an entry; the keys of `settings` are the platform's own."""
    if section == "settings":
        return bool(patch)
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

"""Whether every cluster has a counselor whose account is active, and who is still assigned although it is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from monitor.domain.listing import listed
from monitor.domain.quoting import quoted
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict

NAME = 100
"""Letters of a name that are shown at most."""

Assigned = Mapping[str, Mapping[str, bool]]
"""The clusters of the table, each with its counselors: name -> active."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Columns of coverage.sql: one element per assignment; a cluster without any stands once, with counselor ""."""

    cluster: list[str]
    counselor: list[str]
    active: list[bool]


@dataclass(frozen=True, slots=True)
class ClusterCoverage:
    """Judges the `expected` clusters, or all of the table when none is named; the others are only shown."""

    expected: tuple[str, ...] = ()
    ttl_s: float = 65

    name = "cluster_coverage"
    section = "checks"
    takes = (Coverage,)
    evidence = (Coverage,)
    limits: Mapping[str, Scalar] = field(default_factory=dict)

    def begin(self, _: At) -> Judgement[None]:
        return Judgement(None, detail={"clusters": {}})

    def judge(self, facts: object, previous: Judgement[None], _: At) -> Judgement[None]:
        if not isinstance(facts, Coverage):
            return previous
        assigned: dict[str, dict[str, bool]] = {}
        for cluster, counselor, active in zip(facts.cluster, facts.counselor, facts.active, strict=True):
            people = assigned.setdefault(cluster, {})
            if counselor:
                name = quoted(counselor, NAME)
                people[name] = active or people.get(name, False)
        judged = tuple(dict.fromkeys(self.expected or assigned))
        if not judged:
            # Nothing is expected and nothing is there: that is no coverage to be proud of.
            empty = Reason("unknown.error", Verdict.UNKNOWN, {"where": "clusters", "code": "empty"})
            return Judgement(None, (empty,), detail={"clusters": {}})
        covered = [name for name in judged if any(assigned.get(name, {}).values())]
        return Judgement(
            None,
            reasons=_reasons(assigned, judged, covered),
            headline={"value": len(covered), "of": len(judged)},
            detail={
                "covered": len(covered),
                "total": len(judged),
                "clusters": {
                    quoted(name, NAME): _entry(assigned.get(name), name in judged) for name in (*judged, *assigned)
                },
            },
        )


def _reasons(assigned: Assigned, judged: Iterable[str], covered: Iterable[str]) -> tuple[Reason, ...]:
    served = set(covered)
    inactive = [name for name in judged if assigned.get(name) and name not in served]
    bare = [name for name in judged if not assigned.get(name)]
    half = [name for name in judged if name in served and not all(assigned[name].values())]
    reasons = []
    counts: dict[str, Scalar] = {"covered": len(served), "total": len(served) + len(inactive) + len(bare)}
    if inactive:
        named = {"clusters": _clusters(inactive), "names": _away(assigned, inactive), **counts}
        reasons.append(Reason("cluster_coverage.inactive_only", Verdict.WARN, named))
    if bare:
        # A cluster that is not in the table has nobody assigned either: among several, that is true of all.
        why = "not_assigned" if any(name in assigned for name in bare) else "not_in_table"
        missing = {"clusters": _clusters(bare), "why": why, **counts}
        reasons.append(Reason("cluster_coverage.uncovered", Verdict.WARN, missing))
    if half:
        note = {"clusters": _clusters(half), "names": _away(assigned, half)}
        reasons.append(Reason("cluster_coverage.inactive_assigned", Verdict.OK, note))
    return tuple(reasons)


def _clusters(names: Iterable[str]) -> str:
    return listed([quoted(name, NAME) for name in names])


def _away(assigned: Assigned, clusters: Iterable[str]) -> str:
    """Name those of these clusters whose account is not active, each once."""
    found = [person for name in clusters for person, active in assigned[name].items() if not active]
    return listed(list(dict.fromkeys(found)))


def _entry(people: Mapping[str, bool] | None, expected: bool) -> dict[str, object]:
    entry: dict[str, object] = {
        "covered": any(people.values()) if people else False,
        "expected": expected,
        "counselors": {name: {"active": active} for name, active in (people or {}).items()},
    }
    return entry if people is not None else entry | {"in_table": False}

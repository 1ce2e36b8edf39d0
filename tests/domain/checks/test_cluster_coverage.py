"""Cluster coverage: who is served, who is assigned and away, and which cluster has nobody."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.checks.cluster_coverage import ClusterCoverage, Coverage
from monitor.domain.signal import Tick
from tests.domain.build import at, codes, fold, nulls, params

CLUSTERS = ("Teknik", "Ekonomi", "Kesehatan", "Hukum", "Seni")
CHECK = ClusterCoverage(CLUSTERS)


def coverage(**changed):
    """Two active counselors per cluster unless told otherwise; "name-" is an inactive one, None stands for no row."""
    people = {cluster: [f"{cluster} A", f"{cluster} B"] for cluster in CLUSTERS} | changed
    rows = [(cluster, name) for cluster, names in people.items() if names is not None for name in names or [""]]
    return Coverage(
        [cluster for cluster, _ in rows],
        [name.removesuffix("-") for _, name in rows],
        [bool(name) and not name.endswith("-") for _, name in rows],
    )


def judged(check=CHECK, **changed):
    return fold(check, (1, coverage(**changed)))


def test_all_served():
    """Each cluster with an active counselor is a plain ok, and the card counts them."""
    judgement = judged()
    assert judgement.reasons == ()
    assert judgement.headline == {"value": 5, "of": 5}
    assert (judgement.detail["covered"], judgement.detail["total"]) == (5, 5)
    assert list(judgement.detail["clusters"]) == list(CLUSTERS)
    assert judgement.detail["clusters"]["Hukum"] == {
        "covered": True,
        "expected": True,
        "counselors": {"Hukum A": {"active": True}, "Hukum B": {"active": True}},
    }


def test_inactive_only():
    """A cluster whose counselors are all inactive is named with them: the 4/5 though five were assigned."""
    judgement = judged(Hukum=["Budi-", "Siti-"])
    assert codes(judgement) == {"cluster_coverage.inactive_only": "warn"}
    assert params(judgement, "cluster_coverage.inactive_only") == {
        "clusters": "Hukum", "names": "Budi, Siti", "covered": 4, "total": 5,
    }  # fmt: skip
    assert judgement.headline == {"value": 4, "of": 5}
    assert judgement.detail["clusters"]["Hukum"] == {
        "covered": False,
        "expected": True,
        "counselors": {"Budi": {"active": False}, "Siti": {"active": False}},
    }


def test_nobody():
    """A cluster of the table without an assignment has no counselor."""
    judgement = judged(Seni=[])
    assert codes(judgement) == {"cluster_coverage.uncovered": "warn"}
    assert params(judgement, "cluster_coverage.uncovered") == {
        "clusters": "Seni", "why": "not_assigned", "covered": 4, "total": 5,
    }  # fmt: skip
    assert judgement.detail["clusters"]["Seni"] == {"covered": False, "expected": True, "counselors": {}}


def test_not_in_the_table():
    """An expected cluster that the table lacks is told apart, in the sentence and in the detail."""
    judgement = judged(Seni=None)
    assert params(judgement, "cluster_coverage.uncovered")["why"] == "not_in_table"
    assert judgement.detail["clusters"]["Seni"] == {
        "covered": False, "expected": True, "counselors": {}, "in_table": False,
    }  # fmt: skip


def test_both_kinds_of_nobody():
    """Of several the word is one that is true of all: who is not in the table has nobody assigned either."""
    judgement = judged(Seni=None, Hukum=[])
    named = params(judgement, "cluster_coverage.uncovered")
    assert (named["clusters"], named["why"], named["covered"]) == ("Hukum, Seni", "not_assigned", 3)


def test_order():
    """All that is true is told: the inactive first, then those without anybody, then the note; with the same counts."""
    judgement = judged(Teknik=["Ana", "Budi-"], Hukum=["Citra-"], Seni=[])
    assert codes(judgement) == {
        "cluster_coverage.inactive_only": "warn",
        "cluster_coverage.uncovered": "warn",
        "cluster_coverage.inactive_assigned": "ok",
    }
    assert params(judgement, "cluster_coverage.inactive_assigned") == {"clusters": "Teknik", "names": "Budi"}
    for code in ("inactive_only", "uncovered"):
        counts = params(judgement, f"cluster_coverage.{code}")
        assert (counts["covered"], counts["total"]) == (3, 5)


def test_still_assigned():
    """A cluster that is served although somebody in it is inactive is ok with a note, as long as that lasts."""
    judgement = judged(Teknik=["Ana", "Budi-"])
    assert codes(judgement) == {"cluster_coverage.inactive_assigned": "ok"}
    assert judgement.headline == {"value": 5, "of": 5}
    mended = CHECK.judge(coverage(), judgement, at(2))
    assert mended.reasons == ()


def test_others_are_only_shown():
    """A cluster of the table that is not expected is shown and not judged."""
    judgement = judged(Magang=[], Arsip=["Dewi-"])
    assert judgement.reasons == ()
    assert judgement.headline == {"value": 5, "of": 5}
    assert judgement.detail["clusters"]["Magang"] == {"covered": False, "expected": False, "counselors": {}}
    assert judgement.detail["clusters"]["Arsip"]["counselors"] == {"Dewi": {"active": False}}


def test_nothing_expected():
    """A profile that names no cluster expects all of the table."""
    judgement = judged(ClusterCoverage(), Hukum=["Budi-"], Magang=[])
    assert list(codes(judgement)) == ["cluster_coverage.inactive_only", "cluster_coverage.uncovered"]
    assert judgement.headline == {"value": 4, "of": 6}
    assert all(row["expected"] for row in judgement.detail["clusters"].values())


def test_nothing_at_all():
    """Neither an expectation nor a cluster: that is no coverage to be ok about."""
    judgement = fold(ClusterCoverage(), (1, Coverage([], [], [])))
    assert codes(judgement) == {"unknown.error": "unknown"}
    assert judgement.headline is None
    assert judgement.detail == {"clusters": {}}
    gone = fold(CHECK, (1, Coverage([], [], [])))
    assert params(gone, "cluster_coverage.uncovered")["why"] == "not_in_table"
    assert gone.headline == {"value": 0, "of": 5}


def test_expected_twice():
    """A cluster that the profile names twice is still one."""
    assert judged(ClusterCoverage(("Hukum", "Hukum"))).headline == {"value": 1, "of": 1}


def test_many_names():
    """Of many names five are told and the number of the others; who is away in two clusters is named once."""
    judgement = judged(Hukum=[f"K{n}-" for n in range(7)], Seni=["K0-", "K1-"])
    named = params(judgement, "cluster_coverage.inactive_only")
    assert (named["clusters"], named["names"]) == ("Hukum, Seni", "K0, K1, K2, K3, K4 +2")


def test_same_name():
    """Two of one name are one line; the cluster is served if either is active, whoever comes first."""
    for people in (["Siti-", "Siti"], ["Siti", "Siti-"]):
        judgement = judged(Hukum=people)
        assert judgement.headline == {"value": 5, "of": 5}
        assert judgement.detail["clusters"]["Hukum"]["counselors"] == {"Siti": {"active": True}}


def test_names_are_quoted():
    """Names are somebody else's words: no control character, no endless one, no secret is told on."""
    judgement = judged(ClusterCoverage(), **{"A\nB": ["\x1b[31mEve-", "x" * 500, "password=canary-1"]})
    shown = repr(judgement.detail) + repr(judgement.reasons)
    assert "\x1b" not in shown
    assert "x" * 101 not in shown
    assert "canary-1" not in shown
    assert r"A\nB" in judgement.detail["clusters"]


def test_time_changes_nothing():
    """It never changes by itself: a tick leaves it as it was, and it asks for none."""
    judgement = judged(Hukum=["Budi-"])
    assert judgement.holds_until == math.inf
    assert CHECK.judge(Tick(at(100)), judgement, at(100)) == judgement


def test_what_it_is():
    """It is named as the brief names it, and before the first look it says nothing."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s, CHECK.limits) == ("cluster_coverage", "checks", 65, {})
    assert (CHECK.takes, CHECK.evidence) == ((Coverage,), (Coverage,))
    begun = fold(CHECK)
    assert (begun.reasons, begun.headline, begun.detail) == ((), None, {"clusters": {}})


NAMES = st.sampled_from(["", "Ana", "Budi", "Citra"])


@pytest.mark.parametrize("check", [CHECK, ClusterCoverage()], ids=["five", "all"])
@given(rows=st.lists(st.tuples(st.sampled_from([*CLUSTERS, "Arsip"]), NAMES, st.booleans())))
def test_counts_agree(check, rows):
    """Whatever the table holds, it is ok exactly when everything judged is covered, and there is no null anywhere."""
    facts = Coverage(*([list(column) for column in zip(*rows, strict=True)] or [[], [], []]))
    judgement = fold(check, (1, facts))
    assert nulls(judgement.detail) == []
    if judgement.headline is None:
        assert not rows
        assert not check.expected
        return
    whole = judgement.headline["value"] == judgement.headline["of"]
    assert whole == all(reason.verdict == "ok" for reason in judgement.reasons)
    judged_rows = [row for row in judgement.detail["clusters"].values() if row["expected"]]
    assert sum(row["covered"] for row in judged_rows) == judgement.headline["value"]
    assert len(judged_rows) == judgement.headline["of"]

"""Verdicts and reasons: what decides among several, and how an instant is written."""

from __future__ import annotations

import math
from itertools import permutations

import pytest

from monitor.domain.verdict import BADNESS, Judgement, Reason, Verdict, instant, primary

OK, WARN, FAIL, UNKNOWN = (Reason(f"x.{verdict}", verdict) for verdict in Verdict)


@pytest.mark.parametrize("reasons", list(permutations([OK, WARN, FAIL, UNKNOWN])))
def test_worst_decides(reasons):
    """The worst verdict decides, wherever it stands: fail, then warn, then unknown, then an ok note."""
    left = list(reasons)
    decided = []
    while (one := primary(left)) is not None:
        decided.append(one)
        left.remove(one)
    assert decided == [FAIL, WARN, UNKNOWN, OK]


def test_first_of_equals():
    """Among equally bad reasons the first of the catalogue decides."""
    first, second = Reason("a.first", Verdict.WARN), Reason("a.second", Verdict.WARN)
    assert primary([OK, first, second]) is first


def test_nothing_to_say():
    """No reason at all is a plain ok."""
    assert primary([]) is None


def test_every_verdict_ranks():
    """There are four verdicts, by these names on the wire, and each has its own rank."""
    assert [verdict.value for verdict in Verdict] == ["ok", "warn", "fail", "unknown"]
    assert sorted(BADNESS.values()) == [0, 1, 2, 3]


def test_judgement():
    """A judgement says nothing, remembers what it is given, and holds for ever unless told otherwise."""
    judgement = Judgement("memory")
    assert (judgement.memory, judgement.reasons, judgement.holds_until) == ("memory", (), math.inf)
    assert (judgement.headline, judgement.detail, judgement.since) == (None, {}, None)
    assert Reason("a.b", Verdict.OK).params == {}


@pytest.mark.parametrize(
    ("unix", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_795_310_411.0, "2026-11-22T01:20:11.000Z"),
        (1_795_310_411.9999, "2026-11-22T01:20:11.999Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
    ],
)
def test_instant(unix, text):
    """An instant is RFC 3339 in UTC with exactly three digits of the second."""
    assert instant(unix) == text

"""One service: what a miss, two misses and a healthy answer mean, and what says nothing of it at all."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.service import Service
from monitor.domain.probing import Probe, ServiceTarget
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from monitor.secret import Secret
from tests.domain.build import NOON, at, codes, fold, params

TARGET = ServiceTarget("dify", "http", "http://10.0.0.7:5001/health")
CHECK = Service("dify", "http", TARGET.label, ttl_s=65)
STARTING = {"unknown.starting": "unknown"}
PENDING = {"to": "fail", "n": 1, "need": 2}


def answered(ms=40.0, **more):
    return TARGET.probe("answered", latency_ms=ms, **more)


def probed(outcome, answer="", **more):
    return TARGET.probe(outcome, answer, **more)


def each(*probes, every=30):
    """These probes, one every so many seconds, from second 0 on."""
    return [(every * number, probe) for number, probe in enumerate(probes)]


def test_answers():
    """A service that answers is plainly ok, with its latency, its kind and its address."""
    judgement = fold(CHECK, (0, answered(41.26)))
    assert (judgement.reasons, judgement.pending, judgement.since) == ((), None, None)
    assert judgement.headline == {"value": 41.3, "unit": "ms"}
    assert judgement.detail == {"kind": "http", "target": "http://10.0.0.7:5001/health"}
    assert judgement.holds_until == math.inf


def test_before_the_first_probe():
    """Before anything was asked, nothing is claimed."""
    judgement = CHECK.begin(at(0))
    assert (judgement.reasons, judgement.headline) == ((), None)
    assert codes(CHECK.judge(Tick(at(1)), judgement, at(1))) == STARTING


FAILS = [
    (probed("refused"), "service.refused", {"target": "http://10.0.0.7:5001/health"}),
    (probed("timeout"), "service.timeout", {"timeout_s": 3}),
    (probed("no_such_name"), "service.dns", {"host": "10.0.0.7"}),
    (probed("bad_answer", "503"), "service.bad_answer", {"answer": "503"}),
    (probed("bad_answer", "asks for a login"), "service.bad_answer", {"answer": "asks for a login"}),
    (probed("bad_answer", "certificate expired"), "service.bad_answer", {"answer": "certificate expired"}),
]


@pytest.mark.parametrize(("probe", "code", "told"), FAILS)
def test_twice(probe, code, told):
    """The first miss is pending and keeps what was said before; the second is the failure, since the first."""
    first = fold(CHECK, (0, answered()), (30, probe))
    assert (first.reasons, first.pending, first.since) == ((), PENDING, None)
    assert first.headline == {"value": 40.0, "unit": "ms"}
    second = CHECK.judge(probe, first, at(33))
    assert codes(second) == {code: "fail"}
    assert params(second, code) == {"service": "dify"} | told
    assert (second.pending, second.headline, second.since) == (None, None, NOON + 30)


@pytest.mark.parametrize(("probe", "code", "told"), FAILS)
def test_from_the_start(probe, code, told):
    """A service that was never seen well is starting at its first miss, and failing at its second."""
    first = fold(CHECK, (0, probe))
    assert (codes(first), first.pending, first.headline) == (STARTING, PENDING, None)
    assert codes(CHECK.judge(probe, first, at(3))) == {code: "fail"}


@pytest.mark.parametrize("probe", [one for one, _, _ in FAILS])
def test_heals(probe):
    """The first healthy answer ends it at once, however long it lasted; one more miss is then the first again."""
    judgement = fold(CHECK, *each(answered(), *[probe] * 5, answered(70.0)))
    assert (judgement.reasons, judgement.since, judgement.pending) == ((), None, None)
    assert judgement.headline == {"value": 70.0, "unit": "ms"}
    again = CHECK.judge(probe, judgement, at(400))
    assert (again.reasons, again.pending) == ((), PENDING)


def test_a_miss_between():
    """Single misses between healthy answers are never a failure."""
    judgement = fold(CHECK, *each(*[answered(), probed("timeout")] * 9))
    assert judgement.reasons == ()


def test_kinds_of_misses():
    """Misses of two kinds are two misses all the same; what is said is the latest of them."""
    judgement = fold(CHECK, *each(answered(), probed("timeout"), probed("refused")))
    assert codes(judgement) == {"service.refused": "fail"}
    judgement = CHECK.judge(probed("bad_answer", "502"), judgement, at(90))
    assert params(judgement, "service.bad_answer") == {"service": "dify", "answer": "502"}
    assert judgement.detail["answer"] == "502"
    assert judgement.since == NOON + 30


def test_slow():
    """Slow enters at 3 of 5 samples and leaves at two in a row at or below 70 % of the limit."""
    slow = answered(2100.0)
    judgement = fold(CHECK, *each(answered(), slow, answered(), slow))
    assert judgement.reasons == ()
    judgement = CHECK.judge(answered(2600.4), judgement, at(120))
    assert codes(judgement) == {"service.slow": "warn"}
    assert params(judgement, "service.slow") == {"service": "dify", "latency_ms": 2600, "limit_ms": 2000}
    judgement = CHECK.judge(answered(1400.0), judgement, at(150))
    assert codes(judgement) == {"service.slow": "warn"}
    assert CHECK.judge(answered(1400.0), judgement, at(180)).reasons == ()


def test_slow_shows_a_slow_number():
    """The number beside "slow" is at or beyond the limit when it enters, even where it hardly moved."""
    judgement = fold(CHECK, *each(answered(1900.0), *[answered(2000.0)] * 3))
    assert params(judgement, "service.slow")["latency_ms"] == 2000


def test_slow_is_forgotten():
    """How slow a service was before it failed is not said of the one that came back."""
    slow, gone = answered(2500.0), probed("refused")
    judgement = fold(CHECK, *each(slow, slow, slow, gone, gone, slow))
    assert judgement.reasons == ()


def test_latency_moves():
    """The latency on the page moves only when a reader would notice: by more than 20 % and 5 ms."""
    judgement = fold(CHECK, *each(answered(100.0), answered(119.0), answered(82.0)))
    assert judgement.headline == {"value": 100.0, "unit": "ms"}
    assert CHECK.judge(answered(121.0), judgement, at(90)).headline == {"value": 121.0, "unit": "ms"}


UNSEEN = {"unresolved": "unknown.blind", "exhausted": "unknown.blocked_by"}


@pytest.mark.parametrize("outcome", UNSEEN)
@pytest.mark.parametrize(
    ("before", "said"),
    [
        ([answered()], {}),
        ([answered(), probed("refused"), probed("refused")], {"service.refused": "fail"}),
        ([probed("refused")], STARTING),
    ],
    ids=["well", "failing", "one miss"],
)
def test_says_nothing(before, said, outcome):
    """What says nothing of the service keeps its verdict; when the evidence is old, nothing is known any more."""
    judgement = fold(CHECK, *each(*before, every=1))
    last = len(before) - 1
    for number in range(1, 3):
        judgement = CHECK.judge(probed(outcome), judgement, at(last + 30 * number))
        assert codes(judgement) == said
        assert judgement.holds_until == at(last + 65).mono
    judgement = CHECK.judge(Tick(at(last + 65)), judgement, at(last + 65))
    assert codes(judgement) == {UNSEEN[outcome]: "unknown"}
    assert (judgement.headline, judgement.holds_until) == (None, math.inf)
    assert judgement.since == NOON + last + 30
    healed = CHECK.judge(answered(), judgement, at(last + 70))
    assert (healed.reasons, healed.since, healed.holds_until) == ((), None, math.inf)


@pytest.mark.parametrize("outcome", UNSEEN)
def test_never_seen(outcome):
    """A service of which nothing was ever known is not called well."""
    judgement = fold(CHECK, (0, probed(outcome)), (30, probed(outcome)))
    assert codes(judgement) == {UNSEEN[outcome]: "unknown"}
    told = {"since": instant(NOON)} | ({"parent": "monitor"} if outcome == "exhausted" else {"target": CHECK.target})
    assert params(judgement, UNSEEN[outcome]) == told
    assert judgement.since == NOON


def test_thrown_away_between_two_misses():
    """A sample that says nothing lies between two misses as if it were not there."""
    judgement = fold(CHECK, *each(answered(), probed("timeout"), probed("exhausted")))
    assert judgement.pending == PENDING
    assert codes(CHECK.judge(probed("timeout"), judgement, at(61))) == {"service.timeout": "fail"}


def test_started_at():
    """Since when it runs is told when the service says it."""
    judgement = fold(CHECK, (0, answered(started_at=NOON - 3600)))
    assert judgement.detail["started_at"] == instant(NOON - 3600)


def test_what_it_is():
    """It stands among the services under its own name, with its limits."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("dify", "services", 65)
    assert (CHECK.takes, CHECK.evidence) == ((Probe,), (Probe,))
    assert CHECK.limits == {"service_slow_ms": 2000, "service_timeout_s": 3}


# Whom to ask


@pytest.mark.parametrize(
    ("kind", "url", "host", "port", "label"),
    [
        ("http", "http://10.0.0.7:5001/health", "10.0.0.7", 5001, "http://10.0.0.7:5001/health"),
        ("http", "http://dify", "dify", 80, "http://dify"),
        ("http", "https://dify/", "dify", 443, "https://dify/"),
        ("http", "https://me:hunter2@dify/x?token=hunter2#hunter2", "dify", 443, "https://dify/x"),
        ("http", "http://me:1/hunter2@dify/x", "me", 1, "http://me:1"),
        ("http", "http://[::1]:80/", "::1", 80, "http://[::1]:80/"),
        ("tcp", "milvus:19530", "milvus", 19530, "milvus:19530"),
        ("valkey", "[::1]:6379", "::1", 6379, "[::1]:6379"),
        ("valkey", "me:hunter2@valkey:6379", "valkey", 6379, "valkey:6379"),
    ],
)
def test_target(kind, url, host, port, label):
    """Host and port come from the address; what is shown of it has neither credentials nor query."""
    target = ServiceTarget("x", kind, **{"url" if kind == "http" else "address": url})
    assert (target.host, target.port, target.label) == (host, port, label)
    assert "hunter2" not in target.label


def test_target_shows_no_secret():
    """Printed by accident, a target shows no secret."""
    target = ServiceTarget("x", "http", "http://me:hunter2@dify/?key=hunter2", password=Secret("hunter2"))
    assert "hunter2" not in repr(target)


def test_probe():
    """A probe names its service and its target as it may be shown."""
    assert probed("bad_answer", "503") == Probe("dify", "bad_answer", TARGET.label, answer="503", host="10.0.0.7")

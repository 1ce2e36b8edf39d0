"""Folding: which troubles of the database hide its children."""

from __future__ import annotations

import pytest

from monitor.domain.folding import CHILDREN, PARENT, answers, blocks, explained_by, hides, seen_anyway, unsure
from monitor.domain.verdict import Reason, Verdict


@pytest.mark.parametrize(
    ("code", "verdict", "hides"),
    [
        ("db.refused", Verdict.FAIL, True),
        ("db.starting", Verdict.FAIL, True),
        ("db.hung", Verdict.FAIL, True),
        ("db.unreachable", Verdict.FAIL, True),
        ("db.saturated", Verdict.FAIL, True),
        ("db.saturated", Verdict.WARN, False),
        ("db.login_refused", Verdict.UNKNOWN, True),
        ("db.login_refused", Verdict.OK, False),
        ("db.no_new_connections", Verdict.WARN, False),
        ("db.slow", Verdict.WARN, False),
        ("db.restarted", Verdict.OK, False),
        ("db.elevated", Verdict.OK, False),
        ("unknown.blind", Verdict.UNKNOWN, True),
        ("unknown.stale", Verdict.UNKNOWN, True),
        ("unknown.blocked_by", Verdict.UNKNOWN, True),
        ("unknown.timeout", Verdict.UNKNOWN, True),
        ("unknown.starting", Verdict.UNKNOWN, False),
    ],
)
def test_blocks(code, verdict, hides):
    """Children are hidden while the database cannot be asked, and by nothing less; a start hides nothing yet."""
    assert blocks(Reason(code, verdict)) is hides


@pytest.mark.parametrize(
    ("reason", "also", "hidden"),
    [
        (Reason("db.refused", Verdict.FAIL), (), CHILDREN),
        (Reason("db.read_only", Verdict.OK), (), {"realtime"}),
        (Reason("db.slow", Verdict.WARN), (Reason("db.read_only", Verdict.OK),), {"realtime"}),
        (Reason("db.notify_queue", Verdict.FAIL), (), {"realtime"}),
        (Reason("db.notify_queue", Verdict.WARN), (), set()),
        (Reason("db.blocked", Verdict.WARN), (), set()),
        (None, (), set()),
    ],
)
def test_hides(reason, also, hidden):
    """On a standby, or with a full queue, only realtime cannot be seen; everything else is asked as ever."""
    assert hides(reason, also) == hidden


def test_well():
    """A database without any reason hides nothing."""
    assert blocks(None) is False


def test_family():
    """What is asked by SQL is a child of the database; the parent, files and services are not."""
    assert PARENT == "db"
    asked = {"realtime", "triggers", "cluster_coverage", "recent_activity", "message_throughput", "cron", "settings"}
    assert asked == CHILDREN


def test_seen_anyway():
    """The broker's own state is seen without the database; nothing else of a blocked check is."""
    down, slow = Reason("realtime.broker_down", Verdict.FAIL), Reason("realtime.storm", Verdict.WARN)
    assert seen_anyway((slow, down)) == (down,)


REFUSED = Reason("service.refused", Verdict.FAIL)
EXPLAINS = {"services/dify": ("recent_activity.bot_silent",), "services/api": ("realtime.broker_*",)}


@pytest.mark.parametrize(
    ("code", "others", "cause"),
    [
        ("message_throughput.drop", {"recent_activity": Reason("recent_activity.silent", Verdict.WARN)}, True),
        ("message_throughput.spike", {"recent_activity": Reason("recent_activity.silent", Verdict.WARN)}, False),
        ("recent_activity.bot_silent", {"services/dify": REFUSED}, True),
        ("recent_activity.bot_silent", {"services/api": REFUSED}, False),
        ("recent_activity.bot_silent", {"services/dify": Reason("unknown.blind", Verdict.UNKNOWN)}, False),
        ("realtime.broker_down", {"services/api": REFUSED}, True),
        ("realtime.storm", {"services/api": REFUSED}, False),
        ("realtime.broker_down", {}, False),
    ],
)
def test_explained(code, others, cause):
    """A reason follows from another one that is true now, by the catalogue or by what the profile says of a service."""
    expected = next(iter(others.values())).code if cause else None
    assert explained_by(Reason(code, Verdict.WARN), others, EXPLAINS) == expected


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (Reason("realtime.slow", Verdict.WARN), "db.slow_path"),
        (Reason("cron.long_running", Verdict.WARN), "db.blocked"),
        (Reason("unknown.timeout", Verdict.UNKNOWN, {"limit": "lock"}), "db.blocked"),
        (Reason("unknown.timeout", Verdict.UNKNOWN, {"limit": "statement"}), None),
        (Reason("cron.late", Verdict.WARN), None),
    ],
)
def test_explained_by_the_database(reason, cause):
    """What is slow or turned away follows from what is seen on the database's card, first or among the others."""
    told = {"db": Reason(cause or "db.blocked", Verdict.WARN)}
    assert explained_by(reason, told, {}) == cause
    saturated = {"db": Reason("db.saturated", Verdict.WARN)}
    assert explained_by(reason, saturated, {}, {cause or "db.blocked"}) == cause
    assert explained_by(reason, saturated, {}) is None


def test_nothing_to_explain():
    """Where nothing is wrong there is nothing to explain."""
    assert explained_by(None, {"services/dify": REFUSED}, EXPLAINS) is None


@pytest.mark.parametrize(
    ("key", "reason", "proof"),
    [
        ("db", None, True),
        ("db", Reason("db.refused", Verdict.FAIL), True),
        ("db", Reason("unknown.blind", Verdict.UNKNOWN), False),
        ("services/dify", None, True),
        ("services/dify", REFUSED, True),
        ("services/dify", Reason("service.timeout", Verdict.FAIL), False),
        ("realtime", None, False),
    ],
)
def test_who_answers(key, reason, proof):
    """A target that answers, even with a no, proves our own network; a check proves nothing."""
    assert answers(key, reason) is proof


def test_unsure():
    """Only a service that nobody heard of may be our own network's fault."""
    silent = Reason("service.timeout", Verdict.FAIL)
    assert unsure("services/dify", silent)
    assert not unsure("services/dify", REFUSED)
    assert not unsure("services/dify", None)
    assert not unsure("db", silent)

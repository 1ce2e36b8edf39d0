"""The connection to the database: the table of section 2.1 of the catalogue, cell by cell, and what follows from it."""

from __future__ import annotations

import math

import pytest

from monitor.domain.checks.db import Db
from monitor.domain.connection import Connections, Pulse, Statements, Storage
from monitor.domain.contention import Contention, Limits
from monitor.domain.probing import Probe
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from tests.domain.build import NOON, answer, at, codes, connections, contention, fold, params, pulse

CHECK = Db()
TARGET = "10.0.0.5:5432"
BLIND = {"unknown.blind": "unknown"}
HUNG = {"db.hung": "fail"}
NO_NEW = {"db.no_new_connections": "warn"}
REFUSED = {"db.refused": "fail"}
STARTING = {"db.starting": "fail"}
SINCE = instant(NOON + 5)
"""When the trouble of a test is first seen: at its fifth second."""

RESTARTED = answer(started=NOON + 6)
"""An answer of a PostgreSQL that was started within the test."""


def samples(*facts):
    """A well sample at second 0, then one sample every five seconds."""
    return [(0, pulse(answer(), "opened")), *((5 * number, one) for number, one in enumerate(facts, 1))]


# New connection -> what is said at the first and the second sample: while an old session answers, while none does.
TABLE = {
    "opened": ({}, {}, BLIND, HUNG),
    "refused": (REFUSED, REFUSED, REFUSED, REFUSED),
    "shutting_down": (REFUSED, REFUSED, REFUSED, REFUSED),
    "starting": (STARTING, STARTING, STARTING, STARTING),
    "too_many": (
        {"db.saturated": "warn"},
        {"db.saturated": "warn"},
        {"db.saturated": "fail"},
        {"db.saturated": "fail"},
    ),
    "login_refused": (
        {"db.login_refused": "ok"},
        {"db.login_refused": "ok"},
        {"db.login_refused": "unknown"},
        {"db.login_refused": "unknown"},
    ),
    "silent": ({}, NO_NEW, BLIND, HUNG),
    "no_tcp": ({}, NO_NEW, BLIND, BLIND),
    "reset": ({}, NO_NEW, BLIND, BLIND),
    "unresolved": ({}, {}, BLIND, BLIND),
    "exhausted": ({}, {}, {"unknown.blocked_by": "unknown"}, {"unknown.blocked_by": "unknown"}),
}


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("answers", [True, False], ids=["old session answers", "no old session answers"])
@pytest.mark.parametrize("outcome", TABLE)
def test_table(outcome, answers, twice):
    """Every cell: how a new connection ends, whether an old session answers, and whether it was so before."""
    one = pulse(answer() if answers else None, outcome)
    expected = TABLE[outcome][2 * (not answers) + twice]
    assert codes(fold(CHECK, *samples(*[one] * (1 + twice)))) == expected


@pytest.mark.parametrize("outcome", TABLE)
def test_table_heals(outcome):
    """Whatever it was, an answer and an open door make it well again."""
    judgement = fold(CHECK, *samples(*[pulse(None, outcome)] * 3, pulse(answer(), "opened")))
    assert codes(judgement) == ({"db.restarted": "ok"} if outcome == "starting" else {})
    assert judgement.since is None


def test_before_the_first_sample():
    """Before the first sample nothing is claimed."""
    judgement = fold(CHECK, (1, connections()))
    assert (judgement.reasons, judgement.headline, judgement.holds_until) == ((), None, math.inf)


def test_never_answered():
    """A database that is down from the start is judged like any other, without a latency to show."""
    judgement = fold(CHECK, (0, pulse(None, "refused")))
    assert codes(judgement) == REFUSED
    assert judgement.headline is None
    assert judgement.detail == {}


def test_nothing_new_was_tried():
    """No answer and no word of a new connection is silence."""
    assert codes(fold(CHECK, *samples(pulse()))) == BLIND
    judgement = fold(CHECK, *samples(pulse(), pulse()))
    assert params(judgement, "db.hung") == {"since": SINCE, "timeout_s": 2, "target": TARGET}


@pytest.mark.parametrize("outcome", ["no_tcp", "reset"])
def test_unreachable(outcome):
    """Unreachable needs a second miss and another target that answers since; until then it may be our own network."""
    missed, witness = pulse(None, outcome), Probe("dify", "answered", "http://dify", 20.0)
    assert codes(fold(CHECK, (0, missed), (1, witness))) == BLIND
    assert codes(fold(CHECK, (0, missed), (5, missed))) == BLIND
    assert codes(fold(CHECK, (0, witness), (1, missed), (6, missed))) == BLIND, "what it said before proves nothing"
    assert codes(fold(CHECK, (0, missed), (1, Probe("dify", "timeout", "http://dify")), (6, missed))) == BLIND
    judgement = fold(CHECK, (5, missed), (6, witness), (11, missed))
    assert codes(judgement) == {"db.unreachable": "fail"}
    told = {"since": SINCE, "confirmed_by": "dify", "target": TARGET}
    assert params(judgement, "db.unreachable") == told


@pytest.mark.parametrize(
    ("facts", "code", "told"),
    [
        (
            [pulse(None, "refused"), pulse(None, "refused")],
            "db.refused",
            {"since": SINCE, "why": "not_running", "target": TARGET},
        ),
        (
            [pulse(None, "refused", ended_by=frozenset({"57P01"})), pulse(None, "refused")],
            "db.refused",
            {"since": SINCE, "why": "stopped", "target": TARGET},
        ),
        (
            [pulse(None, "shutting_down"), pulse(None, "refused")],
            "db.refused",
            {"since": SINCE, "why": "stopped", "target": TARGET},
        ),
        ([pulse(None, "starting"), pulse(None, "starting")], "db.starting", {"since": SINCE, "phase": "start"}),
        (
            [pulse(None, "starting", ended_by=frozenset({"57P02"})), pulse(None, "starting")],
            "db.starting",
            {"since": SINCE, "phase": "crash_recovery"},
        ),
        (
            [pulse(None, "login_refused", sqlstate="28P01")],
            "db.login_refused",
            {"sqlstate": "28P01", "role": "huph_monitor", "since": SINCE},
        ),
        ([pulse(None, "silent")], "unknown.blind", {"target": TARGET, "since": SINCE}),
        ([pulse(None, "too_many")], "db.saturated", {}),
    ],
)
def test_told_while_down(facts, code, told):
    """Each reason tells what was seen, and since the first sample without an answer."""
    judgement = fold(CHECK, *samples(*facts))
    assert params(judgement, code) == told
    assert judgement.since == NOON + 5


@pytest.mark.parametrize(
    ("facts", "code", "told"),
    [
        (["refused", "refused"], "db.refused", {"since": SINCE, "why": "not_running", "target": TARGET}),
        (["shutting_down"], "db.refused", {"since": SINCE, "why": "stopped", "target": TARGET}),
        (["starting", "starting"], "db.starting", {"since": SINCE, "phase": "start"}),
        (["login_refused"], "db.login_refused", {"sqlstate": "28P01", "role": "huph_monitor", "since": SINCE}),
        (["silent", "silent"], "db.no_new_connections", {"timeout_s": 3, "since": SINCE}),
        (["silent", "reset", "no_tcp"], "db.no_new_connections", {"timeout_s": 3, "since": SINCE}),
    ],
)
def test_told_of_new_connections(facts, code, told):
    """While an old session answers, a reason tells since when new connections end like this."""
    judgement = fold(CHECK, *samples(*(pulse(answer(), one, sqlstate="28P01") for one in facts)))
    assert params(judgement, code) == told
    assert judgement.since is None


def test_new_connections_are_not_tried_each_time():
    """A sample that tries no new connection leaves standing what the last one met, and so does a name not resolved."""
    steps = samples(pulse(answer(), "refused"), pulse(answer()), pulse(answer(), "unresolved"))
    assert codes(fold(CHECK, *steps)) == REFUSED


def test_misses_in_a_row():
    """Two new connections must fail in a row: one that opens, or is refused, in between begins anew."""
    silent = pulse(answer(), "silent")
    for between in ("opened", "too_many"):
        judgement = fold(CHECK, *samples(silent, pulse(answer(), between), silent))
        assert codes(judgement) == {}
    judgement = fold(CHECK, *samples(silent, pulse(answer(), "opened"), silent, silent))
    assert params(judgement, "db.no_new_connections")["since"] == instant(NOON + 15)


def test_an_outage_of_its_own():
    """A second outage begins when it begins, and counts its own misses."""
    judgement = fold(CHECK, *samples(pulse(), pulse(), pulse(answer(), "opened"), pulse()))
    assert codes(judgement) == BLIND
    assert judgement.since == NOON + 20


def test_own_fault():
    """Our own shortage is said since it began, hides nothing that was known, and ends with the next real sample."""
    exhausted = pulse(None, "exhausted")
    judgement = fold(CHECK, *samples(exhausted, exhausted))
    assert params(judgement, "unknown.blocked_by") == {"parent": "monitor", "since": SINCE}
    assert judgement.since is None
    assert judgement.headline == {"value": 12.0, "unit": "ms"}
    after = fold(CHECK, *samples(exhausted, pulse(None, "refused"), exhausted, exhausted))
    assert params(after, "unknown.blocked_by")["since"] == instant(NOON + 15)
    assert after.since is None
    assert codes(fold(CHECK, *samples(exhausted, pulse(answer(), "opened")))) == {}


def test_own_fault_with_an_answer():
    """A sample of ours that failed is thrown away when an old session answers: what was said stays."""
    thrown = pulse(answer(900.0), "exhausted")
    assert codes(fold(CHECK, *samples(*[thrown] * 5))) == {}
    assert codes(fold(CHECK, *samples(pulse(None, "refused"), thrown))) == REFUSED


def test_slow():
    """Slow from 3 of 5 samples on, until 2 in a row are at 70 % of the limit; one reason, not also the note."""
    slow = pulse(answer(600.0, server_ms=580.0))
    assert codes(fold(CHECK, *samples(slow, slow))) == {}
    judgement = fold(CHECK, (0, connections()), *samples(slow, slow, slow))
    assert codes(judgement) == {"db.slow": "warn"}
    assert params(judgement, "db.slow") == {"latency_ms": 600, "server_ms": 580, "limit_ms": 500, "active": 3}
    assert params(fold(CHECK, *samples(slow, slow, slow)), "db.slow")["active"] == 0
    well = pulse(answer(350.0))
    assert "db.slow" in codes(fold(CHECK, *samples(slow, slow, slow, well)))
    assert codes(fold(CHECK, *samples(slow, slow, slow, well, well))) == {"db.elevated": "ok"}


def test_slow_path():
    """Where the server takes less than a tenth of the time it is the way, from 3 of 5 on, until 2 are well again."""
    far, slow = pulse(answer(600.0, server_ms=59.0)), pulse(answer(600.0, server_ms=61.0))
    assert codes(fold(CHECK, *samples(far, far))) == {}
    judgement = fold(CHECK, (0, connections()), *samples(far, far, far))
    assert codes(judgement) == {"db.slow_path": "warn"}
    assert params(judgement, "db.slow_path") == {"latency_ms": 600, "server_ms": 59, "limit_ms": 500}
    assert codes(fold(CHECK, *samples(slow, slow, slow))) == {"db.slow": "warn"}
    assert codes(fold(CHECK, *samples(far, far, far, slow, slow))) == {"db.slow": "warn"}
    well = pulse(answer(350.0, server_ms=1.0))
    assert codes(fold(CHECK, *samples(far, far, far, well))) == {"db.slow_path": "warn"}
    assert codes(fold(CHECK, *samples(far, far, far, well, well))) == {"db.elevated": "ok"}


def test_slow_path_beside_another():
    """The way may be slow whatever else is true: it is not explained by that."""
    far = pulse(answer(600.0, server_ms=1.0), "too_many")
    assert list(codes(fold(CHECK, *samples(far, far, far)))) == ["db.saturated", "db.slow_path"]


def test_our_own_loop():
    """An answer that our own loop has delayed is no evidence of speed, but is one of life."""
    ours = pulse(answer(900.0, stalled=True))
    judgement = fold(CHECK, *samples(*[ours] * 5))
    assert codes(judgement) == {}
    assert judgement.headline == {"value": 12.0, "unit": "ms"}
    assert codes(fold(CHECK, *samples(pulse(), pulse(), ours))) == {}


def test_queues():
    """Who queues is told with every sample, in its place among the others; slowness is explained by it."""
    wait, slow = contention((71, 70, 12.0, "messages")), pulse(answer(600.0))
    judgement = fold(CHECK, *samples(slow, slow, slow), (16, wait))
    assert codes(judgement) == {"db.blocked": "warn"}
    full = fold(CHECK, *samples(pulse(answer(), "silent"), pulse(answer(), "silent")), (16, wait))
    assert list(codes(full)) == ["db.no_new_connections", "db.blocked"]
    assert codes(fold(Db(queueing=Limits(lock_wait_s=20)), *samples(), (1, wait))) == {}


def test_queues_as_shown():
    """A wait that only grows is shown once in a sweep; another one that waits, or a verdict, at once."""
    judgement = fold(CHECK, *samples(), (1, contention((71, 70, 2.0, "messages"))))
    shown = []
    for seconds, waits in (
        (6, [7.0]),
        (11, [12.0]),
        (16, [17.0]),
        (21, [22.0, 1.5]),
        (36, [37.0, 16.5]),
        (51, [52.0, 31.5]),
    ):
        facts = contention(*((71 + number, 70, waited, "messages") for number, waited in enumerate(waits)))
        judgement = CHECK.judge(facts, judgement, at(seconds))
        shown.append([wait["waiting_s"] for wait in judgement.detail["blocked"].values()])
    assert shown == [[2], [12], [12], [22, 1], [22, 1], [52, 31]]
    assert params(judgement, "db.blocked")["longest_s"] == 52


def test_queues_are_forgotten():
    """Who queued before an outage, or when nobody has looked for a while, is no news of now."""
    wait = contention((71, 70, 12.0, "messages"))
    down = fold(CHECK, *samples(), (1, wait), (5, pulse()), (10, pulse(answer(), "opened")))
    assert codes(down) == {}
    assert "blocked" not in down.detail
    old = fold(CHECK, *samples(), (1, wait), (14, pulse(answer())))
    assert codes(old) == {"db.blocked": "warn"}
    assert codes(CHECK.judge(pulse(answer()), old, at(15))) == {}


def test_read_only():
    """A standby is a note since it was first seen as one, with how far it is behind once that is known."""
    standby = pulse(answer(read_only=True))
    judgement = fold(CHECK, *samples(standby, standby))
    assert codes(judgement) == {"db.read_only": "ok"}
    assert params(judgement, "db.read_only") == {"since": SINCE}
    assert judgement.detail["read_only"] is True
    judgement = CHECK.judge(contention(replay_lag_s=1.26), judgement, at(11))
    judgement = CHECK.judge(contention(replay_lag_s=0.0), judgement, at(16))
    assert params(judgement, "db.read_only") == {"since": SINCE, "lag_s": 1.3}
    promoted = CHECK.judge(pulse(answer()), judgement, at(17))
    assert codes(promoted) == {}
    assert promoted.detail["read_only"] is False


def test_wait_ms():
    """The longest wait for a turn of the last half a minute is shown, moved only when a reader would notice."""
    waits = [0.2, 30.04, 33.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    judgement, shown = fold(CHECK), []
    for number, ms in enumerate(waits):
        judgement = CHECK.judge(pulse(answer(wait_ms=ms)), judgement, at(5 * number))
        shown.append(judgement.detail["wait_ms"])
    assert shown == [0.2, *[30.0] * 8, 0.0, 0.0]


def test_elevated():
    """Between the limits it is a note, from 3 of 5 on, until 2 in a row are below."""
    judgement = fold(CHECK, *samples(*[pulse(answer(80.4))] * 3))
    assert codes(judgement) == {"db.elevated": "ok"}
    assert params(judgement, "db.elevated") == {"latency_ms": 80, "limit_ms": 50}
    again = fold(CHECK, *samples(*[pulse(answer(80.0))] * 3, pulse(answer(49.0)), pulse(answer(49.0))))
    assert codes(again) == {}


def test_slow_is_explained():
    """Slowness is not named beside a reason that explains it, and is beside a note."""
    slow = pulse(answer(600.0))
    assert codes(fold(CHECK, *samples(slow, slow, pulse(answer(600.0), "too_many")))) == {"db.saturated": "warn"}
    judgement = fold(CHECK, *samples(slow, slow, pulse(answer(600.0), "login_refused")))
    assert list(codes(judgement)) == ["db.login_refused", "db.slow"]


def test_only_our_own_limit():
    """Where the server has slots left, it is our own role's limit that is full: no fault of the platform's."""
    looked = fold(CHECK, *samples(pulse(answer(), "opened")), (2, connections(used=12)))
    full = CHECK.judge(pulse(None, "too_many"), looked, at(10))
    assert codes(full) == {"unknown.permission": "unknown"}
    assert params(full, "unknown.permission")["right"] == "CONNECT"
    assert codes(CHECK.judge(pulse(answer(), "too_many"), looked, at(10))) == {}


def test_saturated():
    """Slots are scarce from 90 % on, 3 of 5, until it is below 63 % twice; the numbers are those of the last look."""
    full, calm = connections(used=90), connections(used=62)
    start = samples()
    looks = [(30 * number, full) for number in range(1, 4)]
    assert codes(fold(CHECK, *start, *looks[:2])) == {}
    judgement = fold(CHECK, *start, *looks)
    assert codes(judgement) == {"db.saturated": "warn"}
    assert params(judgement, "db.saturated") == {"used": 90, "max": 100, "idle_in_tx": 1, "top_app": "huph-api"}
    assert codes(fold(CHECK, *start, *looks, (120, calm))) == {"db.saturated": "warn"}
    assert codes(fold(CHECK, *start, *looks, (120, calm), (150, calm))) == {}
    refused = fold(CHECK, *start, *looks, (95, pulse(answer(), "too_many")))
    assert codes(refused) == {"db.saturated": "warn"}
    assert len(refused.reasons) == 1


def test_no_slots_at_all():
    """A limit of none is no saturation."""
    looks = [(30 * number, connections(most=0)) for number in range(1, 4)]
    assert codes(fold(CHECK, *samples(), *looks)) == {}


DOWN = [pulse(None, "refused"), pulse(None, "refused")]
BACK = [pulse(RESTARTED, "opened")]


@pytest.mark.parametrize(
    ("down", "back", "commits", "cause"),
    [
        pytest.param(DOWN, BACK, 1000, "stopped", id="statistics kept"),
        pytest.param(DOWN, BACK, 1005, "stopped", id="statistics grown"),
        pytest.param(DOWN, BACK, 12, "killed", id="statistics dropped by recovery"),
        pytest.param([], [pulse(RESTARTED, lost=True)], 1000, "stopped", id="too quick to be missed"),
    ],
)
def test_restarted(down, back, commits, cause):
    """A new start is told as a note with its cause, once the statistics have told which it was."""
    before = [*samples(), (1, connections()), *samples(*down, *back)[1:]]
    assert codes(fold(CHECK, *before)) == {}
    judgement = fold(CHECK, *before, (16, connections(commits=commits)))
    outage_s = 5.0 * len(down)
    assert params(judgement, "db.restarted") == {"at": SINCE, "cause": cause, "outage_s": outage_s}
    assert codes(judgement) == {"db.restarted": "ok"}
    assert judgement.detail["started_at"] == instant(NOON + 6)


@pytest.mark.parametrize(
    "down",
    [
        pytest.param([pulse(None, "refused", ended_by=frozenset({"57P02"}))], id="57P02"),
        pytest.param([pulse(None, "starting")], id="starting"),
    ],
)
def test_crash(down):
    """The same start time after sessions were ended by a crash is a crash of one of them, told at once."""
    judgement = fold(CHECK, *samples(*down, pulse(answer(), "opened")))
    assert params(judgement, "db.restarted") == {"at": SINCE, "cause": "crash", "outage_s": 5.0}


def test_crash_told_with_the_answer():
    """Sessions that were lost and are back within one sample tell their crash as well."""
    judgement = fold(CHECK, *samples(pulse(answer(), lost=True, ended_by=frozenset({"57P02"}))))
    assert params(judgement, "db.restarted") == {"at": SINCE, "cause": "crash", "outage_s": 0.0}


def test_only_the_way_was_cut():
    """The same start time and no fewer commits than before is no restart, however long it took."""
    steps = [*samples(), (1, connections()), *samples(*[pulse(None, "no_tcp")] * 3, pulse(answer(), "opened"))[1:]]
    assert codes(fold(CHECK, *steps, (60, connections(commits=1000)))) == {}


def test_crash_by_the_statistics():
    """The same start time and fewer commits than before is a crash, even where no session said so when it ended."""
    steps = [*samples(), (1, connections()), *samples(*[pulse(None, "no_tcp")] * 3, pulse(answer(), "opened"))[1:]]
    assert codes(fold(CHECK, *steps)) == {}
    judgement = fold(CHECK, *steps, (60, connections(commits=1)))
    assert params(judgement, "db.restarted")["cause"] == "crash"


def test_first_seen_after_its_start():
    """A database that was never seen before has not restarted as far as we know."""
    judgement = fold(CHECK, (0, pulse(None, "refused")), (5, pulse(RESTARTED, "opened")), (6, connections()))
    assert codes(judgement) == {}
    assert judgement.detail["started_at"] == instant(NOON + 6)


def test_statistics_while_down():
    """Statistics that arrive late, after the next loss, still tell the restart before; the loss is what counts now."""
    steps = [*samples(), (1, connections()), *samples(*DOWN, *BACK, pulse(None, "refused"))[1:], (21, connections())]
    judgement = fold(CHECK, *steps)
    assert codes(judgement) == REFUSED
    back = CHECK.judge(pulse(RESTARTED, "opened"), judgement, at(25))
    assert "db.restarted" in codes(back)


def test_note_passes():
    """The note of a restart stays 15 minutes and leaves at its second, by time alone."""
    judgement = fold(CHECK, *samples(pulse(None, "starting"), pulse(answer(), "opened")))
    assert judgement.holds_until == at(10 + 900).mono
    assert codes(CHECK.judge(Tick(at(909)), judgement, at(909))) == {"db.restarted": "ok"}
    passed = CHECK.judge(Tick(at(910)), judgement, at(910))
    assert codes(passed) == {}
    assert passed.holds_until == math.inf


def test_latency_as_shown():
    """The number moves when a reader would notice, and at most once in a sweep; small steps do not add up unseen."""
    judgement = fold(CHECK, (0, pulse(answer(12.0, server_ms=1.0), "opened")))
    assert judgement.headline == {"value": 12.0, "unit": "ms"}
    shown = []
    for seconds, ms in ((5, 30.0), (25, 30.0), (30, 16.9), (35, 30.0), (40, 12.0), (65, 12.0), (95, 14.0)):
        judgement = CHECK.judge(pulse(answer(ms, server_ms=2.0)), judgement, at(seconds))
        shown.append((judgement.headline["value"], judgement.detail["server_ms"]))
    assert shown == [(12.0, 1.0)] * 3 + [(30.0, 2.0)] * 2 + [(12.0, 2.0)] * 2


def test_latency_moves_with_the_verdict():
    """When a reason comes or goes, the number comes with it at once, and reason and headline agree."""
    judgement = fold(CHECK, *samples(*[pulse(answer(600.0))] * 3))
    assert judgement.headline == {"value": 600.0, "unit": "ms"}
    moving = CHECK.judge(pulse(answer(900.0)), judgement, at(20))
    assert params(moving, "db.slow")["latency_ms"] == 600
    assert moving.headline == {"value": 600.0, "unit": "ms"}
    later = CHECK.judge(pulse(answer(900.0)), moving, at(45))
    assert params(later, "db.slow")["latency_ms"] == 900


def test_connect_ms():
    """The time to connect is that of the last session that opened, moved only when a reader would notice."""
    judgement = fold(CHECK, *samples(pulse(answer(), "refused")))
    assert judgement.detail["connect_ms"] == 20.0
    for ms, shown in ((24.0, 20.0), (26.04, 26.0)):
        facts = pulse(answer(), "opened")
        facts = Pulse(facts.target, facts.role, facts.answer, type(facts.opening)("opened", connect_ms=ms))
        assert CHECK.judge(facts, judgement, at(40)).detail["connect_ms"] == shown


def test_detail():
    """The drill-down tells sessions, waits, sizes and the version, and leaves out what this platform does not have."""
    waits = contention((71, 70, 3.9, "messages"), (72, 71, 1.2, ""), queue=0.254, holder="huph-api", commit_waiters=2)
    steps = [*samples(), (1, connections()), (2, waits), (3, Storage(812, 3.14159)), (4, Statements(7))]
    assert fold(CHECK, *steps).detail == {
        "server_ms": 12.0,
        "started_at": instant(NOON - 86_400),
        "connect_ms": 20.0,
        "wait_ms": 0.0,
        "read_only": False,
        "connections": {"active": 3, "idle": 9, "idle_in_transaction": 1, "used": 12, "max": 100, "ours": 3},
        "slow_now": 0,
        "longest_transaction_s": 1,
        "lock_waits": 2,
        "blocked": {"71": {"by": 70, "waiting_s": 3, "relation": "messages"}, "72": {"by": 71, "waiting_s": 1}},
        "commit_waiters": 2,
        "notify_queue_pct": 0.25,
        "queue_holder": {"name": "huph-api", "age_s": 7, "ours": False},
        "version": "18.1",
        "size_mb": 812,
        "wraparound_pct": 3.1,
        "slow_statements": 7,
    }
    assert fold(CHECK, (0, connections(replication_lag_s=1.25))).detail["replication_lag_s"] == 1.2


def test_what_it_is():
    """It is named as the brief names it; a sample is good for two beats and a time-out; only samples are evidence."""
    assert (CHECK.name, CHECK.ttl_s) == ("db", 13)
    assert CHECK.limits == {
        "elevated_ms": 50, "slow_ms": 500, "saturated_pct": 90,
        "lock_wait_s": 10, "commit_waiters": 3, "queue_warn_pct": 1, "queue_fail_pct": 50,
    }  # fmt: skip
    assert (CHECK.takes, CHECK.evidence) == ((Pulse, Connections, Contention, Storage, Statements, Probe), (Pulse,))
    assert Db(sample_s=1, connect_timeout_s=2).ttl_s == 4

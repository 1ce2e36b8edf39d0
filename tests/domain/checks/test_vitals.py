"""The monitor's judgement of itself: each of its reasons, when it comes and goes, and that calm makes no patch."""

from __future__ import annotations

import math

import pytest

from monitor.domain import patch
from monitor.domain.checks.vitals import Monitor
from monitor.domain.ledger import Drift
from monitor.domain.listening import Listening, QueueHeld, SignalLost
from monitor.domain.probing import Probe, Resolver
from monitor.domain.signal import Gap, Tick
from monitor.domain.verdict import instant
from monitor.domain.vitals import Round, Vitals
from tests.domain.build import NOON, at, codes, contention, fold, listening, params

CHECK = Monitor(version="0.1.0")
STALLED = {"monitor.loop_stalled": "warn"}
OVERRUN = {"monitor.sweep_overrun": "warn"}
DNS = {"monitor.dns": "warn"}
GAP = {"monitor.gap": "ok"}
STEP = {"monitor.clock_step": "ok"}
DRIFT = {"monitor.drift": "ok"}
EXHAUSTED = Probe("dify", "exhausted", "10.0.0.7:5001")
DEAF, HEARS = "10.255.0.1", Resolver(answers=True, resolver="10.255.0.1")
SILENT = Resolver(answers=False, resolver=DEAF)


def vitals(**more):
    calm = {
        "lag_ms": 2.0, "longest_ms": 4.0, "stood_still_s": 0.0, "clock_step_s": 0.0, "memory_mb": 51.6,
        "subscribers": 2, "refused": {},
    }  # fmt: skip
    return Vitals(**(calm | more))


def ticked(judgement, seconds):
    return CHECK.judge(Tick(at(seconds)), judgement, at(seconds))


def test_calm():
    """All is well: a plain ok with what there is to tell."""
    judgement = fold(CHECK, (5, vitals(database_clock_s=0.1)), (6, listening(ms=3.21)), (7, contention()))
    assert (judgement.reasons, judgement.holds_until, judgement.look_again) == ((), math.inf, False)
    assert judgement.detail == {
        "version": "0.1.0",
        "started_at": instant(NOON),
        "subscribers": 2,
        "loop": {"lag_ms": 0, "longest_ms": 0},
        "memory_mb": 52,
        "test_signal_ms": 3.2,
        "notify_queue_pct": 0.0,
        "clock_offset_ms": 100,
        "refused_5m": {},
        "gaps": {},
    }


def test_before_the_first_sample():
    """Before its first sample it says what it is and since when, and nothing else."""
    assert CHECK.begin(at(0)).detail == {
        "version": "0.1.0",
        "started_at": instant(NOON),
        "refused_5m": {},
        "gaps": {},
    }
    assert Monitor(version="1", started_at=NOON - 5).begin(at(0)).detail["started_at"] == instant(NOON - 5)


def test_wobble_makes_no_patch():
    """Memory, lag and the clocks tremble all the time; a reader sees nothing of it."""
    first = fold(CHECK, (0, vitals(database_clock_s=0.1)), (1, listening()), (2, Round(40.0, "rates")))
    judgement, detail = first, first.detail
    for number in range(200):
        up = number % 2
        facts = [
            vitals(
                lag_ms=1.0 + 18 * up, longest_ms=24.0 * up, memory_mb=51.6 + 4 * up, database_clock_s=0.1 - 0.09 * up
            ),
            Round(40.0 + 40 * up, "rates" if up else "storage"),
            listening(ms=4.0 + 4 * up),
            HEARS,
        ]
        for one in facts:
            judgement = CHECK.judge(one, judgement, at(5 * number))
            assert (patch.diff(detail, judgement.detail), judgement.reasons) == ({}, ())


def test_news_makes_one():
    """What a reader would notice is shown: more memory, more lag, a slower round, another test signal."""
    judgement = fold(CHECK, (0, vitals()), (1, listening()), (2, Round(40.0, "rates")))
    for facts in (vitals(memory_mb=58.0, lag_ms=64.0, longest_ms=93.0), Round(99.0, "storage"), listening(ms=9.1)):
        judgement = CHECK.judge(facts, judgement, at(5))
    assert judgement.detail["memory_mb"] == 58
    assert judgement.detail["loop"] == {"lag_ms": 60, "longest_ms": 90}
    assert judgement.detail["sweep"] == {"ms": 99, "slowest": "storage"}
    assert judgement.detail["test_signal_ms"] == 9.1


def test_longest_lag():
    """The longest lag is told for five minutes, then the longest of those after it."""
    judgement = fold(CHECK, (0, vitals(longest_ms=300.0)), (100, vitals(longest_ms=100.0)), (200, vitals()))
    assert judgement.detail["loop"]["longest_ms"] == 300
    judgement = CHECK.judge(vitals(), judgement, at(300))
    assert judgement.detail["loop"]["longest_ms"] == 100


# The loop


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (vitals(lag_ms=200.0), {}),
        (vitals(lag_ms=200.1), STALLED),
        (vitals(longest_ms=1000.0), {}),
        (vitals(longest_ms=1000.1), STALLED),
    ],
)
def test_loop_stalled(facts, said):
    """Beyond 200 ms in 3 of 5 seconds, or once beyond a second, the loop is stalled; at the limit it is not."""
    assert codes(fold(CHECK, (0, vitals()), (5, facts))) == said


def test_loop_stalled_for_a_minute():
    """It stays for a minute after the last stall, to the second, and tells the last and the longest one."""
    judgement = fold(CHECK, (0, vitals(longest_ms=3000.0)), (5, vitals(lag_ms=250.4, longest_ms=260.0)))
    assert params(judgement, "monitor.loop_stalled") == {"lag_ms": 250, "longest_ms": 3000}
    assert judgement.holds_until == at(65).mono
    judgement = CHECK.judge(vitals(), judgement, at(64.9))
    assert codes(judgement) == STALLED
    over = ticked(judgement, 65)
    assert (over.reasons, over.holds_until) == ((), math.inf)


# The round


@pytest.mark.parametrize("late", [Round(5000.1, "rates"), Round(900.0, "rates", skipped=1)])
def test_sweep_overrun(late):
    """Two rounds in a row beyond the budget, or with a question left out, want a look; two in time end it."""
    good = Round(40.0, "activity")
    assert codes(fold(CHECK, (0, good), (30, late), (60, good), (90, late))) == {}
    judgement = fold(CHECK, (0, good), (30, late), (60, late))
    assert codes(judgement) == OVERRUN
    told = {"sweep_ms": round(late.ms), "budget_s": 5, "slowest": "rates"}
    assert params(judgement, "monitor.sweep_overrun") == told
    judgement = CHECK.judge(good, judgement, at(90))
    assert codes(judgement) == OVERRUN
    assert CHECK.judge(good, judgement, at(120)).reasons == ()


def test_sweep_at_its_budget():
    """A round that takes exactly what it may is in time."""
    assert fold(CHECK, *[(30 * number, Round(5000.0, "rates")) for number in range(4)]).reasons == ()


# The machine stood still, and its clock


@pytest.mark.parametrize("cause", ["pause", "suspend"])
def test_stood_still(cause):
    """What stood still for more than 5 s is noted for 15 min with from and to, and everything is to be looked at."""
    judgement = fold(CHECK, (0, vitals()), (125, vitals(stood_still_s=120.0, still=cause)))
    told = {"from": instant(NOON + 5), "to": instant(NOON + 125), "cause": cause}
    assert codes(judgement) == GAP
    assert params(judgement, "monitor.gap") == told
    assert judgement.look_again
    assert judgement.detail["gaps"] == {told["from"]: {**told, "healed": False}}
    judgement = CHECK.judge(listening(), judgement, at(126))
    assert judgement.detail["gaps"] == {told["from"]: {**told, "healed": True}}
    assert not judgement.look_again
    assert judgement.holds_until == at(125 + 900).mono
    assert codes(ticked(judgement, 1024.9)) == GAP
    over = ticked(judgement, 1025)
    assert (over.reasons, over.holds_until) == ((), math.inf)
    assert over.detail["gaps"] == judgement.detail["gaps"]


def test_stood_still_shortly():
    """Five seconds are not a gap."""
    judgement = fold(CHECK, (0, vitals()), (5, vitals(stood_still_s=5.0)))
    assert (judgement.reasons, judgement.look_again, judgement.detail["gaps"]) == ((), False, {})


@pytest.mark.parametrize("step", [-3600.0, 2.04])
def test_clock_step(step):
    """A clock that moved by more than 2 s is noted for 15 min, with by how much and when."""
    judgement = fold(CHECK, (0, vitals()), (5, vitals(clock_step_s=step)), (10, vitals()))
    assert codes(judgement) == STEP
    assert params(judgement, "monitor.clock_step") == {"step_s": round(step, 1), "at": instant(NOON + 5)}
    assert codes(ticked(judgement, 904)) == STEP
    assert ticked(judgement, 905).reasons == ()


def test_clock_steady():
    """Two seconds are not a step."""
    assert fold(CHECK, (0, vitals(clock_step_s=2.0)), (5, vitals(clock_step_s=-2.0))).reasons == ()


def test_clocks_apart():
    """Our clock and the database's more than a minute apart is noted while it is so, since it was first seen."""
    apart = vitals(database_clock_s=-60.5)
    judgement = fold(CHECK, (0, vitals(database_clock_s=60.0)), (5, apart), (10, apart), (15, vitals()))
    assert codes(judgement) == STEP
    assert params(judgement, "monitor.clock_step") == {"step_s": 60, "at": instant(NOON + 5)}
    assert judgement.detail["clock_offset_ms"] == -60_500
    healed = CHECK.judge(vitals(database_clock_s=0.2), judgement, at(20))
    assert healed.reasons == ()
    assert healed.detail["clock_offset_ms"] == 200


def test_a_step_is_said_before_the_difference():
    """Where the clock stepped and is off since, the step is what is told."""
    judgement = fold(CHECK, (5, vitals(clock_step_s=100.0, database_clock_s=-100.0)))
    assert params(judgement, "monitor.clock_step") == {"step_s": 100.0, "at": instant(NOON + 5)}


# The name server


def test_dns():
    """Two lookups in a row without an answer are the name server's fault, since the first; one answer ends it."""
    assert fold(CHECK, (0, SILENT), (2, HEARS), (4, SILENT)).reasons == ()
    judgement = fold(CHECK, (0, HEARS), (30, SILENT), (32, SILENT), (60, SILENT))
    assert codes(judgement) == DNS
    assert params(judgement, "monitor.dns") == {"resolver": DEAF, "since": instant(NOON + 30)}
    assert judgement.since == NOON + 30
    healed = CHECK.judge(HEARS, judgement, at(90))
    assert (healed.reasons, healed.since) == ((), None)


# Who was turned away


def test_clients_refused():
    """Subscribers turned away are a note, with the most frequent why, as long as there were any in five minutes."""
    judgement = fold(CHECK, (0, vitals(refused={"limit": 2, "slow_reader": 3, "protocol": 0})))
    assert codes(judgement) == {"monitor.clients_refused": "ok"}
    told = {"why": "slow_reader", "count": 3, "window_min": 5}
    assert params(judgement, "monitor.clients_refused") == told
    assert judgement.detail["refused_5m"] == {"limit": 2, "slow_reader": 3}
    assert CHECK.judge(vitals(), judgement, at(5)).reasons == ()


def test_open_files():
    """Without files left it wants a look, whoever met it: a subscriber at the door or a probe on its way out."""
    judgement = fold(CHECK, (0, vitals(refused={"limit": 9, "open_files": 1})), (1, EXHAUSTED), (2, EXHAUSTED))
    assert codes(judgement) == {"monitor.clients_refused": "warn"}
    told = {"why": "open_files", "count": 3, "window_min": 5}
    assert params(judgement, "monitor.clients_refused") == told
    judgement = CHECK.judge(vitals(), judgement, at(5))
    assert judgement.detail["refused_5m"] == {"open_files": 2}


def test_probes_that_met_no_file():
    """A probe that met no file is told for five minutes, also before the first sample; others are not counted."""
    judgement = fold(CHECK, (1, EXHAUSTED), (2, Probe("dify", "timeout", "10.0.0.7:5001")))
    assert judgement.detail["refused_5m"] == {"open_files": 1}
    assert codes(ticked(judgement, 300)) == {"monitor.clients_refused": "warn"}
    assert judgement.holds_until > at(301).mono
    over = CHECK.judge(Tick(at(302)), judgement, at(302))
    assert (over.reasons, over.detail["refused_5m"], over.holds_until) == ((), {}, math.inf)


# Gaps of the listening connection


def test_drift():
    """That the count was not the database's is a note for an hour, with the number of rows; a later one replaces it."""
    judgement = fold(CHECK, (0, vitals()), (60, Drift(77, NOON + 60)))
    assert codes(judgement) == DRIFT
    assert params(judgement, "monitor.drift") == {"rows": 77, "at": instant(NOON + 60)}
    assert judgement.holds_until == at(3660).mono
    later = CHECK.judge(Drift(5, NOON + 90), judgement, at(90))
    assert (params(later, "monitor.drift")["rows"], later.holds_until) == (5, at(3690).mono)
    assert codes(ticked(judgement, 3659)) == DRIFT
    assert codes(ticked(judgement, 3660)) == {}


def test_listener_gap():
    """A stretch without the listening connection is a gap with its first cause; it heals when we listen again."""
    first, since = Gap(at(7), "reset"), instant(NOON + 7)
    judgement = fold(CHECK, (1, listening()), (7, first), (9, Gap(at(9), "closed", 2)))
    assert judgement.detail["gaps"] == {since: {"from": since, "cause": "reset", "healed": False}}
    assert judgement.reasons == ()
    judgement = CHECK.judge(Listening(frozenset(), 3.0), judgement, at(11))
    told = {"from": since, "to": instant(NOON + 11), "cause": "reset", "healed": True}
    assert judgement.detail["gaps"] == {since: told}
    judgement = CHECK.judge(listening(), judgement, at(41))
    assert judgement.detail["gaps"] == {since: told}
    judgement = CHECK.judge(Gap(at(50), "after_hung"), judgement, at(50))
    assert len(judgement.detail["gaps"]) == 2


LOST = SignalLost(1, None, 77, "10.0.0.5:5432/huph")


@pytest.mark.parametrize(
    ("lost", "cause"),
    [
        (LOST, "after_hung"),
        (SignalLost(1, frozenset(), 77, "here", unlistened=True), "unlistened"),
        (SignalLost(1, frozenset(), 77, "here"), "after_hung"),
        (SignalLost(1, frozenset({"messages"}), 77, "here", pooled=True), "after_hung"),
    ],
)
def test_deaf_since_the_last_proof(lost, cause):
    """A lost test signal opens a gap from the last moment on at which it was proven that signals come."""
    judgement = fold(CHECK, (1, listening()), (6, listening()), (14, lost), (15, Gap(at(15), "after_hung")))
    since = instant(NOON + 6)
    assert judgement.detail["gaps"] == {since: {"from": since, "cause": cause, "healed": False}}
    judgement = CHECK.judge(listening(), judgement, at(16))
    told = {"from": since, "to": instant(NOON + 16), "cause": cause, "healed": True}
    assert judgement.detail["gaps"] == {since: told}
    # Never proven at all, it is deaf since the start.
    assert list(fold(CHECK, (3, lost)).detail["gaps"]) == [instant(NOON)]


def test_queue_holder():
    """A queue that we do not read is our own trouble, told until a test signal comes back."""
    judgement = fold(CHECK, (1, listening()), (9, QueueHeld(3.25, dropped=False)))
    assert codes(judgement) == {"monitor.queue_holder": "warn"}
    assert params(judgement, "monitor.queue_holder") == {"usage_pct": 3.25, "dropped": False}
    judgement = CHECK.judge(QueueHeld(12.0, dropped=True), judgement, at(14))
    assert params(judgement, "monitor.queue_holder") == {"usage_pct": 12.0, "dropped": True}
    # Emptied after we let go, it is over only when we listen again.
    judgement = CHECK.judge(contention(notify_queue_pct=0.1), judgement, at(16))
    assert codes(judgement) == {"monitor.queue_holder": "warn"}
    assert codes(CHECK.judge(listening(), judgement, at(20))) == {}
    judgement = fold(
        CHECK, (1, listening()), (9, QueueHeld(3.25, dropped=False)), (11, contention(notify_queue_pct=0.8))
    )
    assert codes(judgement) == {"monitor.queue_holder": "warn"}
    assert codes(CHECK.judge(contention(notify_queue_pct=0.6), judgement, at(16))) == {}


def test_gaps_are_bounded():
    """The last twenty gaps are kept."""
    steps = [step for n in range(30) for step in ((n, Gap(at(n), "reset")), (n + 0.5, listening()))]
    gaps = fold(CHECK, *steps).detail["gaps"]
    assert list(gaps) == [instant(NOON + n) for n in range(10, 30)]


def test_order():
    """All that is true is said, in the catalogue's order."""
    judgement = fold(
        CHECK,
        (1, SILENT),
        (2, SILENT),
        (3, Round(9000.0, "rates")),
        (4, Round(9000.0, "rates")),
        (9, vitals(lag_ms=400.0, stood_still_s=9.0, clock_step_s=9.0, refused={"limit": 1})),
    )
    assert list(codes(judgement)) == [
        "monitor.loop_stalled",
        "monitor.sweep_overrun",
        "monitor.gap",
        "monitor.clock_step",
        "monitor.dns",
        "monitor.clients_refused",
    ]
    assert judgement.since is None
    assert judgement.holds_until == at(69).mono


def test_never_spins():
    """After a tick at its deadline the next one lies ahead, until nothing is left to end."""
    judgement = fold(
        CHECK,
        (1, EXHAUSTED),
        (2, EXHAUSTED),
        (9, vitals(lag_ms=400.0, stood_still_s=9.0, clock_step_s=9.0)),
    )
    seen = []
    while judgement.holds_until < math.inf:
        seen.append(judgement.holds_until)
        judgement = ticked(judgement, judgement.holds_until - at(0).mono)
    assert seen == sorted(set(seen))
    assert judgement.reasons == ()


def test_what_it_is():
    """It stands in a section of its own, with its limits; only its own samples are evidence."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("monitor", "monitor", 13)
    assert CHECK.limits == {"lag_ms": 200, "stall_s": 1, "sweep_budget_s": 5, "clock_step_s": 2}
    assert CHECK.evidence == (Vitals,)
    assert {Vitals, Round, Gap, Listening, Resolver, Probe} < set(CHECK.takes)

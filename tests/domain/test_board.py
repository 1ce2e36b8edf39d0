"""The board: one signal in, at most one change out, and a document that anyone can follow by patches alone."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from monitor.domain.board import Board
from monitor.domain.checks.db import Db
from monitor.domain.checks.message_throughput import MessageThroughput
from monitor.domain.checks.vitals import Monitor
from monitor.domain.ledger import Deltas
from monitor.domain.runs import Runs
from monitor.domain.signal import Event, Gap, Sample, Tick, Trouble
from monitor.domain.verdict import instant
from tests.domain import build
from tests.domain.build import (
    JAKARTA,
    NOON,
    activity,
    answer,
    at,
    catalogue,
    contention,
    history,
    listening,
    pulse,
    rates,
    recount,
    vitals,
)

CHILDREN = ("realtime", "triggers", "recent_activity", "message_throughput")
FIVE = ("db", *CHILDREN)
BLOCKED = "unknown.blocked_by"


def board(*, only=FIVE, **given):
    """Give a board of the checks that need nothing but the database."""
    return build.board(only=only, **given)


def sample(seconds, facts):
    return Sample(at(seconds), facts)


def turned(seconds, check, question, kind="timeout"):
    return sample(seconds, Trouble(check, question, kind, {"limit_ms": 2000}))


def play(one, *signals):
    """Let the board take one signal after another; give the last change."""
    change = None
    for signal in signals:
        change = one.apply(signal)
    return change


def entry(one, name):
    return one.document["checks"][name]


def said(one, name):
    """Give a check's verdict and reason as the document tells them."""
    return entry(one, name)["verdict"], entry(one, name).get("reason")


WELL = (pulse(answer(), "opened"), listening(), catalogue(), activity(), recount(rows={}))


def well(**given):
    """A board on which everything was seen to be well at second 1."""
    one = board(**given)
    play(one, *(sample(1, facts) for facts in WELL))
    return one


def test_first_document():
    """Before any signal everything is unknown and starting, at position 0, in the brief's order, with no transition."""
    one = board()
    entries = one.document["checks"]
    assert list(entries) == ["db", *CHILDREN]
    assert {said(one, name) for name in entries} == {("unknown", "unknown.starting")}
    assert {name: value for name, value in one.document.items() if name != "checks"} == {
        "platform": "huph",
        "zone": "Asia/Jakarta",
        "status": "unknown",
        "since": instant(NOON),
        "counts": {"ok": 0, "warn": 0, "fail": 0, "unknown": 5},
        "position": {"epoch": math.floor(NOON * 1000), "seq": 0},
        "as_of": instant(NOON),
        "monitor": {"version": "0.1.0", "started_at": instant(NOON)},
        "transitions": {},
    }
    assert (one.epoch, one.seq, one.evidence(), one.deadline()) == (math.floor(NOON * 1000), 0, {}, math.inf)


def test_well():
    """Each check turns ok with its own evidence, and only then; the platform is healthy when all have."""
    one = board()
    for number, (name, facts) in enumerate(zip(["db", *CHILDREN], WELL, strict=True), 1):
        assert one.document["status"] == "unknown"
        change = one.apply(sample(number, facts))
        assert entry(one, name)["verdict"] == "ok"
        assert one.document["counts"]["ok"] == change.seq == number
    assert one.document["status"] == "healthy"
    assert one.document["since"] == instant(NOON + 5)


def test_change():
    """A change carries its place in line, its time, the patch, the document after it, and what happened."""
    one = board(only=("triggers",))
    change = one.apply(sample(3, catalogue(trg_messages="")))
    assert (change.epoch, change.seq, change.at, change.look_again) == (one.epoch, 1, NOON + 3, frozenset())
    assert change.document is one.document
    told = {"trigger": "trg_messages", "table": "messages"}
    happened = {
        "at": instant(NOON + 3),
        "check": "triggers",
        "from": "unknown",
        "to": "fail",
        "reason": "triggers.missing",
        "params": told,
    }
    assert [one.entry() for one in change.transitions] == [happened]
    changes = change.patch
    assert changes["transitions"] == {"1": happened}
    assert changes["counts"] == {"fail": 1, "unknown": 0}
    assert (changes["status"], changes["since"]) == ("degraded", instant(NOON + 3))
    assert changes["checks"]["triggers"]["params"] == told
    assert changes.keys() == {"checks", "counts", "status", "since", "transitions"}
    assert one.document["position"] == {"epoch": one.epoch, "seq": 1}


def test_fresh_evidence_is_no_news():
    """The same said again makes no change: only the evidence is younger."""
    one = well()
    before, seq = one.document, one.seq
    assert play(one, *(sample(9, facts) for facts in WELL)) is None
    assert one.document is before
    assert one.seq == seq
    assert set(one.evidence().values()) == {instant(NOON + 9)}


def test_signal_for_nobody():
    """What no check takes, and trouble of a check that is not watched, does nothing."""
    one = board(only=("cluster_coverage",))
    before = one.document
    assert play(one, sample(1, activity()), turned(2, "db", "Connections"), Gap(at(3), "reset"), Tick(at(4))) is None
    assert one.document is before


def test_told():
    """What one check has to tell reaches those that take it at once, once, and is no evidence of theirs."""
    one = well()
    seen = one.evidence()["realtime"]
    change = one.apply(sample(3, catalogue(trg_messages="D")))
    assert change is not None
    blocked = {"parent": "triggers", "since": instant(NOON + 3)}
    assert set(change.patch["checks"]) == {"triggers", "realtime"}
    assert entry(one, "realtime")["params"] == blocked
    assert entry(one, "realtime")["observed_at"] == one.evidence()["realtime"] == seen
    again = one.apply(sample(4, catalogue(trg_messages="D")))
    assert again is None or "realtime" not in again.patch["checks"]
    one.apply(sample(5, catalogue()))
    assert entry(one, "realtime")["reason"] != "unknown.blocked_by"


def test_source():
    """The document says whether evidence was pushed or asked for."""
    one = board(only=("realtime",))
    one.apply(sample(1, listening()))
    assert entry(one, "realtime")["source"] == "sample"
    one.apply(Gap(at(2), "reset"))
    assert entry(one, "realtime")["source"] == "event"


def test_event_touches_its_checks():
    """An event is counted by its channel and its trigger at once, and is no evidence of either check."""
    one = well()
    change = one.apply(Event(at(5), "messages", {"table": "messages"}))
    assert change.patch["checks"].keys() == {"realtime", "triggers"}
    assert entry(one, "realtime")["detail"]["channels"]["messages"]["events_5m"] == 1
    assert one.evidence()["triggers"] == instant(NOON + 1)


def test_tick_before_its_time():
    """Time that has not come changes nothing, and does not even touch a check."""
    one = well()
    one.apply(sample(1, history()))
    assert one.apply(Tick(at(13.9))) is None


def test_stale():
    """Evidence is good until it is exactly as old as its time to live; then the check is unknown, and stays quiet."""
    one = board(only=("triggers",))
    one.apply(sample(1, catalogue()))
    assert one.deadline() == at(66).mono
    assert one.apply(Tick(at(65.999))) is None
    change = one.apply(Tick(at(66)))
    assert said(one, "triggers") == ("unknown", "unknown.stale")
    assert entry(one, "triggers")["params"] == {"last_verdict": "ok", "last_at": instant(NOON + 1), "ttl_s": 65}
    assert entry(one, "triggers")["since"] == change.transitions[0].entry()["at"] == instant(NOON + 66)
    assert one.deadline() == math.inf
    one.apply(sample(70, catalogue()))
    assert said(one, "triggers") == ("ok", None)
    assert one.deadline() == at(135).mono


def test_stale_keeps_rolling():
    """A stale check still counts down what leaves by itself, and is not woken for its age again."""
    one = well(only=("triggers",))
    one.apply(Event(at(20), "messages", {}))
    one.apply(Tick(at(66)))
    assert one.deadline() == at(320.001).mono
    one.apply(Tick(at(320.001)))
    assert said(one, "triggers") == ("unknown", "unknown.stale")
    assert entry(one, "triggers")["detail"]["triggers"]["trg_messages"]["fired_5m"] == 0
    assert one.deadline() == math.inf


def test_event_on_stale():
    """An event does not make old evidence new, even when nobody has told the time in between."""
    one = well(only=("triggers",))
    one.apply(Event(at(80), "messages", {}))
    assert said(one, "triggers") == ("unknown", "unknown.stale")
    one.apply(Tick(at(80)))
    assert one.deadline() > at(80).mono


def test_stale_after_trouble():
    """Old evidence of a failure says what it last said, and is unknown since it became old, not since the failure."""
    one = board(only=("db",))
    play(one, *(sample(seconds, pulse(None, "refused")) for seconds in (1, 2)))
    assert entry(one, "db")["since"] == instant(NOON + 1)
    change = one.apply(Tick(at(15)))
    assert said(one, "db") == ("unknown", "unknown.stale")
    assert entry(one, "db")["params"]["last_verdict"] == "fail"
    assert entry(one, "db")["since"] == change.transitions[0].entry()["at"] == instant(NOON + 15)


def test_since_of_the_first_miss():
    """A trouble that needed a second look is dated from the first."""
    one = well()
    one.apply(sample(5, pulse()))
    change = one.apply(sample(7, pulse()))
    assert said(one, "db") == ("fail", "db.hung")
    assert entry(one, "db")["since"] == instant(NOON + 5)
    assert [(one.before, one.after, one.at) for one in change.transitions] == [("unknown", "fail", NOON + 5)]
    assert (one.document["status"], one.document["since"]) == ("degraded", instant(NOON + 5))


def test_since_stays():
    """Another reason of the same verdict leaves since where it was, and is no transition."""
    one = well()
    play(one, sample(5, pulse(None, "refused")))
    change = one.apply(sample(8, pulse(None, "starting")))
    assert said(one, "db") == ("fail", "db.starting")
    assert entry(one, "db")["since"] == instant(NOON + 5)
    assert change.transitions == ()
    assert "transitions" not in change.patch


def test_also():
    """What else is true of a check stands beside the reason that decides."""
    one = well(only=("realtime",))
    one.apply(sample(5, listening("messages")))
    assert said(one, "realtime") == ("warn", "realtime.channel_down")
    assert entry(one, "realtime")["also"].keys() == {"realtime.relay_unproven"}


def test_turned_away():
    """A question that is turned away makes its check unknown with the cause, until that very question is answered."""
    one = well(only=("message_throughput",))
    one.apply(turned(5, "message_throughput", "Rates", "permission"))
    assert said(one, "message_throughput") == ("unknown", "unknown.permission")
    assert entry(one, "message_throughput")["params"] == {"limit_ms": 2000}
    one.apply(sample(6, recount(NOON + 6)))
    assert said(one, "message_throughput") == ("unknown", "unknown.permission")
    one.apply(sample(7, rates(NOON + 7)))
    assert said(one, "message_throughput") == ("ok", None)


def test_turned_away_twice():
    """Of two questions turned away the first is named; answering it names the other."""
    one = well(only=("message_throughput",))
    play(
        one,
        turned(5, "message_throughput", "Recount"),
        turned(6, "message_throughput", "Rates", "schema"),
    )
    assert said(one, "message_throughput") == ("unknown", "unknown.timeout")
    one.apply(sample(7, recount(NOON + 7)))
    assert said(one, "message_throughput") == ("unknown", "unknown.schema")


def test_turned_away_before_anything():
    """A check whose first question is turned away says so instead of starting."""
    one = board(only=("triggers",))
    one.apply(turned(1, "triggers", "Catalogue", "schema"))
    assert said(one, "triggers") == ("unknown", "unknown.schema")
    assert one.evidence() == {}


DOWN = pulse(None, "refused")


def test_folding():
    """One cause, one alarm: with the database down all that is asked by SQL is unknown because of it, in one change."""
    one = well()
    change = one.apply(sample(5, DOWN))
    assert said(one, "db") == ("fail", "db.refused")
    for name in CHILDREN:
        assert said(one, name) == ("unknown", BLOCKED)
        assert entry(one, name)["params"] == {"parent": "db", "since": instant(NOON + 5)}
        assert "also" not in entry(one, name)
    assert one.document["counts"] == {"ok": 0, "warn": 0, "fail": 1, "unknown": 4}
    assert one.document["status"] == "degraded"
    assert list(change.patch["transitions"]) == ["6", "6.1", "6.2", "6.3", "6.4"]
    assert [step["check"] for step in change.patch["transitions"].values()] == ["db", *CHILDREN]


def test_starting_does_not_fold():
    """Before the database's first word its children start on their own."""
    one = board()
    one.apply(sample(1, catalogue()))
    assert said(one, "triggers") == ("ok", None)
    assert said(one, "db") == ("unknown", "unknown.starting")


def test_down_from_the_start():
    """Children that were never seen are blocked by a database that is down from the start."""
    one = board()
    one.apply(sample(1, DOWN))
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}
    assert entry(one, "triggers")["params"]["since"] == instant(NOON + 1)


def test_warning_does_not_fold():
    """A database that answers hides nothing, however badly it does otherwise."""
    one = well()
    play(one, sample(5, pulse(answer(), "too_many")))
    assert said(one, "db") == ("warn", "db.saturated")
    assert {said(one, name)[0] for name in CHILDREN} == {"ok"}


def test_blocked_hears_nothing():
    """What a child says while the database is down does not show, neither evidence, nor trouble, nor a gap."""
    one = well()
    one.apply(sample(5, DOWN))
    play(one, sample(6, catalogue(trg_messages="")), turned(7, "recent_activity", "Activity"), Gap(at(8), "reset"))
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}


def test_a_standby_hides_realtime():
    """A standby hides realtime since it is one, and nothing else; promoted, realtime comes back by its own evidence."""
    one = board()
    play(one, *(sample(1, facts) for facts in WELL))
    change = play(one, sample(5, pulse(answer(read_only=True))))
    assert change.look_again == frozenset()
    assert said(one, "db") == ("ok", "db.read_only")
    assert said(one, "realtime") == ("unknown", BLOCKED)
    assert entry(one, "realtime")["params"] == {"parent": "db", "since": instant(NOON + 5)}
    assert {said(one, name)[0] for name in CHILDREN[1:]} == {"ok"}
    play(one, sample(8, pulse(None, "refused")))
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}
    back = play(one, sample(9, pulse(answer(read_only=True), "opened")))
    assert back.look_again == {"db", *CHILDREN} - {"realtime"}
    assert said(one, "realtime") == ("unknown", BLOCKED)
    promoted = play(one, sample(10, pulse(answer())))
    assert "realtime" in promoted.look_again
    assert said(one, "realtime") == ("unknown", BLOCKED)
    play(one, sample(11, listening()))
    assert said(one, "realtime")[0] == "ok"


def test_a_full_queue_hides_realtime():
    """While no signal can be sent realtime cannot be seen, since the failure began; every count goes on."""
    one = board()
    play(one, *(sample(1, facts) for facts in WELL), sample(5, contention(queue=99.0, holder="huph-api")))
    assert said(one, "db") == ("fail", "db.notify_queue")
    assert entry(one, "realtime")["params"] == {"parent": "db", "since": instant(NOON + 5)}
    assert {said(one, name)[0] for name in CHILDREN[1:]} == {"ok"}


def test_explained_by_what_stands_beside():
    """What follows from another reason does so also where that one stands behind a worse one."""
    one = board()
    full, wait = pulse(answer(), "too_many"), contention((71, 70, 12.0, "messages"))
    trouble = Trouble(
        "recent_activity", "Activity", "timeout", {"limit": "lock", "limit_ms": 200, "object": "messages"}
    )
    play(one, *(sample(1, facts) for facts in WELL), sample(5, full), sample(6, wait), sample(7, trouble))
    assert said(one, "db") == ("warn", "db.saturated")
    assert entry(one, "recent_activity")["explained_by"] == "db.blocked"
    play(one, sample(8, contention()), sample(13, contention()))
    assert "explained_by" not in entry(one, "recent_activity")


def test_back():
    """When the database is back, all are asked again at once, and each child leaves unknown with its own evidence."""
    one = well()
    play(one, sample(5, DOWN), sample(6, catalogue()))
    change = one.apply(sample(7, pulse(answer(), "opened")))
    assert change.look_again == {"db", *CHILDREN}
    assert said(one, "db") == ("ok", None)
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}
    assert entry(one, "triggers")["params"]["since"] == instant(NOON + 5)
    for number, (name, facts) in enumerate(zip(CHILDREN, WELL[1:], strict=True)):
        assert said(one, name) == ("unknown", BLOCKED)
        change = one.apply(sample(8 + number, facts))
        assert change.look_again == frozenset()
        assert entry(one, name)["verdict"] == "ok"
    assert one.document["status"] == "healthy"


def test_a_count_that_no_longer_says_enough_is_renewed():
    """When rows that did not fit into the histogram could leave the window, that one check is asked again."""
    one = well()
    play(one, sample(2, recount(rows={10: 3}, total=400)))
    change = one.apply(Tick(at(350)))
    assert change.look_again == {"message_throughput"}


def test_back_is_not_the_old_verdict():
    """A child that had failed before does not come back failed by itself, nor by an event, nor by time."""
    one = well()
    play(one, sample(4, catalogue(trg_messages="")), sample(5, DOWN), sample(7, pulse(answer(), "opened")))
    play(one, Event(at(8), "messages", {}), Tick(at(80)))
    assert said(one, "triggers")[0] == "unknown"
    one.apply(sample(81, pulse(answer(), "opened")))
    one.apply(sample(82, catalogue(trg_messages="")))
    assert said(one, "triggers") == ("fail", "triggers.missing")


def test_back_and_turned_away():
    """A child whose question is turned away after the return says so: nothing hides it any more."""
    one = well()
    play(one, sample(5, DOWN), sample(7, pulse(answer(), "opened")), turned(8, "triggers", "Catalogue"))
    assert said(one, "triggers") == ("unknown", "unknown.timeout")


def test_back_and_down_again():
    """A second outage blocks again, since its own beginning, what had not come back and what had."""
    one = well()
    play(one, sample(5, DOWN), sample(7, pulse(answer(), "opened")), sample(8, catalogue()), sample(9, DOWN))
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}
    assert {entry(one, name)["params"]["since"] for name in CHILDREN} == {instant(NOON + 9)}


def test_stale_parent_blocks():
    """A database that nobody has asked for too long hides its children as well, from that second on."""
    one = well()
    one.apply(sample(1, history()))
    one.apply(sample(14, recount(NOON + 14)))
    assert said(one, "message_throughput") == ("ok", "message_throughput.learning")
    change = one.apply(Tick(at(14)))
    assert said(one, "db") == ("unknown", "unknown.stale")
    assert {said(one, name) for name in CHILDREN} == {("unknown", BLOCKED)}
    assert {entry(one, name)["params"]["since"] for name in CHILDREN} == {instant(NOON + 14)}
    assert len(change.transitions) == 5
    assert one.document["status"] == "unknown"


def test_without_parent():
    """A board that does not watch the database folds nothing."""
    one = well(only=("triggers", "realtime"))
    assert said(one, "triggers") == ("ok", None)
    assert said(one, "realtime")[0] == "ok"


def test_transitions_are_bounded():
    """The last fifty transitions are kept, keyed by their place in line; the patch lets go of the oldest."""
    one = board(only=("triggers",))
    for number in range(1, 51):
        one.apply(sample(number, catalogue(trg_messages="" if number % 2 else "O")))
    assert list(one.document["transitions"]) == [str(number) for number in range(1, 51)]
    change = one.apply(sample(51, catalogue(trg_messages="")))
    assert change.patch["transitions"].keys() == {"51", "1"}
    assert change.patch["transitions"]["1"] is None
    assert list(one.document["transitions"]) == [str(number) for number in range(2, 52)]


def test_transitions_of_one_change():
    """Transitions of one change stand under its number, and the oldest make room for all of them."""
    one = board()
    for second in range(1, 20, 2):
        play(one, *(sample(second, facts) for facts in WELL))
        change = one.apply(sample(second + 1, DOWN))
        assert len(change.transitions) == 5
        assert len(one.document["transitions"]) == min(50, 10 * (second // 2 + 1))
    assert list(one.document["transitions"])[-5:] == [str(one.seq), *(f"{one.seq}.{number}" for number in range(1, 5))]


def counting_board(*, others=True):
    """A board that counts by our own triggers, with or without who takes what that finds."""
    throughput = MessageThroughput(senders=("user", "bot"), zone=JAKARTA, deltas=True)
    every = [Db(), throughput, *([Monitor(version="0.1.0")] if others else [])]
    return Board(
        platform="huph", zone="Asia/Jakarta", version="0.1.0", senders=("user", "bot"), checks=every, at=at(0, NOON)
    )


@pytest.mark.parametrize("others", [True, False])
def test_news(others):
    """What a check has found and tells is taken by the others in the same change, and once."""
    one = counting_board(others=others)
    play(one, sample(0, pulse(answer())), *([sample(0, vitals())] if others else []))
    play(
        one, *(sample(second, facts) for second, facts in ((1, heard(1)), (2, recount(rows={})), (3, recount(rows={}))))
    )
    play(one, sample(4, recount(rows={10: 7})))
    change = one.apply(sample(6, heard(5)))
    assert change.patch["checks"]["message_throughput"]["detail"]["count_5m"] == 7
    if others:
        assert change.patch["monitor"]["reason"] == "monitor.drift"
        assert change.patch["monitor"]["params"] == {"rows": 7, "at": instant(NOON + 6)}
        assert one.apply(sample(7, heard(7))) is None
    else:
        assert "monitor" not in change.patch


def test_a_wish_to_count_anew():
    """A signal that says "count anew" asks for a recount, and a signal that can be counted does not."""
    one = counting_board()
    play(one, sample(0, pulse(answer())), sample(1, heard(1)), sample(2, recount(rows={})), sample(3, recount(rows={})))
    assert one.document["checks"]["message_throughput"]["detail"]["in_sync"] is True
    change = one.apply(sample(4, Deltas(700, 1, ((int(NOON), "user", 2),))))
    assert (change.look_again, one.series("messages", at(4))["snapshot"]) == (frozenset(), "701:701:")
    assert one.series("messages", at(4))["seconds"] == {str(int(NOON)): 2}
    assert one.apply(sample(5, Deltas(0, 0, None))).look_again == {"message_throughput"}


def heard(second):
    return replace(listening(), sent=at(second).mono)


def test_series():
    """The long series are told by name; one that nobody knows, or that is not counted yet, is none."""
    one = board()
    assert one.series("messages", at(1)) is None
    assert one.series("nonsense", at(1)) is None
    assert one.counted_until() is None
    play(one, sample(1, recount(NOON + 1, {300: 2, 10: 3})), sample(2, rates(NOON + 2)), sample(3, pulse(answer(7.0))))
    assert one.series("messages", at(2)) == {
        "as_of": instant(NOON + 2),
        "snapshot": "700:700:",
        "scheme": "recount",
        "in_sync": False,
        "seconds": {str(int(NOON) - 9): 3},
    }
    assert one.counted_until() == NOON + 2
    assert one.series("message_rates", at(3))["counts"] == {"user": [0] * 286 + [4, 3], "bot": [0] * 287 + [2]}
    assert one.series("db_latency", at(4)) == {"as_of": instant(NOON + 4), "points": [[NOON + 3, 7.0]]}


def test_series_of_what_is_not_watched():
    """Messages that nobody counts have no series; a miss is no point of the latency."""
    one = board(only=("db",))
    one.apply(sample(1, pulse()))
    assert one.series("messages", at(2)) is None
    assert one.series("db_latency", at(2))["points"] == []


def test_a_key_goes():
    """A key that goes is taken away by the patch, not left behind as null."""
    one = board(only=("realtime",))
    one.apply(sample(1, listening("messages")))
    assert "also" in entry(one, "realtime")
    change = one.apply(sample(2, listening()))
    assert change.patch["checks"]["realtime"]["also"] is None
    assert "also" not in entry(one, "realtime")


def test_sections():
    """Cron, services, settings and the monitor stand beside the checks, each in its own form, and are not counted."""
    one = build.board(only=("db", "cron", "dify", "settings", "monitor"))
    play(one, sample(1, pulse(answer(), "opened")), sample(1, build.jobs(NOON)), sample(1, build.probe()))
    play(one, sample(1, build.entries()), sample(1, build.vitals()))
    document = one.document
    assert document["cron"]["jobs"]["sync"]["verdict"] == "ok"
    assert document["services"]["dify"]["headline"] == {"value": 20, "unit": "ms"}
    assert document["settings"]["system.model"]["value"] == "claude-haiku"
    assert document["monitor"]["version"] == "0.1.0"
    assert document["counts"] == {"ok": 1, "warn": 0, "fail": 0, "unknown": 0}
    play(one, sample(2, build.probe(outcome="refused")), sample(3, build.probe(outcome="refused")))
    assert one.document["services"]["dify"]["reason"] == "service.refused"
    assert one.document["status"] == "healthy"
    assert {step["check"] for step in one.document["transitions"].values()} >= {"services/dify", "cron"}


def test_runs_of_a_job():
    """The runs of a job are a series once they have been asked for; nobody else's are."""
    one = build.board(only=("cron",))
    assert one.series("cron_runs:sync", at(1)) is None
    one.apply(sample(1, Runs(NOON, ["sync"], [NOON - 60], [NOON - 50], ["success"], [""])))
    assert [run["status"] for run in one.series("cron_runs:sync", at(2))["runs"]] == ["success"]
    assert board(only=("db",)).series("cron_runs:sync", at(2)) is None


def test_explained():
    """A reason that follows from a service's trouble says so, on its own entry and as soon as it does."""
    one = build.board(only=("db", "recent_activity", "dify"))
    play(one, sample(1, pulse(answer(), "opened")), sample(1, build.probe()), sample(1, activity(NOON, asked=9)))
    assert said(one, "recent_activity") == ("warn", "recent_activity.bot_silent")
    assert "explained_by" not in entry(one, "recent_activity")
    change = play(one, sample(2, build.probe(outcome="refused")), sample(3, build.probe(outcome="refused")))
    assert change.patch["checks"] == {"recent_activity": {"explained_by": "service.refused"}}
    change = one.apply(sample(4, build.probe()))
    assert change.patch["checks"] == {"recent_activity": {"explained_by": None}}


def test_nobody_answers():
    """A service that is silent while nothing else answers either may be well: it is our own network that is not."""
    one = build.board(only=("db", "dify"))
    silence = build.probe(outcome="timeout")
    play(one, sample(1, pulse(None, "no_tcp")), sample(2, silence), sample(3, silence))
    assert one.document["services"]["dify"]["reason"] == "unknown.blind"
    play(one, sample(4, pulse(answer(), "opened")), sample(5, silence))
    assert one.document["services"]["dify"]["reason"] == "service.timeout"


def test_a_setting_may_have_any_name():
    """A setting that is named as a key of an entry is told when it changes, like every other one."""
    one = build.board(only=("db", "settings"))
    named = replace(build.entries("x"), key=["source"])
    one.apply(sample(1, named))
    change = one.apply(sample(2, replace(named, value=["y"])))
    assert change.patch["settings"]["source"]["value"] == "y"


def test_blocked_jobs():
    """While the database hides the jobs, each of them is unknown because of it; no part of it still says ok."""
    one = build.board(only=("db", "cron"))
    play(one, sample(1, pulse(answer(), "opened")), sample(1, build.jobs(NOON)), sample(5, pulse(None, "refused")))
    assert one.document["cron"]["jobs"]["sync"]["verdict"] == "unknown"
    assert one.document["cron"]["jobs"]["sync"]["reason"] == BLOCKED
    play(one, sample(6, pulse(answer(), "opened")), sample(7, build.jobs(NOON + 7)))
    assert one.document["cron"]["jobs"]["sync"]["verdict"] == "ok"


def test_our_own_network_is_lost():
    """When everything falls silent at once, no service is called failing for it, not even for a moment."""
    one = build.board(only=("db", "dify"))
    play(one, sample(1, pulse(answer(), "opened")), sample(1, build.probe()), sample(3, pulse(None, "no_tcp")))
    play(one, sample(4, build.probe(outcome="timeout")), sample(5, build.probe(outcome="timeout")))
    assert one.document["services"]["dify"]["reason"] == "unknown.blind"
    assert "fail" not in {step["to"] for step in one.document["transitions"].values()}


def test_unclaimed():
    """It tells which keys of a trigger's signals no row has explained; of what is not counted, none."""
    one = board()
    one.apply(Event(at(1), "messages", {"id": 7}))
    assert one.unclaimed("trg_messages") == ["7"]
    assert one.unclaimed("trg_conversations") == []
    assert board(only=("db",)).unclaimed("trg_messages") == []

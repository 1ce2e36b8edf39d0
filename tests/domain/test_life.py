"""The laws of the document, whatever happens and in whatever order."""

from __future__ import annotations

import copy
import datetime as dt
import math
from collections import Counter
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from monitor.domain import folding, patch
from monitor.domain.brokering import Relayed
from monitor.domain.catalogue import Committed, RowsSeen
from monitor.domain.connection import Statements, Storage
from monitor.domain.listening import Listening
from monitor.domain.quiet_hours import QuietHours
from monitor.domain.signal import Dropped, Event, Gap, Sample, Tick, Trouble
from monitor.domain.verdict import Reason, Verdict
from monitor.domain.vitals import Round
from tests.domain.build import (
    CHANNELS,
    NIGHT,
    NOON,
    activity,
    answer,
    at,
    board,
    broker,
    catalogue,
    connections,
    contention,
    coverage,
    entries,
    flags,
    history,
    jobs,
    listening,
    nulls,
    probe,
    pulse,
    rates,
    recent,
    recount,
    vitals,
)

CHILDREN = ("realtime", "triggers", "cluster_coverage", "recent_activity", "message_throughput", "cron")
BLOCKED = "unknown.blocked_by"
EVENING = NOON + 9.5 * 3600
BERLIN = QuietHours(dt.time(12), dt.time(13, 30), ZoneInfo("Europe/Berlin"))
EVIDENCE = {
    "Listening": "realtime",
    "Gap": "realtime",
    "Catalogue": "triggers",
    "Activity": "recent_activity",
    "Recount": "message_throughput",
    "Coverage": "cluster_coverage",
    "Jobs": "cron",
}
ASKED = ["opened", "refused", "shutting_down", "starting", "too_many", "login_refused", "silent", "no_tcp", "reset"]
OUTCOMES = [None, *ASKED, "unresolved", "exhausted"]
PROBED = ["answered", "answered", "refused", "timeout", "no_such_name", "unresolved", "bad_answer", "exhausted"]
states = st.sampled_from(["O", "A", "R", "D", ""])
pulses = st.builds(
    pulse,
    st.none()
    | st.builds(
        answer,
        st.sampled_from([3.0, 12.0, 60.0, 700.0]),
        server_ms=st.sampled_from([1.0, None]),
        started=st.sampled_from([1.0, NOON]),
        stalled=st.booleans(),
        read_only=st.sampled_from([False, False, True]),
    ),
    st.sampled_from(OUTCOMES),
    ended_by=st.sampled_from([frozenset(), frozenset({"57P01"}), frozenset({"57P02"})]),
    lost=st.booleans(),
)
heard = st.sets(st.sampled_from(sorted(CHANNELS)), min_size=1)
waits = st.sampled_from([0.001, 0.3, 1, 2.5, 5, 12.999, 13, 30, 65, 66, 299, 301, 900]) | st.floats(0.001, 40_000)


def canonical(value):
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def watched(document):
    """Give every entry with a verdict by its key, but those of the settings."""
    found = dict(document["checks"]) | {"cron": document["cron"], "monitor": document["monitor"]}
    return found | {f"services/{name}": entry for name, entry in document["services"].items()}


def followed(document):
    """Give what a follower must have: all but the position, which travels beside the patch."""
    return canonical({key: value for key, value in document.items() if key not in {"position", "as_of"}})


class Life(RuleBasedStateMachine):
    """A board through anything that may happen, with a follower that knows only the first document and the patches."""

    @initialize(quiet_hours=st.sampled_from([None, NIGHT, BERLIN]), relaying=st.booleans())
    def begin(self, quiet_hours, relaying):
        self.wall = EVENING
        self.board = board(quiet_hours=quiet_hours, wall=self.wall, broker=relaying)
        self.follower = copy.deepcopy(self.board.document)
        self.now = 0.0
        self.snapshot = None
        self.told = False
        self.outage = frozenset()
        self.unseen = set()

    def moment(self):
        return at(self.now, self.wall)

    def clock(self):
        """The database's own clock, which is not ours."""
        return self.wall + self.now + 7.25

    def apply(self, signal):
        before = self.board.document
        frozen, seq = canonical(before), self.board.seq
        hidden = self.hidden()
        change = self.board.apply(signal)
        assert canonical(before) == frozen, "a document that was given away has changed"
        if change is None:
            assert self.board.document is before
            assert self.board.seq == seq
        else:
            # What is only a wish to look again has no number of its own.
            assert change.seq == self.board.seq == (seq + 1 if change.patch else seq)
            assert change.epoch == self.board.epoch
            assert self.board.document["position"] == {"epoch": change.epoch, "seq": change.seq}
            assert change.document is self.board.document
            assert change.patch or change.look_again
            self.follower = patch.apply(self.follower, orjson.loads(orjson.dumps(change.patch)))
        self.told = isinstance(signal, Tick)
        self.watch_the_children(signal, hidden)

    def watch_the_children(self, signal, hidden):
        """Remember which children have not been seen since the database let them be seen again."""
        now = self.hidden()
        self.outage |= now
        self.unseen = (self.unseen | (hidden - now)) - now
        facts = signal.facts if isinstance(signal, Sample) else signal
        seen = EVIDENCE.get(type(facts).__name__)
        if seen not in now:
            self.unseen.discard(seen)

    def hidden(self):
        """Give the children that cannot be seen now."""
        entry = self.board.document["checks"]["db"]
        reason = Reason(entry["reason"], Verdict(entry["verdict"])) if "reason" in entry else None
        also = [Reason(code, Verdict(one["verdict"])) for code, one in entry.get("also", {}).items()]
        return folding.hides(reason, also) & set(CHILDREN)

    def ask(self, facts):
        self.apply(Sample(self.moment(), facts))

    @rule(seconds=waits, tick=st.booleans())
    def wait(self, seconds, tick):
        """Time passes; now and then so many signals wait that nobody tells the time before them."""
        self.now += seconds
        self.told = False
        if tick and self.board.deadline() <= self.moment().mono:
            self.step()

    @rule()
    def sleep_until_the_deadline(self):
        """Nothing happens, and the engine wakes exactly at the deadline."""
        deadline = self.board.deadline()
        if deadline < math.inf:
            self.now = max(self.now, deadline - at(0).mono)
            self.step()

    def step(self):
        self.apply(Tick(self.moment()))
        assert self.board.deadline() > self.moment().mono, "woken again at once: the engine would spin"

    @rule(facts=pulses)
    def beat(self, facts):
        self.now += 0.001
        self.ask(facts)

    @rule(kind=st.sampled_from(["well", "well", "refused"]))
    def beat_plainly(self, kind):
        self.now += 0.001
        self.ask(pulse(answer(), "opened") if kind == "well" else pulse(None, "refused"))

    @rule(used=st.sampled_from([12, 91, 100]), commits=st.sampled_from([5, 1000]))
    def look_at_connections(self, used, commits):
        self.now += 0.001
        self.ask(connections(used=used, commits=commits))

    @rule(
        waited=st.sampled_from([None, 1.5, 15.0]),
        queue=st.sampled_from([0.0, 2.0, 60.0, 99.0]),
        holder=st.sampled_from(["", "huph-api", "huph-monitor listen"]),
        writers=st.sampled_from([0, 4]),
    )
    def look_at_queues(self, waited, queue, holder, writers):
        self.now += 0.001
        waits = [] if waited is None else [(71, 70, waited, "messages")]
        ours = holder.startswith("huph-monitor")
        self.ask(contention(*waits, queue=queue, holder=holder, queue_holder_ours=ours, commit_waiters=writers))

    @rule()
    def look_rarely(self):
        self.now += 0.001
        self.ask(Storage(812, 3.0))
        self.ask(Statements(2))

    @rule(channels=heard, ms=st.sampled_from([1.0, 4.0, 40.0]))
    def listen(self, channels, ms):
        self.now += 0.001
        self.ask(listening(*channels, ms=ms))

    @rule(cause=st.sampled_from(["reset", "closed", "after_hung"]), error=st.none() | st.just("refused"))
    def lose_the_listener(self, cause, error):
        self.now += 0.001
        self.apply(Gap(self.moment(), cause, 1, error))

    @rule(
        channel=st.sampled_from([*CHANNELS, "strange"]),
        readable=st.booleans(),
        table=st.sampled_from(["", "conversations"]),
    )
    def hear(self, channel, readable, table):
        self.now += 0.001
        self.apply(Event(self.moment(), channel, {"table": table} if readable else {}, readable))

    @rule(one=states, other=states, hash_=st.sampled_from(["a" * 32, "a" * 32, "b" * 32]), whole_row=st.booleans())
    def read_the_catalogue(self, one, other, hash_, whole_row):
        self.now += 0.001
        self.ask(catalogue(trg_messages=one, trg_assignments=other, hash_=hash_, whole_row=whole_row))

    @rule(
        rows=st.lists(st.integers(0, 9), max_size=4, unique=True),
        heard=st.sets(st.integers(0, 9)),
        known=st.sampled_from([True, True, False]),
        proven=st.sampled_from([True, True, False]),
    )
    def see_rows(self, rows, heard, known, proven):
        """Rows come, some with their signals, and a test signal that proves them all, or not yet."""
        self.now += 1
        for key in heard:
            self.apply(Event(self.moment(), "messages", {"id": key}))
        now, since = self.clock(), self.snapshot if known else "another"
        self.snapshot = str(self.now)
        seen = Committed(
            self.snapshot, now, [str(key) for key in rows], ["700"] * len(rows), [now - 0.5] * len(rows), 0
        )
        self.ask(RowsSeen("trg_messages", self.moment().mono - 0.01, since, seen))
        if proven:
            self.now += 11
            self.ask(Listening(frozenset(CHANNELS), 4.0, self.moment().mono - 0.01))

    @rule()
    def lose_events(self):
        self.now += 0.001
        self.ask(Dropped())

    @rule(
        ages=st.dictionaries(st.sampled_from(["bot", "user"]), st.floats(-60, 30_000)),
        asked=st.sampled_from([0, 9]),
    )
    def ask_for_activity(self, ages, asked):
        self.now += 0.001
        self.ask(activity(self.clock(), last=ages, asked=asked))

    @rule(
        rows=st.dictionaries(st.integers(-5, 300), st.sampled_from([1, 200]), max_size=4),
        beyond=st.sampled_from([0, 0, 400]),
    )
    def count(self, rows, beyond):
        self.now += 0.001
        self.ask(recount(self.clock(), rows, total=sum(rows.values()) + beyond))

    @rule(hour=st.sampled_from([0, 40]), first=st.booleans())
    def count_the_day(self, hour, first):
        self.now += 0.001
        if first:
            self.ask(history(self.clock()))
        self.ask(recent(self.clock(), hour=hour))
        self.ask(rates(self.clock(), since=self.clock() - 3600))

    @rule(north=st.booleans(), south=st.booleans())
    def look_at_clusters(self, north, south):
        self.now += 0.001
        self.ask(coverage(north=north, south=south))

    @rule(state=st.sampled_from(["read", "absent", "unreadable"]), value=st.sampled_from(["true", "maybe"]))
    def read_the_flags(self, state, value):
        self.now += 0.001
        self.ask(flags(state, BILINGUAL_ENABLED=value))

    @rule(
        service=st.sampled_from(["dify", "dify", "stranger"]),
        outcome=st.sampled_from(
            ["answered", "refused", "timeout", "no_such_name", "unresolved", "bad_answer", "exhausted"]
        ),
        ms=st.sampled_from([20.0, 2500.0]),
    )
    def probe_a_service(self, service, outcome, ms):
        self.now += 0.001
        self.ask(probe(service, outcome, ms))

    @rule(value=st.sampled_from(["claude-haiku", "gpt"]))
    def read_the_settings(self, value):
        self.now += 0.001
        self.ask(entries(value))

    @rule(ago=st.floats(0, 4000), fails=st.sampled_from([0, 5]), error=st.sampled_from(["", "429 too many"]))
    def look_at_jobs(self, ago, fails, error):
        self.now += 0.001
        self.ask(jobs(self.clock(), ago=ago, fails=fails, error=error))

    @rule(state=st.sampled_from(["connected", "connected", "down", "refused"]))
    def meet_the_broker(self, state):
        self.now += 0.001
        self.ask(broker(state))

    @rule(number=st.integers(0, 3), relayed=st.booleans())
    def tell_and_relay(self, number, relayed):
        self.now += 0.001
        self.apply(Event(self.moment(), "messages", {"id": number}))
        if relayed:
            self.now += 0.01
            self.ask(Relayed("messages", (number,)))

    @rule(lag_ms=st.sampled_from([0.0, 0.0, 300.0, 1500.0]), ms=st.sampled_from([16.0, 7000.0]))
    def watch_ourselves(self, lag_ms, ms):
        self.now += 0.001
        self.ask(vitals(lag_ms))
        self.ask(Round(ms, "activity"))

    @rule(
        question=st.sampled_from(
            [
                ("triggers", "Catalogue"),
                ("recent_activity", "Activity"),
                ("message_throughput", "Rates"),
                ("db", "Connections"),
                ("feature_flags", "Flags"),
                ("cron", "Jobs"),
                ("settings", "Entries"),
                ("strange", "Facts"),
            ]
        ),
        kind=st.sampled_from(["timeout", "permission", "schema", "error"]),
    )
    def turn_away(self, question, kind):
        self.now += 0.001
        self.ask(Trouble(*question, kind, {"limit_ms": 2000}))

    @invariant()
    def follower_has_it_all(self):
        """By patches alone a follower has the whole document, type for type."""
        assert followed(self.follower) == followed(self.board.document)

    @invariant()
    def no_null(self):
        """An absent key is no value; null is never one."""
        assert nulls(self.board.document) == []

    @invariant()
    def counts_agree(self):
        """The counts and the status are those of the entries."""
        counts = Counter(entry["verdict"] for entry in self.board.document["checks"].values())
        assert self.board.document["counts"] == {verdict.value: counts[verdict.value] for verdict in Verdict}
        expected = "degraded" if counts["warn"] + counts["fail"] else "unknown" if counts["unknown"] else "healthy"
        assert self.board.document["status"] == expected

    @invariant()
    def every_verdict_has_its_reason(self):
        """Only a plain ok goes without a reason, and a reason has its parameters."""
        for entry in watched(self.board.document).values():
            assert ("reason" in entry) is ("params" in entry)
            assert entry["verdict"] == "ok" or "reason" in entry

    @invariant()
    def old_evidence_is_unknown(self):
        """When the time was told, nothing rests on evidence that is older than its time to live."""
        if not self.told:
            return
        entries = watched(self.board.document)
        for name, seen in self.board.evidence().items():
            if name == "settings":
                assert {one["verdict"] for one in self.board.document["settings"].values()} <= {"ok", "warn", "unknown"}
                continue
            entry = entries[name]
            age = self.moment().wall - dt.datetime.fromisoformat(seen).timestamp()
            assert entry["verdict"] == "unknown" or age <= entry["ttl_s"] + 0.002

    @invariant()
    def without_evidence_unknown(self):
        """What was never seen is unknown."""
        for name, entry in watched(self.board.document).items():
            assert name in self.board.evidence() or entry["verdict"] == "unknown"

    @invariant()
    def one_cause_one_alarm(self):
        """While the database cannot be asked, each of its children is unknown because of it, and says since when."""
        db = self.board.document["checks"]["db"]
        for name in self.hidden():
            entry = watched(self.board.document)[name]
            assert (entry["verdict"], entry["reason"]) == ("unknown", BLOCKED)
            notes = {db.get("reason"): db.get("params", {})} | {c: o["params"] for c, o in db.get("also", {}).items()}
            since = notes.get("db.read_only", db)["since"]
            assert entry["params"] == {"parent": "db", "since": since}

    @invariant()
    def own_evidence_after_the_return(self):
        """After the return a child stays unknown until it is seen again; without an outage nothing is blocked."""
        for name in CHILDREN:
            entry = watched(self.board.document)[name]
            assert name not in self.unseen or name in self.hidden() or entry["verdict"] == "unknown"
            by_the_database = entry.get("reason") == BLOCKED and entry["params"]["parent"] == "db"
            assert name in self.outage or not by_the_database

    @invariant()
    def transitions_are_bounded(self):
        """At most fifty transitions, none to where it was, and the last one of a check leads to its verdict."""
        transitions = self.board.document["transitions"].values()
        assert len(transitions) <= 50
        assert all(step["from"] != step["to"] for step in transitions)
        last = {step["check"]: step["to"] for step in transitions}
        entries = watched(self.board.document)
        assert all(entries[name]["verdict"] == verdict for name, verdict in last.items() if name in entries)


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=50)
TestLife = pytest.mark.life(Life.TestCase)

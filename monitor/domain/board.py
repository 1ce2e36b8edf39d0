"""The one mutable thing: takes one signal at a time and says what changed in the document."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from monitor.domain import document, folding, patch
from monitor.domain.change import Change, Document
from monitor.domain.checks import message_throughput, triggers
from monitor.domain.checks.check import Check
from monitor.domain.checks.cron import Memory as CronMemory
from monitor.domain.connection import Pulse
from monitor.domain.runs import runs_of
from monitor.domain.series import Latency, MessageRates, message_seconds
from monitor.domain.signal import At, Sample, Signal, Tick, Trouble
from monitor.domain.transitions import KEPT, Transition
from monitor.domain.verdict import Reason, Scalar, Verdict, instant
from monitor.domain.watch import Watch


class Board:
    """Holds every check; numbers the changes. `apply` never waits, so there is no lock anywhere."""

    def __init__(
        self,
        *,
        platform: str,
        zone: str,
        version: str,
        senders: Sequence[str],
        checks: Sequence[Check],
        at: At,
        explains: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.epoch = math.floor(at.wall * 1000)
        self.seq = 0
        self._watches: dict[str, Watch] = {}
        for check in sorted(checks, key=document.rank):
            watch = Watch(check=check, judgement=check.begin(at), since=at.wall)
            self._watches[watch.key] = watch
        self._explains = {f"services/{name}": codes for name, codes in (explains or {}).items()}
        self._hidden: frozenset[str] = frozenset()
        self._back: dict[str, At] = {}
        self._blocked_by: Reason | None = None
        self._status_since = at.wall
        self._transitions: dict[str, Transition] = {}
        self._rates = MessageRates(senders)
        self._latency = Latency()
        status, self._counts = self._roll_up()
        self._document: Document = {
            "platform": platform,
            "zone": zone,
            "status": status,
            "since": instant(at.wall),
            "counts": self._counts,
            "position": {"epoch": self.epoch, "seq": 0},
            "as_of": instant(at.wall),
            "checks": {},
            "monitor": {"version": version, "started_at": instant(at.wall)},
            "transitions": {},
        }
        for watch in self._watches.values():
            self._conclude(watch, at)
            watch.entry = document.entry(watch)
            self._document = document.lay(self._document, document.place(watch, watch.entry))

    @property
    def document(self) -> Document:
        """The whole document at its position; frozen, a change makes a new one."""
        return self._document

    def counted_until(self) -> float | None:
        """Say up to which instant of the database's clock (Unix seconds) the rates of the day have been counted."""
        return self._rates.now or None

    def unclaimed(self, trigger: str) -> list[str]:
        """Give the keys of this trigger's signals that no row has explained so far."""
        watch = self._watches.get("triggers")
        memory = watch.judgement.memory if watch is not None else None
        proving = memory.proving.get(trigger) if isinstance(memory, triggers.Memory) else None
        return proving.unclaimed() if proving is not None else []

    def series(self, name: str, at: At) -> Mapping[str, object] | None:
        """Give one of the long series that the document does not carry; None when there is none of that name."""
        watch = self._watches.get("message_throughput")
        memory = watch.judgement.memory if watch is not None else None
        match name:
            case "message_rates":
                counted = memory if isinstance(memory, message_throughput.Memory) else None
                return self._rates.read(message_throughput.usual_band(counted) if counted is not None else None)
            case "db_latency":
                return self._latency.read(at.wall)
            case "messages":
                if not isinstance(memory, message_throughput.Memory) or memory.counting.window is None:
                    return None
                return message_seconds(memory.counting, memory.counting.window, at.mono)
            case _ if name.startswith("cron_runs:"):
                cron = self._watches.get("cron")
                jobs = cron.judgement.memory if cron is not None else None
                runs = jobs.runs if isinstance(jobs, CronMemory) else None
                return runs_of(runs, name.removeprefix("cron_runs:")) if runs is not None else None
            case _:
                return None

    def evidence(self) -> dict[str, str]:
        """Say when each check's evidence was observed, for the checks that have any."""
        seen = {name: watch.observed for name, watch in self._watches.items()}
        return {name: instant(at.wall) for name, at in seen.items() if at is not None}

    def deadline(self) -> float:
        """Give the monotonic second at which the document next changes by itself."""
        return min((watch.deadline() for watch in self._watches.values()), default=math.inf)

    def apply(self, signal: Signal) -> Change | None:
        """Take one signal; give the change of the document, if a reader would notice any."""
        at = signal.at
        touched = self._judge(signal)
        if not touched:
            return None
        look_again = frozenset(name for name in touched if self._watches[name].judgement.look_again)
        if folding.PARENT in touched:
            look_again |= self._fold(at)
            touched |= folding.CHILDREN & self._watches.keys()
        patches: dict[str, object] = {}
        happened: list[Transition] = []
        # In this order: a child tells since when its parent has been down.
        for watch in [watch for key, watch in self._watches.items() if key in touched]:
            self._conclude(watch, at)
            if turned := self._turn(watch, at):
                happened.append(turned)
        touched |= self._explain()
        for watch in [watch for key, watch in self._watches.items() if key in touched]:
            new = document.entry(watch)
            changes = patch.diff(watch.entry, new)
            if document.noticeable(changes, watch.check.section):
                watch.entry = new
                patches = document.lay(patches, document.place(watch, changes))
        if not patches and not happened:
            # Nothing that a reader would notice: no number, no patch; at most a wish to look again.
            return Change(self.epoch, self.seq, at.wall, {}, self._document, (), look_again) if look_again else None
        return self._publish(at, patches, happened, look_again)

    def _judge(self, signal: Signal) -> set[str]:
        """Let everything that this signal concerns judge anew; give the keys."""
        self._record(signal)
        facts: object = signal.facts if isinstance(signal, Sample) else signal
        if isinstance(facts, Trouble):
            watch = self._watches.get(facts.check)
            if watch is None:
                return set()
            watch.troubles[facts.question] = facts
            return {facts.check}
        touched = set()
        for key, watch in self._watches.items():
            if watch.deadline() <= signal.at.mono if isinstance(signal, Tick) else watch.concerns(facts):
                watch.take(signal, facts)
                touched.add(key)
        return touched | self._pass_on(touched, signal.at)

    def _pass_on(self, touched: set[str], at: At) -> set[str]:
        """Let the others judge what these have to tell, where it is new; give their keys."""
        reached = set()
        for teller in [watch for key, watch in self._watches.items() if key in touched]:
            news = [fact for fact in teller.judgement.tells if fact not in teller.told]
            teller.told = teller.judgement.tells
            for fact in news:
                for key, watch in self._watches.items():
                    if watch.concerns(fact):
                        watch.take(Sample(at, fact), fact)
                        reached.add(key)
        return reached

    def _record(self, signal: Signal) -> None:
        """Keep what the long series need."""
        if not isinstance(signal, Sample):
            return
        facts = signal.facts
        if isinstance(facts, message_throughput.Rates):
            rows = list(zip(facts.window, facts.sender, facts.count, strict=True))
            self._rates.take(now=facts.now, since=facts.since, rows=rows)
        elif isinstance(facts, Pulse) and facts.answer is not None and not facts.answer.stalled:
            self._latency.take(signal.at.wall, facts.answer.latency_ms)

    def _fold(self, at: At) -> frozenset[str]:
        """Follow the parent; give what to look at again when it has just let something be seen again."""
        hidden, before = folding.hides(*self._watches[folding.PARENT].own(at)), self._hidden
        self._hidden = hidden
        self._back = {key: when for key, when in self._back.items() if key not in hidden}
        if not before - hidden:
            return frozenset()
        self._back |= dict.fromkeys(before - hidden, at)
        return frozenset(watch.check.name for key, watch in self._watches.items() if key not in hidden)

    def _conclude(self, watch: Watch, at: At) -> None:
        """Decide what the document says of it: its own reason, or that it cannot be seen."""
        reason, also = watch.own(at)
        if watch.key in folding.CHILDREN:
            back, hidden = self._back.get(watch.key), watch.key in self._hidden
            unseen = back is not None and (watch.observed is None or watch.observed.mono < back.mono)
            if hidden:
                params: dict[str, Scalar] = {"parent": folding.PARENT, "since": self._hidden_since()}
                self._blocked_by = Reason("unknown.blocked_by", Verdict.UNKNOWN, params)
            if hidden or (unseen and not watch.troubles):
                reason, also = self._blocked_by, folding.seen_anyway(watch.judgement.reasons)
        elif folding.unsure(watch.key, reason) and not self._anybody_answers(watch, at):
            assert reason is not None
            target = str(watch.judgement.detail.get("target", watch.check.name))
            blind = {"target": target, "since": instant(watch.since)}
            reason, also = Reason("unknown.blind", Verdict.UNKNOWN, blind), ()
        watch.reason, watch.also = reason, also

    def _hidden_since(self) -> str:
        """Say since when the parent hides what it hides: a note of its own begins later than its verdict."""
        parent = self._watches[folding.PARENT]
        note = next((one for one in (parent.reason, *parent.also) if one and one.code == "db.read_only"), None)
        return str(note.params["since"]) if note is not None else instant(parent.since)

    def _anybody_answers(self, silent: Watch, at: At) -> bool:
        """Say whether another target has proven, since this one fell silent, that our own network works."""
        since = silent.judgement.since if silent.judgement.since is not None else at.wall
        return any(
            watch is not silent
            and watch.observed is not None
            and (key == folding.PARENT or watch.observed.wall >= since)
            and folding.answers(key, watch.reason)
            for key, watch in self._watches.items()
        )

    def _explain(self) -> set[str]:
        """Find out whose reason follows from another one; give the keys of those for which that has changed."""
        reasons = {key: watch.reason for key, watch in self._watches.items() if watch.reason is not None}
        also = {one.code for watch in self._watches.values() for one in watch.also}
        changed = set()
        for key, watch in self._watches.items():
            cause = folding.explained_by(watch.reason, reasons, self._explains, also)
            if cause != watch.explained_by:
                watch.explained_by = cause
                changed.add(key)
        return changed

    @staticmethod
    def _turn(watch: Watch, at: At) -> Transition | None:
        """Turn it to the verdict that its reason has; give the transition, if that is another one."""
        before, reason, judgement = watch.verdict, watch.reason, watch.judgement
        verdict = reason.verdict if reason is not None else Verdict.OK
        if verdict is before:
            return None
        # The judgement knows since when only of its own reasons: stale, troubled or blocked is the check from now on.
        began = judgement.since if judgement.since is not None and reason in judgement.reasons else at.wall
        watch.flip(verdict, began, at.mono)
        return Transition(began, watch.key, before, verdict, reason)

    def _roll_up(self) -> tuple[str, dict[str, int]]:
        return document.roll_up([one.verdict for one in self._watches.values() if one.check.section == "checks"])

    def _publish(
        self,
        at: At,
        patches: Mapping[str, object],
        happened: Sequence[Transition],
        look_again: frozenset[str],
    ) -> Change:
        self.seq += 1
        changes: dict[str, object] = dict(patches)
        status, counts = self._roll_up()
        if status != self._document["status"]:
            self._status_since = max((one.at for one in happened), default=at.wall)
            changes |= {"status": status, "since": instant(self._status_since)}
        if moved := patch.diff(self._counts, counts):
            self._counts, changes["counts"] = counts, moved
        if happened:
            changes["transitions"] = self._remember(happened)
        applied = patch.apply(self._document, changes)
        assert isinstance(applied, dict)
        applied["position"] = {"epoch": self.epoch, "seq": self.seq}
        self._document = applied
        return Change(self.epoch, self.seq, at.wall, changes, applied, tuple(happened), look_again)

    def _remember(self, happened: Sequence[Transition]) -> dict[str, object]:
        """Keep the transitions, let go of the oldest; give the patch. Several of one change share its seq."""
        news: dict[str, object] = {}
        for number, transition in enumerate(happened):
            key = str(self.seq) if number == 0 else f"{self.seq}.{number}"
            self._transitions[key] = transition
            news[key] = transition.entry()
        while len(self._transitions) > KEPT:
            oldest = next(iter(self._transitions))
            del self._transitions[oldest]
            news[oldest] = None
        return news

"""The scheduled jobs: which are late, run far too long or keep failing, and whether the scheduler stands still."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.domain.cron import Job, Jobs, Last
from monitor.domain.listing import listed
from monitor.domain.quoting import fingerprint, quoted
from monitor.domain.runs import Runs, errors_of
from monitor.domain.signal import At
from monitor.domain.verdict import Judgement, Reason, Scalar, Verdict, instant, primary
from monitor.domain.window import MARGIN_S

LONG_LEAST_S = 300.0
"""A run shorter than this is never too long, however fast the job usually is."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`began` is the start of the watch on the database's clock, `since` each job's verdict and from when (Unix)."""

    started: At
    facts: Jobs | None = None
    offset: float = 0.0
    began: float = 0.0
    runs: Runs | None = None
    errors: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    since: Mapping[str, tuple[Verdict, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one job stands by the evidence; `turns_at` is the instant (database) at which time alone changes it."""

    job: Job
    last: Last
    expected: float
    turns_at: float
    late: bool
    long: bool


@dataclass(frozen=True, slots=True)
class Cron:
    """Judged as of the evidence: a deadline that passes asks for a new answer, so that no run that has begun is missed.

    So a job is late by what was seen after its deadline, never by what was seen before it.
    """

    jobs: tuple[Job, ...]
    fails_24h: int = 3
    long_factor: float = 3
    ttl_s: float = 65

    name = "cron"
    section = "cron"
    takes = (Jobs, Runs)
    evidence = (Jobs,)

    @property
    def limits(self) -> Mapping[str, Scalar]:
        return {"fails_24h": self.fails_24h, "long_factor": self.long_factor}

    def begin(self, at: At) -> Judgement[Memory]:
        jobs = {job.name: self._unseen(job, at) for job in self.jobs}
        return Judgement(Memory(at), detail={"jobs": jobs})

    def judge(self, facts: object, previous: Judgement[Memory], at: At) -> Judgement[Memory]:
        memory = previous.memory
        if isinstance(facts, Jobs):
            offset = facts.now - at.mono
            began = memory.began if memory.facts is not None else memory.started.mono + offset
            memory = replace(memory, facts=facts, offset=offset, began=began)
        elif isinstance(facts, Runs):
            memory = replace(memory, runs=facts, errors=errors_of(facts))
        if (known := memory.facts) is None:
            return replace(previous, memory=memory)
        seen, now = known.now, at.mono + memory.offset
        standings = [self._standing(job, known, memory.began) for job in self.jobs if job.enabled]
        told = {one.job.name: self._reasons(one, seen) for one in standings}
        since = {name: _since(memory.since.get(name), reasons, at) for name, reasons in told.items()}
        memory = replace(memory, since=since)
        stuck = self._stuck(standings, known)
        turns = [one.turns_at for one in standings if one.turns_at > seen]
        return Judgement(
            memory,
            reasons=(*self._scheduler(stuck, known, memory.began), *_first_of_each(told.values())),
            headline={"value": sum(verdict is Verdict.OK for verdict, _ in since.values()), "of": len(standings)},
            detail={"jobs": self._entries(standings, stuck, told, memory, known)},
            holds_until=min((turn - memory.offset + MARGIN_S for turn in turns if turn > now), default=math.inf),
            # By the time of the evidence it had not turned, by now it has, unless a run has begun or ended meanwhile.
            look_again=not isinstance(facts, Jobs) and any(turn <= now for turn in turns),
        )

    def _standing(self, job: Job, facts: Jobs, began: float) -> Standing:
        last = facts.last(job.name)
        expected = job.due_after(last.started) if last.started else job.due_since(began)
        # A run that is under way excuses the next one, as long as it does not run longer than is usual by far.
        at_work = last.running and last.usual_s > 0
        limit_s = max(self.long_factor * last.usual_s, LONG_LEAST_S)
        turns_at = last.started + limit_s if at_work else expected + job.grace_s
        turned = facts.now >= turns_at
        return Standing(job, last, expected, turns_at, late=turned and not at_work, long=turned and at_work)

    @staticmethod
    def _stuck(standings: Sequence[Standing], facts: Jobs) -> list[str]:
        """Name the late jobs after whose due no run of any job has started, if they are two or more."""
        late = [one.job.name for one in standings if one.late and one.expected > facts.any_started]
        return late if len(late) > 1 else []

    @staticmethod
    def _scheduler(stuck: Sequence[str], facts: Jobs, began: float) -> tuple[Reason, ...]:
        if not stuck:
            return ()
        since = instant(facts.any_started or began)
        return (
            Reason("cron.scheduler_stuck", Verdict.WARN, {"since": since, "due": len(stuck), "jobs": listed(stuck)}),
        )

    def _reasons(self, one: Standing, seen: float) -> tuple[Reason, ...]:
        """Give what is true of one job, in the catalogue's order."""
        reasons = []
        job, last = one.job.name, one.last
        said: dict[str, Scalar] = {"error": quoted(last.error)} if last.error else {}
        if one.long:
            long: dict[str, Scalar] = {
                "job": job,
                "running_min": minutes(seen - last.started),
                "usual_min": round(last.usual_s / 60, 1),
            }
            reasons.append(Reason("cron.long_running", Verdict.WARN, long))
        if last.fails > self.fails_24h:
            failing: dict[str, Scalar] = {"job": job, "fails": last.fails, "limit": self.fails_24h, **said}
            if last.error:
                failing["fingerprint"] = fingerprint(last.error)
            reasons.append(Reason("cron.failing", Verdict.WARN, failing))
        if one.late:
            late: dict[str, Scalar] = {"job": job, "expected_at": instant(one.expected)}
            late["late_min"] = minutes(seen - one.expected)
            if last.started:
                late["last_at"] = instant(last.started)
            reasons.append(Reason("cron.late", Verdict.WARN, late))
        if last.failed and last.fails <= self.fails_24h:
            reasons.append(Reason("cron.last_failed", Verdict.OK, {"job": job, "fails": last.fails, **said}))
        return tuple(reasons)

    def _entries(
        self,
        standings: Sequence[Standing],
        stuck: Sequence[str],
        told: Mapping[str, Sequence[Reason]],
        memory: Memory,
        facts: Jobs,
    ) -> dict[str, dict[str, object]]:
        """Give every job's entry, in the order of the profile."""
        entries = {job.name: self._unseen(job, memory.started) | _runs(facts.last(job.name)) for job in self.jobs}
        for one in standings:
            name, reason = one.job.name, primary(told[one.job.name])
            verdict, since = memory.since[name]
            entry = _head(reason, verdict, since, one.job) | _runs(one.last)
            if reason is not None and reason.code == "cron.late" and name in stuck:
                entry["explained_by"] = "cron.scheduler_stuck"
            # One that is over while a run is still at work is not the next any more.
            over = not one.late and facts.now >= one.expected + one.job.grace_s
            due = one.job.due_next(one.expected, facts.now) if over else one.expected
            if math.isfinite(due):
                entry["next_expected"] = instant(due)
            if one.last.fails > self.fails_24h:
                entry["streak"] = one.last.streak
            entries[name] = entry
        for name in entries.keys() & memory.errors.keys():
            entries[name]["errors"] = memory.errors[name]
        return entries

    @staticmethod
    def _unseen(job: Job, at: At) -> dict[str, object]:
        """Give the entry of a job that is not judged: not yet, or not at all."""
        reason = Reason("unknown.starting", Verdict.UNKNOWN)
        if not job.enabled:
            reason = Reason("unknown.disabled", Verdict.UNKNOWN, {"by": job.by, "since": instant(at.wall)})
        return _head(reason, reason.verdict, at.wall, job)


def minutes(seconds: float) -> int:
    """Give whole minutes, from two hours on whole hours: what a reader is shown, and no news more often than that."""
    whole = math.floor(max(0.0, seconds) / 60)
    return whole if whole < 120 else whole // 60 * 60


def _since(before: tuple[Verdict, float] | None, reasons: Sequence[Reason], at: At) -> tuple[Verdict, float]:
    """Give a job's verdict, and since when it has had it."""
    reason = primary(reasons)
    verdict = reason.verdict if reason is not None else Verdict.OK
    return before if before is not None and before[0] is verdict else (verdict, at.wall)


def _first_of_each(told: Iterable[Sequence[Reason]]) -> tuple[Reason, ...]:
    """Give the reasons of all jobs, of each code the first job's, in the catalogue's order."""
    first: dict[str, Reason] = {}
    for reason in (reason for reasons in told for reason in reasons):
        first.setdefault(reason.code, reason)
    order = ("cron.long_running", "cron.failing", "cron.late", "cron.last_failed")
    return tuple(first[code] for code in order if code in first)


def _head(reason: Reason | None, verdict: Verdict, since: float, job: Job) -> dict[str, object]:
    entry: dict[str, object] = {"verdict": verdict.value}
    if reason is not None:
        entry |= {"reason": reason.code, "params": dict(reason.params)}
    return {**entry, "since": instant(since), "schedule": job.rhythm, "enabled": job.enabled}


def _runs(last: Last) -> dict[str, object]:
    """Give what a job's runs say of themselves."""
    entry: dict[str, object] = {"fails_24h": last.fails, "runs_24h": last.runs, "abandoned": last.abandoned}
    if last.started:
        entry |= {"last_run": instant(last.started), "last_status": last.status}
        if last.finished:
            entry["last_s"] = round(max(0.0, last.finished - last.started), 1)
        if last.running:
            entry["running_since"] = instant(last.started)
    if last.usual_s:
        entry["usual_s"] = round(last.usual_s, 1)
    if last.error and (last.fails or last.failed):
        entry |= {"last_error": quoted(last.error), "fingerprint": fingerprint(last.error)}
    return entry

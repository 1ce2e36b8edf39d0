"""The scheduled jobs: late by what was seen after the deadline, told apart from a scheduler that stands still."""

from __future__ import annotations

import math
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo import jobs as demo
from monitor.domain.checks.cron import Cron, minutes
from monitor.domain.cron import Job, Jobs, Last
from monitor.domain.quoting import fingerprint
from monitor.domain.runs import Runs, runs_of
from monitor.domain.signal import Tick
from monitor.domain.verdict import instant
from monitor.domain.window import MARGIN_S
from tests.domain.build import JAKARTA, NOON, at, codes, fold, params, unix

HOUR, DAY = 3600.0, 86_400.0
FOLLOW_UP = Job("follow_up", 1200, None, JAKARTA, 120.0)
SWEEP = Job("retention_sweep", 4 * HOUR, None, JAKARTA, 1440.0)
NIGHTLY = Job("nightly_sync", None, "0 22 * * *", JAKARTA, 8640.0)
CHECK = Cron((FOLLOW_UP, SWEEP, NIGHTLY))
COLUMNS = ("started", "finished", "status", "error", "failed", "streak", "fails", "runs", "abandoned", "usual_s")


def facts(now=NOON, *, any_started=None, **last):
    """What cron.sql says at `now`; a job that is not named ran well two minutes ago."""
    told = {job.name: last.get(job.name, ran(120, now)) for job in CHECK.jobs}
    columns = {name: [getattr(one, name) for one in told.values()] for name in COLUMNS}
    newest = max(one.started for one in told.values()) if any_started is None else any_started
    return Jobs(now=now, any_started=newest, job=list(told), **columns)


def ran(ago_s, now=NOON, **other):
    """A last run that began so many seconds ago and succeeded after 10 s, as usual."""
    values = {"started": now - ago_s, "finished": now - ago_s + 10, "status": "success", "streak": 9, "runs": 9}
    return Last(**({**values, "usual_s": 12.0} | other))


def works(ago_s, now=NOON, **other):
    """A last run that began so many seconds ago and is still under way."""
    return ran(ago_s, now, **({"finished": 0.0, "status": "running"} | other))


def entry(judgement, job="follow_up"):
    return judgement.detail["jobs"][job]


# Late.


@pytest.mark.parametrize(
    ("ago_s", "late"),
    [(0, False), (1200, False), (1319.9, False), (1320, True), (9 * DAY, True), (-250, False)],
    ids=["now", "due", "within its grace", "at the end of its grace", "for days", "a clock that runs ahead"],
)
def test_late(ago_s, late):
    """A job is late at the very second at which its grace is over."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(ago_s))))
    assert codes(judgement) == ({"cron.late": "warn"} if late else {})
    assert entry(judgement)["verdict"] == ("warn" if late else "ok")
    assert judgement.headline == {"value": 2 if late else 3, "of": 3}


def test_late_params():
    """What is told of a late job: when it was due, how late it is, and when it ran last."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(1200 + 7 * 60 + 59))))
    want = {
        "job": "follow_up",
        "expected_at": instant(NOON - 479),
        "late_min": 7,
        "last_at": instant(NOON - 1679),
    }
    assert params(judgement, "cron.late") == want
    assert entry(judgement)["params"] == want
    assert entry(judgement)["next_expected"] == instant(NOON - 479)


def test_deadline_asks_anew():
    """At the end of a grace the check asks again, for the run may have begun since; only then is the job late."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(1300))))
    assert judgement.holds_until == at(20).mono + MARGIN_S
    now = at(20 + MARGIN_S)
    passed = CHECK.judge(Tick(now), judgement, now)
    assert (passed.look_again, passed.reasons) == (True, ())
    assert passed.holds_until > now.mono
    seen = facts(NOON + 20.01, follow_up=ran(1320.01, NOON + 20.01))
    late = CHECK.judge(seen, passed, at(20.01))
    assert codes(late) == {"cron.late": "warn"}
    assert late.look_again is False
    begun = facts(NOON + 20.01, follow_up=works(0.5, NOON + 20.01))
    assert CHECK.judge(begun, passed, at(20.01)).reasons == ()


def test_deadline_passes_with_other_news():
    """A deadline that passes just before other news comes is not forgotten: these ask again too."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(1300))), (20, Runs(NOON + 20, [], [], [], [], [])))
    assert (judgement.look_again, judgement.reasons) == (True, ())
    assert fold(CHECK, (0, facts(follow_up=ran(1300))), (19, Tick(at(19)))).look_again is False


def test_database_clock():
    """Lateness is measured on the database's clock: our own may be wrong by hours."""
    now = NOON + 9 * HOUR
    judgement = fold(CHECK, (5, facts(now, follow_up=ran(1300, now))))
    assert judgement.reasons == ()
    assert judgement.holds_until == pytest.approx(at(25).mono + MARGIN_S)


@pytest.mark.parametrize(
    ("now", "late"),
    [
        ("2026-03-29T01:59:59Z", False),
        ("2026-03-29T02:00:00Z", True),
        ("2026-03-30T00:29:00Z", True),
    ],
)
def test_in_its_own_zone(now, late):
    """Where summer time skips the hour of a job, it is due when the clocks have been changed, at 03:00."""
    job = Job("report", None, "30 2 * * *", ZoneInfo("Europe/Berlin"), 3600.0)
    last = ran(0, unix("2026-03-28T01:30:01Z"))
    columns = {name: [getattr(last, name)] for name in COLUMNS}
    judgement = fold(Cron((job,)), (0, Jobs(now=unix(now), any_started=last.started, job=["report"], **columns)))
    assert codes(judgement) == ({"cron.late": "warn"} if late else {})
    assert judgement.detail["jobs"]["report"]["next_expected"] == "2026-03-29T01:00:00.000Z"


def test_never_ran():
    """A job that never ran is expected one interval after the watch began, and tells of no last run."""
    never = {"follow_up": Last(), "retention_sweep": Last()}
    judgement = fold(CHECK, (10, facts(NOON + 10, **never)))
    assert judgement.reasons == ()
    assert entry(judgement)["next_expected"] == instant(NOON + 1200)
    assert "last_run" not in entry(judgement)
    # The clocks have drifted apart a little: the beginning of the watch stays where it was.
    later = CHECK.judge(facts(NOON + 1320.1, **never), judgement, at(1320))
    assert params(later, "cron.late") == {"job": "follow_up", "expected_at": instant(NOON + 1200), "late_min": 2}


def test_a_due_that_never_comes():
    """A job that is due on a fifth Monday that is the first of its month is never late, and nothing is expected."""
    job = Job("follow_up", None, "0 0 */31 * MON#5", JAKARTA, 60.0)
    for last in (ran(DAY), Last()):
        judgement = fold(Cron((job,)), (0, facts(follow_up=last)))
        assert (judgement.reasons, judgement.holds_until) == ((), math.inf)
        assert "next_expected" not in entry(judgement)
    assert job.due_next(0.0, NOON) == math.inf


# The scheduler.


def test_scheduler_stuck():
    """When two jobs are late and none has started since they were due, it is the scheduler, and they follow from it."""
    stopped = {"follow_up": ran(4.5 * HOUR), "retention_sweep": ran(4.6 * HOUR), "nightly_sync": ran(14 * HOUR)}
    judgement = fold(CHECK, (0, facts(**stopped)))
    assert codes(judgement) == {"cron.scheduler_stuck": "warn", "cron.late": "warn"}
    want = {"since": instant(NOON - 4.5 * HOUR), "due": 2, "jobs": "follow_up, retention_sweep"}
    assert params(judgement, "cron.scheduler_stuck") == want
    assert params(judgement, "cron.late")["job"] == "follow_up"
    assert entry(judgement)["explained_by"] == "cron.scheduler_stuck"
    assert entry(judgement, "retention_sweep")["explained_by"] == "cron.scheduler_stuck"
    assert "explained_by" not in entry(judgement, "nightly_sync")
    assert judgement.headline == {"value": 1, "of": 3}


def test_another_job_has_started():
    """A run of any job, known to the profile or not, that began after the due shows that the scheduler is alive."""
    stopped = {"follow_up": ran(4.5 * HOUR), "retention_sweep": ran(4.6 * HOUR), "nightly_sync": ran(14 * HOUR)}
    judgement = fold(CHECK, (0, facts(**stopped, any_started=NOON - 60)))
    assert codes(judgement) == {"cron.late": "warn"}
    assert "explained_by" not in entry(judgement)


def test_one_late_job_is_no_scheduler():
    """One late job alone says nothing of the scheduler."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(HOUR), retention_sweep=ran(HOUR), nightly_sync=ran(HOUR))))
    assert codes(judgement) == {"cron.late": "warn"}


def test_late_before_the_scheduler_stopped():
    """A job that was late before hides no scheduler that stops later, nor is it explained by it."""
    judgement = fold(
        Cron((NIGHTLY, FOLLOW_UP, SWEEP)),
        (0, facts(nightly_sync=ran(3 * DAY), follow_up=ran(5 * HOUR), retention_sweep=ran(5 * HOUR))),
    )
    assert params(judgement, "cron.scheduler_stuck")["jobs"] == "follow_up, retention_sweep"
    assert params(judgement, "cron.late")["job"] == "nightly_sync"
    assert "explained_by" not in entry(judgement, "nightly_sync")


def test_nothing_ever_ran():
    """Where no job ever ran, none has started since the watch began."""
    never = facts(NOON + 5 * HOUR, follow_up=Last(), retention_sweep=Last(), nightly_sync=Last())
    judgement = fold(CHECK, (5 * HOUR, never))
    assert params(judgement, "cron.scheduler_stuck")["since"] == instant(NOON)
    assert "last_at" not in params(judgement, "cron.late")


# Under way.


@pytest.mark.parametrize(
    ("ago_s", "usual_s", "expected"),
    [
        (299, 12.0, {}),
        (300, 12.0, {"cron.long_running": "warn"}),
        (1500, 600.0, {}),
        (1799, 600.0, {}),
        (1800, 600.0, {"cron.long_running": "warn"}),
        (1319, 0.0, {}),
        (1320, 0.0, {"cron.late": "warn"}),
    ],
    ids=["below 5 min", "5 min", "past its due", "nearly three times", "three times", "not known", "and too late"],
)  # fmt: skip
def test_long_running(ago_s, usual_s, expected):
    """A run is too long at three times what is usual, from 5 min on; until then it is not late, if that is known."""
    judgement = fold(CHECK, (0, facts(follow_up=works(ago_s, usual_s=usual_s))))
    assert codes(judgement) == expected
    assert entry(judgement)["running_since"] == instant(NOON - ago_s)


def test_long_running_params():
    """A run that takes too long is told with its minutes and the usual ones; from two hours on by the hour."""
    judgement = fold(CHECK, (0, facts(follow_up=works(3 * HOUR + 1000, usual_s=100))))
    assert params(judgement, "cron.long_running") == {"job": "follow_up", "running_min": 180, "usual_min": 1.7}
    assert [minutes(one) for one in (-5, 59, 60, 7199, 7200, 10_799)] == [0, 0, 1, 119, 120, 120]


def test_long_running_turns_at_its_second():
    """The end of what is usual is a deadline like that of a late job: it asks anew."""
    judgement = fold(CHECK, (0, facts(follow_up=works(290))))
    assert judgement.holds_until == at(10).mono + MARGIN_S
    assert CHECK.judge(Tick(at(10.1)), judgement, at(10.1)).look_again is True


def test_next_while_at_work():
    """While a run is at work beyond the next due, what is expected is the due after now."""
    judgement = fold(CHECK, (0, facts(follow_up=works(1500, usual_s=600))))
    assert entry(judgement)["next_expected"] == instant(NOON + 900)
    judgement = fold(CHECK, (0, facts(nightly_sync=works(26.9 * HOUR, usual_s=10 * HOUR))))
    assert entry(judgement, "nightly_sync")["next_expected"] == instant(NOON + 10 * HOUR)


# Failing.


@pytest.mark.parametrize(
    ("fails", "failed", "expected"),
    [
        (0, False, {}),
        (3, False, {}),
        (3, True, {"cron.last_failed": "ok"}),
        (0, True, {"cron.last_failed": "ok"}),
        (4, False, {"cron.failing": "warn"}),
        (4, True, {"cron.failing": "warn"}),
    ],
)
def test_failing(fails, failed, expected):
    """More than three failures in 24 h want a look; until then the last failure is a note, until a success."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(60, fails=fails, failed=failed, error="boom"))))
    assert codes(judgement) == expected
    assert judgement.headline == {"value": 2 if fails > 3 else 3, "of": 3}


def test_failing_params():
    """A failing job is told with its count, the limit, and its last message without secrets, with its kind."""
    error = "429 for key=abc\x1b\n request 17"
    judgement = fold(CHECK, (0, facts(follow_up=ran(60, fails=5, failed=True, streak=0, error=error))))
    shown, kind = "429 for key=•••\\n request 17", fingerprint(error)
    assert params(judgement, "cron.failing") == {
        "job": "follow_up", "fails": 5, "limit": 3, "error": shown, "fingerprint": kind,
    }  # fmt: skip
    row = entry(judgement)
    assert (row["last_error"], row["fingerprint"], row["fails_24h"], row["streak"]) == (shown, kind, 5, 0)
    note = fold(CHECK, (0, facts(follow_up=ran(60, fails=1, failed=True, error=error))))
    assert params(note, "cron.last_failed") == {"job": "follow_up", "fails": 1, "error": shown}
    assert "streak" not in entry(note)


def test_failing_without_a_word():
    """A run that failed without a message brings none."""
    judgement = fold(CHECK, (0, facts(follow_up=ran(60, fails=4, failed=True))))
    assert params(judgement, "cron.failing") == {"job": "follow_up", "fails": 4, "limit": 3}
    assert not {"last_error", "fingerprint"} & entry(judgement).keys()


def test_an_old_error_is_not_shown():
    """The message of a failure that is over, older than a day, is not shown any more."""
    assert "last_error" not in entry(fold(CHECK, (0, facts(follow_up=ran(60, error="boom")))))


def test_order():
    """The reasons stand in the catalogue's order, each code once, with the first job of the profile."""
    judgement = fold(
        CHECK,
        (
            0,
            facts(
                follow_up=ran(5 * HOUR, fails=4, error="boom"),
                retention_sweep=ran(5 * HOUR, fails=9, error="bang", failed=True),
                nightly_sync=works(6 * HOUR, failed=True, error="no"),
            ),
        ),
    )
    order = ["cron.scheduler_stuck", "cron.long_running", "cron.failing", "cron.late", "cron.last_failed"]
    assert list(codes(judgement)) == order
    assert params(judgement, "cron.failing")["job"] == "follow_up"
    assert entry(judgement)["reason"] == "cron.failing"
    assert "explained_by" not in entry(judgement)
    assert entry(judgement, "nightly_sync")["reason"] == "cron.long_running"


# What is shown.


def test_entry():
    """The drill-down of a job that is well."""
    judgement = fold(CHECK, (3, facts(NOON + 3, retention_sweep=ran(600, NOON + 3, finished=NOON, abandoned=1))))
    assert entry(judgement, "retention_sweep") == {
        "verdict": "ok",
        "since": instant(NOON + 3),
        "schedule": "4h",
        "enabled": True,
        "fails_24h": 0,
        "runs_24h": 9,
        "abandoned": 1,
        "last_run": instant(NOON - 597),
        "last_status": "success",
        "last_s": 597.0,
        "usual_s": 12.0,
        "next_expected": instant(NOON - 597 + 4 * HOUR),
    }


def test_errors():
    """The errors of the day stand beside their job by kind, those of unknown jobs nowhere; runs are kept for REST."""
    rows = Runs(NOON, ["follow_up", "stray"], [NOON - 60, NOON - 70], [NOON - 50, NOON - 60],
                ["failed", "failed"], ["boom 1", "boom 2"])  # fmt: skip
    judgement = fold(CHECK, (0, facts()), (0, rows))
    kind = {"count": 1, "error": "boom 1", "last_at": instant(NOON - 60)}
    assert entry(judgement)["errors"] == {fingerprint("boom 9"): kind}
    assert list(judgement.detail["jobs"]) == ["follow_up", "retention_sweep", "nightly_sync"]
    assert judgement.memory.runs is rows
    assert runs_of(judgement.memory.runs, "follow_up")["as_of"] == instant(NOON)


def test_since():
    """Each job has had its verdict since it was first seen with it."""
    judgement = fold(
        CHECK,
        (0, facts()),
        (30, facts(NOON + 30, follow_up=ran(5000, NOON + 30))),
        (60, facts(NOON + 60, follow_up=ran(5030, NOON + 60, fails=4))),
        (90, facts(NOON + 90)),
    )
    assert entry(judgement)["since"] == instant(NOON + 90)
    assert entry(judgement, "retention_sweep")["since"] == instant(NOON)
    before = fold(CHECK, (0, facts()), (30, facts(NOON + 30, follow_up=ran(5000, NOON + 30))),
                  (60, facts(NOON + 60, follow_up=ran(5030, NOON + 60, fails=4))))  # fmt: skip
    assert (entry(before)["reason"], entry(before)["since"]) == ("cron.failing", instant(NOON + 30))


def test_disabled():
    """A job that is switched off is told of, and neither judged nor counted."""
    off = Job("follow_up", 1200, None, JAKARTA, 120.0, enabled=False, by="ops")
    check = Cron((off, SWEEP))
    judgement = fold(check, (7, facts(follow_up=ran(DAY, fails=9, failed=True, error="boom"))))
    assert (judgement.reasons, judgement.headline) == ((), {"value": 1, "of": 1})
    row = entry(judgement)
    assert (row["verdict"], row["reason"], row["enabled"]) == ("unknown", "unknown.disabled", False)
    assert row["params"] == {"by": "ops", "since": instant(NOON)}
    assert row["last_run"] == instant(NOON - DAY)
    assert "next_expected" not in row


def test_before_the_first_answer():
    """Before any evidence every job is shown as starting, and the passing of time changes nothing."""
    judgement = fold(CHECK, (9 * HOUR, Tick(at(9 * HOUR))), (9 * HOUR, Runs(NOON, [], [], [], [], [])))
    assert (judgement.reasons, judgement.headline, judgement.holds_until) == ((), None, math.inf)
    row = {
        "verdict": "unknown",
        "reason": "unknown.starting",
        "params": {},
        "since": instant(NOON),
        "schedule": "20m",
        "enabled": True,
    }
    assert entry(judgement) == row
    assert judgement.memory.runs is not None


def test_what_it_is():
    """It has a section of its own, shows its limits, and is judged by one of its two questions."""
    assert (CHECK.name, CHECK.section, CHECK.ttl_s) == ("cron", "cron", 65)
    assert CHECK.limits == {"fails_24h": 3, "long_factor": 3}
    assert (CHECK.takes, CHECK.evidence) == ((Jobs, Runs), (Jobs,))


# For long.


@given(
    st.lists(
        st.tuples(st.floats(-300, 3 * DAY), st.sampled_from(["success", "running", ""]), st.floats(0, 7200)),
        min_size=3,
        max_size=3,
    ),
    st.floats(0, 40),
)
def test_never_spins(rows, asked_at):
    """After a tick at its deadline the next one lies ahead, and it has asked anew; without end there is none."""
    kinds = {"": lambda _, __: Last(), "running": lambda age, usual: works(age, usual_s=usual)}
    lasts = {
        job.name: kinds.get(status, lambda age, _: ran(age))(age, usual)
        for job, (age, status, usual) in zip(CHECK.jobs, rows, strict=True)
    }
    judgement = fold(CHECK, (asked_at, facts(**lasts)))
    for _ in range(4):
        if judgement.holds_until == math.inf:
            break
        now = at(judgement.holds_until - at(0).mono)
        judgement = CHECK.judge(Tick(now), judgement, now)
        assert judgement.holds_until > now.mono
        assert judgement.look_again is True


@pytest.mark.life
def test_a_month_of_the_demo():
    """In a month of the demo's jobs none is ever late or too long, seen just before and after each run begins."""
    begin = datetime(2026, 10, 1, tzinfo=UTC)
    every = list(demo.runs_between({job.name: begin for job in demo.JOBS}, begin + timedelta(days=30), 1))
    jobs = tuple(
        Job(one.name, one.every.total_seconds(), None, JAKARTA, max(60.0, one.every.total_seconds() / 10))
        if one.every is not None
        else Job(one.name, None, f"0 {one.at_hour} * * *", JAKARTA, DAY / 10)
        for one in demo.JOBS
    )
    check = Cron(jobs)
    starts = {job.name: [run.started_at.timestamp() for run in every if run.job == job.name] for job in jobs}
    ends = {job.name: [run.finished_at.timestamp() for run in every if run.job == job.name] for job in jobs}
    judgement = check.begin(at(0, begin.timestamp()))
    looked = 0
    for moment in sorted(start + shift for one in starts.values() for start in one for shift in (-0.001, 0.001)):
        columns = {name: [] for name in COLUMNS}
        for job in jobs:
            n = bisect_right(starts[job.name], moment) - 1
            end = ends[job.name][n]
            last = Last()
            if n >= 0:
                last = ran(moment - starts[job.name][n], moment, finished=end) if end <= moment else works(
                    moment - starts[job.name][n], moment
                )  # fmt: skip
            for name in COLUMNS:
                columns[name].append(getattr(last, name))
        told = Jobs(now=moment, any_started=max(columns["started"]), job=[job.name for job in jobs], **columns)
        judgement = check.judge(told, judgement, at(moment - begin.timestamp(), begin.timestamp()))
        assert judgement.reasons == (), (datetime.fromtimestamp(moment, UTC), judgement.reasons)
        looked += 1
    assert looked > 6000

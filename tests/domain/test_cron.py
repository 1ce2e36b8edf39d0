"""The jobs of a profile: when each is due, in its own zone, through both nights on which the clocks are changed."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.cron import Job, Jobs, Last
from tests.domain.build import JAKARTA, unix

BERLIN = ZoneInfo("Europe/Berlin")


def every(seconds):
    return Job("job", seconds, None, JAKARTA, 60.0)


def cron(schedule, zone=JAKARTA):
    return Job("job", None, schedule, zone, 60.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1200, "20m"), (14_400, "4h"), (86_400, "1d"), (5400, "90m"), (90, "90s"), (0.5, "0.5s"), (604_800, "7d")],
)
def test_rhythm(seconds, text):
    """An interval is written in the largest unit that needs no fraction, as the profile writes it."""
    assert every(seconds).rhythm == text


def test_rhythm_by_expression():
    """A cron expression stands for itself."""
    assert cron("0 22 * * *").rhythm == "0 22 * * *"


@pytest.mark.parametrize(
    ("schedule", "zone", "started", "due"),
    [
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T15:00:01Z", "2026-11-23T15:00:00Z", id="a second after"),
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T15:00:00Z", "2026-11-23T15:00:00Z", id="at its due"),
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T14:59:59Z", "2026-11-23T15:00:00Z", id="a second early"),
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T14:59:00Z", "2026-11-23T15:00:00Z", id="a minute early"),
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T14:58:59Z", "2026-11-22T15:00:00Z", id="too early"),
        pytest.param("0 22 * * *", JAKARTA, "2026-11-22T23:30:00Z", "2026-11-23T15:00:00Z", id="hours late"),
        pytest.param("* * * * *", JAKARTA, "2026-11-22T15:00:01Z", "2026-11-22T15:01:00Z", id="minutely"),
        pytest.param("* * * * *", JAKARTA, "2026-11-22T15:00:31Z", "2026-11-22T15:02:00Z", id="nearer the next"),
        pytest.param("30 2 * * *", BERLIN, "2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", id="the hour is skipped"),
        pytest.param("30 2 * * *", BERLIN, "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", id="after the skipped hour"),
        pytest.param("0,30 2 * * *", BERLIN, "2026-03-29T01:00:01Z", "2026-03-30T00:00:00Z", id="two dues fall on one"),
        pytest.param("30 2 * * *", BERLIN, "2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", id="first pass of the hour"),
        pytest.param("30 2 * * *", BERLIN, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", id="not in its second pass"),
        pytest.param("30 2 * * *", BERLIN, "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z", id="in the second pass"),
        pytest.param("0 * * * *", BERLIN, "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", id="hourly, in both passes"),
        pytest.param("0 22 * * *", BERLIN, "2026-03-28T21:00:00Z", "2026-03-29T20:00:00Z", id="a day of 23 hours"),
        pytest.param("0 22 * * *", BERLIN, "2026-10-24T20:00:00Z", "2026-10-25T21:00:00Z", id="a day of 25 hours"),
    ],
)  # fmt: skip
def test_due_after(schedule, zone, started, due):
    """The next due follows the one that a run belongs to; the zone's own clock decides, also when it is changed."""
    assert cron(schedule, zone).due_after(unix(started)) == unix(due)


def test_due_after_an_interval():
    """A job with an interval is due that long after its last start."""
    assert every(1200).due_after(5000.5) == 6200.5


def test_due_since_the_watch_began():
    """A job that never ran is due one interval after the watch began, or at its first due; none is taken for served."""
    assert every(1200).due_since(5000.0) == 6200.0
    assert cron("0 22 * * *").due_since(unix("2026-11-22T14:59:59Z")) == unix("2026-11-22T15:00:00Z")


def test_due_in_a_repeated_hour():
    """A due in the first pass of an hour that is repeated is over in its second pass."""
    assert cron("30 2 * * *", BERLIN).due_since(unix("2026-10-25T01:10:00Z")) == unix("2026-10-26T01:30:00Z")


def test_due_next():
    """While a run is still at work, the due that is over gives way to the next one after now."""
    assert every(1200).due_next(5000.0, 5000.0) == 6200.0
    assert every(1200).due_next(5000.0, 7399.9) == 7400.0
    assert cron("0 22 * * *").due_next(0.0, unix("2026-11-22T15:00:00Z")) == unix("2026-11-23T15:00:00Z")


@given(
    st.sampled_from(["* * * * *", "*/20 * * * *", "0 22 * * *", "30 2 * * *", "0 7 * * 1-5", "0,30 1-3 * * *"]),
    st.sampled_from([JAKARTA, BERLIN, ZoneInfo("UTC"), ZoneInfo("America/St_Johns")]),
    st.floats(unix("2026-01-01T00:00:00Z"), unix("2027-12-31T00:00:00Z")),
)
def test_every_due_lies_ahead(schedule, zone, started):
    """Whenever a run started, its next due is after it, and so is the next after any due."""
    job = cron(schedule, zone)
    assert started < job.due_since(started) <= job.due_after(started) < math.inf
    assert job.due_next(0.0, started) == job.due_since(started)


def test_what_the_table_tells():
    """The columns of one job are told together; a job that is not told of never ran."""
    facts = Jobs(9.0, 8.0, ["a", "b"], [1.0, 2.0], [3.0, 0.0], ["failed", "running"], ["no", ""], [True, False],
                 [0, 5], [1, 2], [3, 4], [0, 1], [6.0, 7.0])  # fmt: skip
    assert facts.last("b") == Last(
        2.0, 0.0, "running", "", failed=False, streak=5, fails=2, runs=4, abandoned=1, usual_s=7
    )
    assert (facts.last("b").running, facts.last("a").running) == (True, False)
    assert facts.last("c") == Last()

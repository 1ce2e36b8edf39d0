"""The runs of a day: told per job, their errors grouped by what they say."""

from __future__ import annotations

from monitor.domain.quoting import fingerprint
from monitor.domain.runs import KINDS, Runs, errors_of, runs_of
from monitor.domain.verdict import instant
from tests.domain.build import NOON

RATE = "429 rate_limit_error, request req_{} (key=abc)"


def runs(*rows):
    """Rows are (job, age of the start, duration or None, status, error), newest first."""
    return Runs(
        now=NOON,
        job=[row[0] for row in rows],
        started=[NOON - row[1] for row in rows],
        finished=[NOON - row[1] + row[2] if row[2] is not None else 0.0 for row in rows],
        status=[row[3] for row in rows],
        error=[row[4] for row in rows],
    )


def test_one_job():
    """The runs of one job stand newest first; what is not known yet is absent, and errors are quoted."""
    facts = runs(
        ("a", 5, None, "running", ""),
        ("b", 6, 1.0, "success", ""),
        ("a", 60, 2.04, "failed", "boom\n password=x"),
        ("a", 90, -1.0, "success", ""),
    )
    assert runs_of(facts, "a") == {
        "job": "a",
        "as_of": instant(NOON),
        "runs": [
            {"started_at": instant(NOON - 5), "status": "running"},
            {
                "started_at": instant(NOON - 60),
                "finished_at": instant(NOON - 60 + 2.04),
                "status": "failed",
                "duration_s": 2.0,
                "error": "boom\\n password=•••",
                "fingerprint": fingerprint("boom\n password=x"),
            },
            {
                "started_at": instant(NOON - 90),
                "finished_at": instant(NOON - 91),
                "status": "success",
                "duration_s": 0.0,
            },
        ],
    }
    assert runs_of(facts, "nobody")["runs"] == []


def test_errors_by_kind():
    """Errors of one kind are counted together under the last of them, the most frequent kind first."""
    facts = runs(
        ("a", 10, 1.0, "failed", "template 'x' is invalid"),
        ("a", 20, 1.0, "failed", RATE.format(2)),
        ("a", 30, 1.0, "failed", RATE.format(1)),
        ("a", 40, 1.0, "failed", ""),
        ("a", 50, 1.0, "success", "a warning only"),
        ("b", 60, 1.0, "failed", RATE.format(3)),
    )
    errors = errors_of(facts)
    rate, template = fingerprint(RATE.format(9)), fingerprint("template 'y' is invalid")
    assert list(errors) == ["a", "b"]
    assert list(errors["a"]) == [rate, template]
    last = {"count": 2, "error": "429 rate_limit_error, request req_2 (key=•••", "last_at": instant(NOON - 20)}
    assert errors["a"][rate] == last
    assert errors["a"][template]["count"] == 1
    assert errors["b"][rate]["count"] == 1


def test_errors_are_bounded():
    """However many kinds of errors there are, twenty of a job are kept, and the frequent ones among them."""
    kinds = [("a", n, 1.0, "failed", "oh " + "x" * n) for n in range(1, 40)]
    twice = ("a", 60, 1.0, "failed", "oh " + "x" * 39)
    errors = errors_of(runs(*kinds, twice))["a"]
    assert (len(errors), next(iter(errors))) == (KINDS, fingerprint("oh " + "x" * 39))

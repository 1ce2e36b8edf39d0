"""The long series: a whole day of rates, an hour of latencies, the seconds of the last window."""

from __future__ import annotations

from monitor.domain.counting import Counting
from monitor.domain.series import DAY_S, HOUR_S, STEP_S, Latency, MessageRates, message_seconds
from monitor.domain.window import Window

NOW = 1_800_000_150.0
"""In the middle of a 5-minute window."""
LAST = 1_800_000_000


def taken(rows, *, now=NOW, since=NOW - DAY_S, into=None):
    series = into if into is not None else MessageRates(("user", "bot"))
    series.take(now=now, since=since, rows=rows)
    return series


def counted(series, sender, start):
    """Give the count that a reader finds for the window that begins at `start`."""
    told = series.read()
    last = int(series.now) // STEP_S * STEP_S
    return told["counts"][sender][(start - last) // STEP_S - 1 + 288]


def test_day():
    """The day is told as 288 windows per sender, oldest first, the current one last, zeros where nothing was."""
    series = taken([(LAST, "user", 3), (LAST - DAY_S + STEP_S, "bot", 7), (LAST - DAY_S, "user", 9)])
    assert series.read() == {
        "as_of": "2027-01-15T08:02:30.000Z",
        "start": "2027-01-14T08:05:00.000Z",
        "step_s": 300,
        "counts": {"user": [0] * 287 + [3], "bot": [7] + [0] * 287},
    }


def test_band():
    """What is usual is told per window of the day, in tenths; where it is not known, nothing is."""
    told = taken([]).read(lambda start: (0.0, (start - LAST) / 300 + 287.04, 400.0))
    assert set(told["band"]) == {"low", "usual", "high"}
    assert told["band"]["low"] == [0.0] * 288
    assert told["band"]["usual"] == [float(number) for number in range(288)]
    assert told["band"]["high"] == [400.0] * 288
    assert "band" not in taken([]).read()


def test_nothing_yet():
    """Before any count the day is all zeros."""
    assert set(MessageRates(("user",)).read()["counts"]["user"]) == {0}


def test_recount_replaces():
    """What is counted anew replaces what was there from that moment on, rows that are gone as well."""
    series = taken([(LAST - 900, "user", 5), (LAST - 600, "user", 4), (LAST - 300, "user", 2)])
    taken([(LAST - 600, "user", 1)], since=LAST - 600, into=series)
    assert [counted(series, "user", LAST - age) for age in (900, 600, 300)] == [5, 1, 0]


def test_part_of_a_window():
    """A window that was counted only in part this time keeps its full count."""
    series = taken([(LAST - 600, "user", 4), (LAST - 600, "bot", 6), (LAST - 300, "user", 2)])
    taken([(LAST - 600, "user", 1), (LAST - 300, "user", 3)], since=LAST - 450, into=series)
    assert counted(series, "user", LAST - 600) == 4
    assert counted(series, "bot", LAST - 600) == 6
    assert counted(series, "user", LAST - 300) == 3


def test_yesterday_leaves():
    """A window leaves when it is a day old, and nothing older comes in."""
    series = taken([(LAST - DAY_S + STEP_S, "user", 7), (LAST, "user", 1)])
    taken([(LAST - DAY_S, "user", 5)], now=NOW + STEP_S, since=NOW - DAY_S, into=series)
    assert series.windows == {}
    series = taken([(LAST - DAY_S + STEP_S, "user", 7)])
    taken([], now=NOW + STEP_S, since=NOW, into=series)
    assert series.windows == {}
    assert series.now == NOW + STEP_S


def test_latency():
    """Latencies are told with their time, one point per sample, of the last hour to the second."""
    latency = Latency()
    for unix, ms in ((0.0, 1.0), (0.04, 12.3456), (HOUR_S, 2.0)):
        latency.take(unix, ms)
    assert latency.read(float(HOUR_S)) == {
        "as_of": "1970-01-01T01:00:00.000Z",
        "points": [[0.0, 1.0], [0.0, 12.35], [3600, 2.0]],
    }
    latency.take(HOUR_S + 0.01, 3.0)
    assert [ms for _, ms in latency.read(0.0)["points"]] == [12.35, 2.0, 3.0]


def test_latency_is_bounded():
    """However often it is sampled, the memory stays small."""
    latency = Latency()
    for number in range(5000):
        latency.take(number / 100, 1.0)
    assert len(latency.points) == 1024
    assert latency.points[-1] == (49.99, 1.0)


def test_seconds():
    """The seconds of a window are told with the snapshot in which they were seen, keyed by text."""
    window = Window(5.0, {9: {"user": 2}, 10: {"user": 1}})
    assert message_seconds(Counting(seen="700:700:"), window, 5.5) == {
        "as_of": "1970-01-01T00:00:10.000Z",
        "snapshot": "700:700:",
        "scheme": "recount",
        "in_sync": False,
        "seconds": {"9": 2, "10": 1},
    }

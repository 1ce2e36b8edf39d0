"""The quiet hours: which seconds count as silence, over midnight, within a day, and when the clocks are changed."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.quiet_hours import QuietHours, counted_silence, silent_at
from tests.domain.build import JAKARTA, NIGHT, unix

BERLIN = ZoneInfo("Europe/Berlin")
LUNCH = QuietHours(dt.time(12), dt.time(13, 30), JAKARTA)
BERLIN_NIGHT = QuietHours(dt.time(22), dt.time(6), BERLIN)
BERLIN_LUNCH = QuietHours(dt.time(12), dt.time(13, 30), BERLIN)
NEVER = QuietHours(dt.time(8), dt.time(8), JAKARTA)
EVERY = [NIGHT, LUNCH, BERLIN_NIGHT, BERLIN_LUNCH]
HOUR = 3600.0


def jakarta(clock, day="2026-11-22"):
    return unix(f"{day}T{clock}+07:00")


@pytest.mark.parametrize(
    ("quiet", "clock", "holds"),
    [
        (NIGHT, "21:59:59.999", False),
        (NIGHT, "22:00:00", True),
        (NIGHT, "23:59:59.999", True),
        (NIGHT, "00:00:00", True),
        (NIGHT, "05:59:59.999", True),
        (NIGHT, "06:00:00", False),
        (LUNCH, "11:59:59.999", False),
        (LUNCH, "12:00:00", True),
        (LUNCH, "13:29:59.999", True),
        (LUNCH, "13:30:00", False),
        (NEVER, "08:00:00", False),
    ],
)
def test_holds(quiet, clock, holds):
    """The quiet hours begin with their first second and end before their last, on the platform's own clock."""
    assert quiet.holds(jakarta(clock)) is holds


@pytest.mark.parametrize(
    ("quiet", "clock", "edge"),
    [
        (NIGHT, "12:00:00", jakarta("22:00:00")),
        (NIGHT, "21:59:59.999", jakarta("22:00:00")),
        (NIGHT, "22:00:00", jakarta("06:00:00", "2026-11-23")),
        (NIGHT, "05:59:59.999", jakarta("06:00:00")),
        (NIGHT, "06:00:00", jakarta("22:00:00")),
        (LUNCH, "13:30:00", jakarta("12:00:00", "2026-11-23")),
        (NEVER, "08:00:00", jakarta("08:00:00", "2026-11-23")),
    ],
)
def test_next_edge(quiet, clock, edge):
    """The next edge always lies in the future, at an edge as well."""
    assert quiet.next_edge(jakarta(clock)) == edge


def test_written():
    """They are written as the profile writes them."""
    assert str(NIGHT) == "22:00-06:00"
    assert str(LUNCH) == "12:00-13:30"


@pytest.mark.parametrize(
    ("quiet", "last", "now", "hours"),
    [
        pytest.param(None, jakarta("12:00:00"), jakarta("15:00:00"), 3, id="without quiet hours all counts"),
        pytest.param(None, jakarta("15:00:00"), jakarta("12:00:00"), 0, id="stamped in the future"),
        pytest.param(NIGHT, jakarta("15:00:00"), jakarta("12:00:00"), 0, id="in the future, with quiet hours"),
        pytest.param(NEVER, jakarta("07:00:00"), jakarta("15:00:00"), 8, id="an empty stretch is none"),
        pytest.param(NIGHT, jakarta("21:00:00", "2026-11-21"), jakarta("07:00:00"), 2, id="a night between"),
        pytest.param(NIGHT, jakarta("23:00:00", "2026-11-21"), jakarta("05:00:00"), 0, id="all within a night"),
        pytest.param(NIGHT, jakarta("12:00:00", "2026-11-19"), jakarta("12:00:00"), 48, id="three nights between"),
        pytest.param(LUNCH, jakarta("11:00:00"), jakarta("14:00:00"), 1.5, id="lunch between"),
        pytest.param(
            BERLIN_NIGHT,
            unix("2026-03-28T12:00:00+01:00"),
            unix("2026-03-29T12:00:00+02:00"),
            16,
            id="a night of 7 hours",
        ),
        pytest.param(
            BERLIN_NIGHT,
            unix("2026-10-24T12:00:00+02:00"),
            unix("2026-10-25T12:00:00+01:00"),
            16,
            id="a night of 9 hours",
        ),
    ],
)
def test_counted(quiet, last, now, hours):
    """Silence counts outside the quiet hours only, whichever way the clocks were changed in between."""
    assert counted_silence(quiet, last, now) == hours * HOUR


@pytest.mark.parametrize(
    ("quiet", "last", "silence", "when"),
    [
        pytest.param(None, jakarta("20:00:00"), 6, jakarta("02:00:00", "2026-11-23"), id="without quiet hours"),
        pytest.param(NEVER, jakarta("07:00:00"), 6, jakarta("13:00:00"), id="an empty stretch"),
        pytest.param(NIGHT, jakarta("20:00:00"), 6, jakarta("10:00:00", "2026-11-23"), id="the night does not count"),
        pytest.param(NIGHT, jakarta("16:00:00"), 6, jakarta("22:00:00"), id="just before the night"),
        pytest.param(NIGHT, jakarta("23:00:00"), 1, jakarta("07:00:00", "2026-11-23"), id="written in the night"),
        pytest.param(LUNCH, jakarta("11:00:00"), 6, jakarta("18:30:00"), id="lunch does not count"),
    ],
)
def test_silent_at(quiet, last, silence, when):
    """The instant of silence is told beforehand, to the second."""
    assert silent_at(quiet, last, silence * HOUR) == when


year = st.integers(0, 366 * 86_400 * 8).map(lambda eighths: unix("2026-01-01T00:00:00Z") + eighths / 8)


@given(st.sampled_from([None, NEVER, *EVERY]), year, st.integers(1, 3 * 86_400 * 8).map(lambda eighths: eighths / 8))
def test_inverse(quiet, last, silence):
    """At the instant of silence exactly that much counts, and a moment before it less: a deadline can trust it."""
    when = silent_at(quiet, last, silence)
    assert counted_silence(quiet, last, when) == silence
    assert counted_silence(quiet, last, when - 0.125) == silence - 0.125


@given(st.sampled_from(EVERY), year.map(lambda when: when // 60 * 60), st.integers(0, 2200))
def test_minute_by_minute(quiet, last, minutes):
    """What counts is what one finds minute by minute on the platform's own clock."""
    loud = sum(not quiet.holds(last + 60 * minute) for minute in range(minutes))
    assert counted_silence(quiet, last, last + 60 * minutes) == 60 * loud


@given(st.sampled_from(EVERY), year)
def test_edges_turn(quiet, now):
    """The next edge is the first moment at which the quiet hours begin or end."""
    edge = quiet.next_edge(now)
    assert edge > now
    assert quiet.holds(edge) is not quiet.holds(now)
    assert quiet.holds(max(now, edge - 0.125)) is quiet.holds(now)
    assert quiet.holds(now + (edge - now) / 2) is quiet.holds(now)

"""The table of faults has each of the 55 rows, and says of each what is known."""

from __future__ import annotations

from tests.faults import report


def test_every_row_has_its_line():
    """Each number of the catalogue is a test of ours or named elsewhere, never both and never neither."""
    ours = {int(number.split()[0]) for number in report.rows()}
    assert ours | report.ELSEWHERE.keys() == set(range(1, report.ROWS + 1))
    assert not ours & report.ELSEWHERE.keys()


def test_measured_and_not():
    """A measured row shows its seconds, one without a reason says so, and what was not run is not made up."""
    told = {"number": "1", "fault": "x", "form": "short", "bound_s": 1, "seconds": 0.25}
    quiet = {"number": "20", "fault": "y", "form": "short", "bound_s": 4, "seconds": None}
    text = report.table([told, quiet], {"1": "x", "20": "y", "2": "z"})
    assert "| 1 | x | 1 | 0.25 | | not run |" in text
    assert "| 20 | y | | nothing may be shown, and nothing was | | not run |" in text
    assert "| 2 | z | | not run | | not run |" in text

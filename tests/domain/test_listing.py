"""Names in a sentence: all of a few, some of many."""

from __future__ import annotations

import pytest

from monitor.domain.listing import listed


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["A"], "A"),
        (["A", "B"], "A, B"),
        (list("ABCDE"), "A, B, C, D, E"),
        (list("ABCDEF"), "A, B, C, D, E +1"),
        (list("ABCDEFGHIJKLMNOP"), "A, B, C, D, E +11"),
    ],
)
def test_listed(names, text):
    """Up to five names stand there, of more the first five and the number of the others."""
    assert listed(names) == text

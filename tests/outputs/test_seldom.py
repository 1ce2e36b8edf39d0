"""What happens again and again is said once a minute, with how often it was not said."""

from __future__ import annotations

from monitor.outputs.seldom import KINDS, REST_S, Seldom


def test_once_a_minute():
    """Each kind is said at once, and not again before its minute is over; then it is told how often it was."""
    now = 0.0
    seldom = Seldom(lambda: now)
    assert [seldom.unsaid(kind) for kind in ("a", "b", "a", "a", "b")] == [0, 0, None, None, None]
    now = REST_S - 0.1
    assert seldom.unsaid("a") is None
    now = REST_S
    assert [seldom.unsaid("a"), seldom.unsaid("a"), seldom.unsaid("b")] == [3, None, 1]


def test_kinds():
    """Of endless kinds no more are said, nor remembered."""
    now = 0.0
    seldom = Seldom(lambda: now)
    said = [seldom.unsaid(str(number)) for number in range(3 * KINDS)]
    assert said == [0] * KINDS + [None] * 2 * KINDS
    assert len(seldom._said) == len(seldom._unsaid) == KINDS
    now = REST_S
    assert seldom.unsaid("new") == 0

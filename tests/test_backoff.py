"""Waiting before trying again: longer each time, within bounds, never in step with others."""

from __future__ import annotations

from monitor.backoff import Backoff


def test_doubles():
    """Each ceiling is twice the one before, up to the most; a wait lies within a fifth of it and all of it."""
    backoff = Backoff(first=0.05, most=5.0)
    for attempt in range(40):
        ceiling = min(5.0, 0.05 * 2**attempt)
        assert backoff.attempt == attempt
        assert 0.2 * ceiling <= backoff.next() <= ceiling


def test_jitter():
    """Two that lost the same thing at the same time do not come back in step."""
    assert len({Backoff(first=1.0).next() for _ in range(100)}) > 90


def test_reset():
    """When all is back, the next loss is tried again quickly."""
    backoff = Backoff(first=0.05, most=5.0)
    for _ in range(10):
        backoff.next()
    backoff.reset()
    assert backoff.attempt == 0
    assert backoff.next() <= 0.05


def test_for_ever():
    """A loss of a year does not overflow."""
    backoff = Backoff()
    backoff.attempt = 10**7
    assert backoff.next() <= 5.0

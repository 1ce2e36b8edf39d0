"""The six promises of a watch, over generated histories."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from tests.promises.histories import History, broken, histories


@settings(max_examples=200, deadline=None)
@given(histories())
def test_promises(history: History):
    """Whatever happens, every promise is kept to every follower, and at rest all hold what the server holds."""
    assert broken(history) == {}


@pytest.mark.prove
@settings(max_examples=10_000, deadline=None)
@given(histories(most=120))
def test_promises_long(history: History):
    """So it is in ten thousand histories."""
    assert broken(history) == {}

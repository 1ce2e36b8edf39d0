"""The six promises over real sockets: the real server, WebSocket plain and compressed, server-sent events."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.promises.histories import acts
from tests.promises.sockets import broken_over_sockets

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def lives(most: int) -> Any:
    return st.lists(acts(), min_size=20, max_size=most)


def broken(kind: str, history: list[Any]) -> dict[str, str]:
    loop = LOOPS[kind]()
    try:
        return loop.run_until_complete(broken_over_sockets(history))
    finally:
        loop.close()


@pytest.mark.parametrize("kind", LOOPS)
@settings(max_examples=5, deadline=None, derandomize=True)
@given(history=lives(60))
def test_promises(kind: str, history: list[Any]):
    """Over real connections, whatever happens to them, every promise is kept."""
    assert broken(kind, history) == {}


@pytest.mark.prove
@pytest.mark.parametrize("kind", LOOPS)
@settings(max_examples=100, deadline=None)
@given(history=lives(120))
def test_promises_long(kind: str, history: list[Any]):
    """So it is in two hundred histories."""
    assert broken(kind, history) == {}

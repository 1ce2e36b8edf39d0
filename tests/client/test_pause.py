"""How long a subscription waits before it tries again."""

from __future__ import annotations

import pytest

from monitor.client import Unauthorized, Unreachable
from monitor.client.pause import Pause

LOST = Unreachable("lost")


def test_doubling():
    """The step doubles from half a second to half a minute, and begins anew when the line is followed again."""
    pause = Pause(lambda: 1.0)
    assert [pause.next(LOST) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    pause.reset()
    assert pause.next(Unauthorized("expired")) == 0.5


def test_jitter():
    """Any moment of the step, down to its beginning."""
    pause = Pause(iter([0.0, 0.5, 0.25]).__next__)
    assert [pause.next(LOST) for _ in range(3)] == [0.0, 0.5, 0.5]


def test_restart():
    """After a restart all come back within five seconds, however often it happens."""
    pause = Pause(lambda: 1.0)
    assert [pause.next(Unreachable("restart", restarting=True)) for _ in range(3)] == [5, 5, 5]
    assert pause.next(LOST) == 0.5


@pytest.mark.parametrize(("asked", "wait"), [(10, 10.5), (0, 0.5), (1e9, 3600.5)])
def test_asked(asked, wait):
    """What the server asks for is kept to, with the jitter on top; but nobody is sent away for a day."""
    assert Pause(lambda: 1.0).next(Unreachable("full", retry_after=asked)) == wait

"""What identifies a signal, and what of the way in may be shown."""

from __future__ import annotations

import pytest

from monitor.domain.brokering import BrokerSettings, Figures, Relay
from monitor.secret import Secret


@pytest.mark.parametrize(
    ("keys", "payload", "identity"),
    [
        (("id",), {"id": 7, "body": "text"}, (7,)),
        (("table", "op", "id"), {"id": 7, "op": "UPDATE", "table": "conversations"}, ("conversations", "UPDATE", 7)),
        (("id",), {"id": 0}, (0,)),
        (("table", "op", "id"), {"op": "DELETE", "table": "cluster_assignments"}, None),
        (("id",), {"id": None}, None),
        (("id",), {"id": {"n": 7}}, None),
        (("id",), {}, None),
    ],
)
def test_identify(keys, payload, identity):
    """A signal is known by all of its keys, in their order; where one is absent or no plain value, it is not known."""
    assert Relay("message", keys).identify(payload) == identity


def test_secret():
    """The shared secret stands in no picture of the settings."""
    secret = Secret("canary-of-the-secret")
    settings = BrokerSettings("http://h", "socket.io", "/", "join", "inbox", "stats", {}, {"sub": "m"}, secret)
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("told", "subscribers", "listens"),
    [
        ({"subscribers": 12, "listens": False}, 12, False),
        ({"subscribers": 0, "listens": True, "more": 1}, 0, True),
        ({"subscribers": True, "listens": 1}, None, None),
        ({"subscribers": -1, "listens": "yes"}, None, None),
        ({"subscribers": "12"}, None, None),
        ({}, None, None),
        ("fine", None, None),
        (None, None, None),
    ],
)
def test_figures(told, subscribers, listens):
    """Of what a broker tells of itself only what makes sense is believed."""
    assert Figures.read(told, 2.5) == Figures(2.5, subscribers, listens)

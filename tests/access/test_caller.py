"""A caller's name, and how a refusal is told."""

from __future__ import annotations

import pytest

from monitor.access.caller import Caller, Level, RefusedError


def test_levels_include():
    """Who may edit may follow, and who may follow may read."""
    assert Level.PUBLIC < Level.READ < Level.STREAM < Level.EDIT


def test_key():
    """A user is told by the row, since a name may be given twice; everybody else by the name."""
    assert Caller("user", "Ayu", Level.EDIT, user_id="7").key == "user:7"
    assert Caller("token", "router", Level.STREAM).key == "token:router"


@pytest.mark.parametrize(
    ("code", "status", "close"),
    [
        ("sign_in", 401, 4401),
        ("expired", 401, 4401),
        ("revoked", 401, 4403),
        ("inactive", 403, 4403),
        ("wrong_role", 403, 4403),
        ("scope", 403, 4403),
    ],
)
def test_refusal(code, status, close):
    """Where a new credential helps it is 401 and 4401; a revoked one is closed for good."""
    refused = RefusedError(code)
    assert (refused.status, refused.close_code) == (status, close)

"""The table of reasons: each code is said as the wire says it, and what it brings along has a name of the wire's."""

from __future__ import annotations

import re

import pytest

from monitor.domain.document import ORDER
from monitor.domain.reasons import REASONS

GROUPS = {*ORDER, "cron", "monitor", "service", "settings", "unknown"}


@pytest.mark.parametrize("code", REASONS)
def test_codes(code):
    """A code is group.word, of a group that is watched, and its parameters are named as keys of the wire are."""
    group, word = code.split(".")
    assert group in GROUPS
    for name in (word, *REASONS[code]):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name

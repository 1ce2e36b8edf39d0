"""A setting and its record are both there or both absent, whatever is killed amid an edit."""

from __future__ import annotations

from random import Random

import pytest

from tests.editing import dawdle, kill_amid, whole


@pytest.mark.parametrize("seed", range(5))
async def test_killed_amid_an_edit(platform, seed):
    """The process that edits is killed at any moment, every other time its session with it: no edit is torn."""
    await dawdle(platform)
    await kill_amid(platform, Random(seed), end_session=seed % 2 == 1)
    version, edits = await whole(platform.connection)
    assert edits == version - 1

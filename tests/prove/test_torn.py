"""The long form: fifty kills amid an edit, and crashes of the database, leave none torn; two steps would be found."""

from __future__ import annotations

from collections import Counter
from random import Random

import asyncpg
import pytest

from tests.bench.stage import stage
from tests.editing import dawdle, kill_amid, whole

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]
KILLS = 50


async def test_fifty_kills(tmp_path):
    """Of fifty kills each leaves setting and record both there or both absent; some fell before an edit, some after."""
    chance, fell = Random(8), Counter()
    async with stage() as (platform, _):
        await dawdle(platform)
        for number in range(KILLS):
            before, _ = await whole(platform.connection)
            await kill_amid(platform, chance, end_session=number % 2 == 1)
            version, edits = await whole(platform.connection)
            assert edits == version - 1, number
            fell[version - before] += 1
    assert fell[0] > 5
    assert fell[1] > 5


async def test_a_crash(tmp_path):
    """The database crashes amid an edit: after its recovery none is torn."""
    chance = Random(9)
    async with stage(durable=True) as (platform, _):
        await dawdle(platform)
        for number in range(8):
            await crash_amid(platform, chance)
            version, edits = await whole(platform.connection)
            assert edits == version - 1, number


async def crash_amid(platform, chance):
    async def crash() -> None:
        platform.postgres.kill()
        platform.postgres.start()
        platform.connection = await asyncpg.connect(platform.dsn)

    await kill_amid(platform, chance, crash=crash)


async def test_two_steps_are_found(tmp_path):
    """One who writes the setting and then its record is found by the same kills."""
    chance = Random(10)
    async with stage() as (platform, _):
        await dawdle(platform)
        for _ in range(KILLS):
            await kill_amid(platform, chance, torn=True)
            version, edits = await whole(platform.connection)
            if edits != version - 1:
                return
    pytest.fail("no edit was torn by fifty kills")

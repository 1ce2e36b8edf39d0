"""The long form of the oracle: 500 comparisons and more under 50 kills, and crashes, restarts and lost networks."""

from __future__ import annotations

import random

import pytest

from tests.integration.test_oracle import SCHEMES, judge
from tests.ordeal import Form, ordeal

pytestmark = [pytest.mark.prove, pytest.mark.timeout(2400)]
COMPARED, KILLS = 500, 50
OTHERS = ("crash", "restart", "network", "network", "reset", "pause", "deaf", "kill_all")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("seed", [11, 12])
async def test_the_oracle_agrees_for_long(tmp_path, scheme, seed):
    """500 reports and more, 50 sessions ended and 24 other faults: none wrong, none late, in sync when all is well."""
    faults = ["kill"] * KILLS + list(OTHERS) * 3
    random.Random(seed).shuffle(faults)
    # A recount that counts 100,000 rows rests twenty times as long as it took, and only then is all in sync again.
    form = Form(scheme, tuple(faults), rest_s=(1, 6), copied=100_000, late_s=3, fresh_s=8)
    async with ordeal(tmp_path, form, seed=seed) as one:
        account = await one.run(seed, lambda: one.oracle.account.compared >= COMPARED)
    judge(account)
    assert account.compared >= COMPARED
    assert account.faults["kill"] >= KILLS

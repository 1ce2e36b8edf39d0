"""The numbers stay true whatever happens: every report equals the change log's count of the very snapshot it names."""

from __future__ import annotations

import pytest

from tests.ordeal import Form, ordeal

SCHEMES = ["recount", "deltas"]
SHORT = ("kill", "deaf", "crash", "restart")
IN_SYNC = 0.95


def judge(account):
    """Nothing wrong, nothing late, and in sync whenever nothing was broken."""
    print(account)
    assert account.wrong == []
    assert account.late == []
    assert account.in_sync >= IN_SYNC


@pytest.mark.timeout(150)
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_oracle_agrees(tmp_path, scheme):
    """Under random writers and four kinds of faults no report is wrong or late, and it is in sync when all is well."""
    async with ordeal(tmp_path, Form(scheme, SHORT), seed=1) as one:
        account = await one.run(1, lambda: one.oracle.account.compared >= 50)
    judge(account)
    assert account.compared >= 50


@pytest.mark.prove
async def test_a_daemon_that_does_not_recount_is_found(tmp_path):
    """Without its recount after LISTEN the same daemon is caught: late, or honest about not being in sync for long."""
    form = Form(faults=("deaf",), sweep_s=30, module="tests.mutants no_recount_on_reconnect")
    async with ordeal(tmp_path, form, seed=2) as one:
        account = await one.run(2)
    with pytest.raises(AssertionError):
        judge(account)
    assert account.wrong == []


@pytest.mark.prove
async def test_a_daemon_that_counts_twice_is_found(tmp_path):
    """Without the filter by transaction the same daemon is caught: what its snapshot saw is counted once more."""
    form = Form("deltas", ("kill",) * 3, per_s=60, module="tests.mutants no_xid_filter")
    async with ordeal(tmp_path, form, seed=3) as one:
        account = await one.run(3)
    print(account)
    assert account.wrong

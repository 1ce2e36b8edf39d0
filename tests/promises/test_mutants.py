"""Each validator can say no: a server or a follower that breaks a promise is found out by that very promise."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, find, settings

from tests.promises.histories import History, broken, histories
from tests.promises.mutants import MUTANTS
from tests.promises.validators import PROMISES

SEARCH = settings(
    max_examples=1500,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", MUTANTS)
def test_killed(name):
    """The validators that belong to this fault find it, each in a history that is lived through as it should be."""
    parts, promises = MUTANTS[name]
    missing = set(promises)

    def found(history: History) -> bool:
        missing.difference_update(broken(history, parts))
        return not missing

    assert broken(find(histories(), found, settings=SEARCH)) == {}


def test_every_promise():
    """There is a mutant for every promise."""
    assert {promise for _, promises in MUTANTS.values() for promise in promises} == {*PROMISES, "at rest"}

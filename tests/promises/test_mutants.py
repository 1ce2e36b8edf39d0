"""Each validator can say no: a server or a follower that breaks a promise is found out by that very promise."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, find, settings

from tests.promises.deeds import DEEDS
from tests.promises.histories import History, broken, histories
from tests.promises.mutants import MUTANTS
from tests.promises.validators import PROMISES

SEARCH = settings(
    max_examples=3000,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("name", MUTANTS)
def test_killed(name):
    """In a history in which every promise is kept, the mutant breaks the ones that it should."""
    parts, promises = MUTANTS[name]
    assert broken(DEEDS[name]) == {}
    assert promises <= broken(DEEDS[name], parts).keys()


def test_every_promise():
    """There is a mutant for every promise."""
    assert {promise for _, promises in MUTANTS.values() for promise in promises} == {*PROMISES, "at rest"}


@pytest.mark.prove
@pytest.mark.parametrize("name", MUTANTS)
def test_found(name):
    """The generated histories find every mutant without being told where to look."""
    parts, promises = MUTANTS[name]

    def found(history: History) -> bool:
        return promises <= broken(history, parts).keys()

    find(histories(), found, settings=SEARCH)

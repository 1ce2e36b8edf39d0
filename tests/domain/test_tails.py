"""The tails of counts: against sums of the exact probabilities, for all three families."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.tails import at_least, at_most, none_at_all, too_few, too_many

CASES = [
    pytest.param(0.25, 2.5, id="a quiet night, in bursts"),
    pytest.param(15.0, 120.0, id="five minutes of a day, in bursts"),
    pytest.param(180.0, 3000.0, id="an hour"),
    pytest.param(7.0, 7.0, id="pure chance"),
    pytest.param(22.0, 6.875, id="32 questions, most of them answered"),
    pytest.param(10.0, 10.0 * 4 / 14, id="14 questions"),
]


def probabilities(mean, variance):
    """Give P(X = 0), P(X = 1), ... by Panjer's recursion: p(k + 1) = p(k) (a + b / (k + 1))."""
    a = 1 - mean / variance
    b = mean * (1 - a) - a
    term = math.exp(-mean) if mean == variance else (mean / variance) ** (mean * mean / (variance - mean))
    count = 0
    while term > 1e-300 and count < 20_000:
        yield term
        count += 1
        term *= a + b / count


@pytest.mark.parametrize(("mean", "variance"), CASES)
def test_exact(mean, variance):
    """Both tails are the sums of the exact probabilities, to nine digits, where they are tiny as well."""
    exact = list(probabilities(mean, variance))
    assert none_at_all(mean, variance) == pytest.approx(exact[0], rel=1e-2 if mean == variance else 1e-9)
    near = {"rel": 1e-3} if mean == variance else {"rel": 1e-9, "abs": 1e-14}
    for count in (0, 1, 3, round(mean), round(mean + 3 * math.sqrt(variance))):
        assert at_most(count, mean, variance) == pytest.approx(min(1.0, sum(exact[: count + 1])), **near)
        assert at_least(count, mean, variance) == pytest.approx(sum(exact[count:]), **near)


def test_beyond():
    """Nothing is below no message; a count beyond the trials of a binomial is impossible."""
    assert at_most(-1, 5.0, 9.0) == 0.0
    assert at_least(0, 5.0, 9.0) == 1.0
    assert at_most(99, 10.0, 5.0) == 1.0
    assert at_least(99, 10.0, 5.0) == 0.0


@pytest.mark.parametrize(("mean", "variance"), CASES)
@pytest.mark.parametrize("alpha", [1e-2, 1e-4 / 18, 1e-9])
def test_limits(mean, variance, alpha):
    """The limits are the nearest counts that are rarer than alpha; where even no count is likely, there is none."""
    many = too_many(mean, variance, alpha)
    assert at_least(many, mean, variance) < alpha <= at_least(many - 1, mean, variance)
    few = too_few(mean, variance, alpha)
    if none_at_all(mean, variance) >= alpha:
        assert few is None
    else:
        assert at_most(few, mean, variance) < alpha <= at_most(few + 1, mean, variance)


def test_limits_of_a_crowd():
    """A platform that carries a million messages an hour has its limits as well."""
    assert 1_005_000 < too_many(1e6, 2e6, 1e-6) < 1_008_000
    assert 992_000 < too_few(1e6, 2e6, 1e-6) < 995_000


@given(mean=st.floats(0.05, 1e4), scatter=st.floats(0.1, 50), count=st.integers(0, 20_000))
def test_whole(mean, scatter, count):
    """Whatever is counted, the two tails are probabilities that make a whole."""
    below, above = at_most(count, mean, scatter * mean), at_least(count + 1, mean, scatter * mean)
    assert 0 <= below <= 1
    assert 0 <= above <= 1
    assert below + above == pytest.approx(1, abs=1e-7)

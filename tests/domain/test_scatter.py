"""Scatter: the line of Var on E is found again, fades, and never promises more certainty than there is."""

from __future__ import annotations

import math

import pytest

from monitor.domain.scatter import PHI_LEAST, Scatter

WIDE = Scatter.assumed(10.0, 0.1, least=1.2)


def shown(scatter, law, means=(2.0, 10.0, 40.0), times=3000, keep=1.0):
    """Show so many windows that stray exactly as far as the law says, above and below."""
    for number in range(times):
        mean = means[number % len(means)]
        strayed = math.sqrt(law(mean)) * (1 if number % 2 else -1)
        scatter = scatter.seen(mean, mean + strayed, keep)
    return scatter


def test_assumed():
    """Before anything was seen, what was assumed holds."""
    d, phi = WIDE.fit()
    assert (d, phi) == (pytest.approx(10.0), pytest.approx(0.1))
    assert WIDE.variance(20.0) == pytest.approx(10 * 20 + 0.1 * 400)


@pytest.mark.parametrize(("d", "phi"), [(4.2, 0.03), (7.5, 0.05), (10.0, 0.07), (1.5, 0.3)])
def test_learned(d, phi):
    """The D and phi by which windows scatter are found within 2 % once a few thousand were seen."""
    learned = shown(WIDE, lambda mean: d * mean + phi * mean * mean)
    assert learned.variance(30.0) == pytest.approx(30 * d + 900 * phi, rel=0.02)
    assert learned.variance(3.0) == pytest.approx(3 * d + 9 * phi, rel=0.1)


def test_never_too_sure():
    """Windows that hardly scatter at all still get the least variance, and a crowd the least difference of days."""
    learned = shown(WIDE, lambda mean: 0.1 * mean)
    assert learned.variance(4.0) == pytest.approx(1.2 * 4 + PHI_LEAST * 16)
    assert learned.fit()[1] == PHI_LEAST
    assert shown(WIDE, lambda mean: 8 * mean).fit()[1] == PHI_LEAST


def test_busy_hours_scatter_more():
    """Where quiet hours are regular and busy ones are not, each is told by the line, which may begin below zero."""
    learned = shown(WIDE, lambda mean: mean if mean < 20 else 6 * mean, means=(10.0, 30.0), times=20_000)
    assert learned.fit()[0] < 0
    assert learned.variance(30.0) == pytest.approx(180, rel=0.03)
    assert learned.variance(10.0) == pytest.approx(1.2 * 10 + PHI_LEAST * 100, rel=0.2)


def test_fades():
    """What was long ago fades: after the habits changed, the new scatter holds."""
    learned = shown(WIDE, lambda mean: 20 * mean)
    changed = shown(learned, lambda mean: 2 * mean + 0.05 * mean * mean, keep=0.99)
    assert learned.variance(10.0) > 190
    assert changed.variance(10.0) == pytest.approx(25, rel=0.05)


def test_one_mean_makes_no_line():
    """Where every window expects the same, no slope is made up."""
    learned = shown(WIDE, lambda mean: 5 * mean, means=(7.0,), times=20_000, keep=0.9)
    assert learned.fit()[1] == PHI_LEAST
    assert learned.variance(7.0) == pytest.approx(35, rel=0.01)

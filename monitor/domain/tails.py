"""How improbable a count is, when counts scatter more than chance (in bursts) or less (an answer to each question)."""

from __future__ import annotations

import math

_TINY = 1e-300
_PRECISE = 1e-12
_NEARLY_POISSON = 1e-4
"""Mean and variance that are nearer to each other than this (relatively) make a Poisson count: both families do."""


def at_most(count: int, mean: float, variance: float) -> float:
    """Give P(X <= count).

    A variance above the mean makes X a negative binomial count, one below it a binomial one with a real number of
    trials; both are the incomplete beta function (NIST DLMF 8.17.5).
    """
    if count < 0:
        return 0.0
    size, rate = _family(mean, variance)
    if size > 0:
        return _beta(size, count + 1, rate)
    trials = -size
    return 1.0 if count >= trials else _beta(trials - count, count + 1, rate)


def at_least(count: int, mean: float, variance: float) -> float:
    """Give P(X >= count), precise where it is tiny."""
    if count <= 0:
        return 1.0
    size, rate = _family(mean, variance)
    if size > 0:
        return _beta(count, size, 1 - rate)
    trials = -size
    return 0.0 if count - 1 >= trials else _beta(count, trials - count + 1, 1 - rate)


def none_at_all(mean: float, variance: float) -> float:
    """Give P(X = 0) without the detour."""
    size, rate = _family(mean, variance)
    return math.exp(size * math.log(rate)) if size > 0 else math.exp(-size * math.log(rate))


def too_many(mean: float, variance: float, alpha: float) -> int:
    """Give the least count whose P(X >= count) is below alpha."""
    low, high = 0, max(1, math.ceil(mean + 4 * math.sqrt(variance)))
    while at_least(high, mean, variance) >= alpha:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if at_least(middle, mean, variance) < alpha:
            high = middle
        else:
            low = middle
    return high


def too_few(mean: float, variance: float, alpha: float) -> int | None:
    """Give the greatest count whose P(X <= count) is below alpha; None when even no count at all is within chance."""
    if none_at_all(mean, variance) >= alpha:
        return None
    low, high = 0, max(1, math.ceil(mean))
    while high - low > 1:
        middle = (low + high) // 2
        if at_most(middle, mean, variance) < alpha:
            low = middle
        else:
            high = middle
    return low


def _family(mean: float, variance: float) -> tuple[float, float]:
    """Give the size (negative: the number of trials of a binomial) and the parameter of the beta function."""
    if abs(variance - mean) < _NEARLY_POISSON * mean:
        variance = mean * (1 + _NEARLY_POISSON)
    size = mean * mean / (variance - mean)
    return size, mean / variance if size > 0 else variance / mean


def _beta(a: float, b: float, x: float) -> float:
    """Give the regularized incomplete beta function I_x(a, b), by its continued fraction (NIST DLMF 8.17.22)."""
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return math.exp(scale) * _fraction(a, b, x) / a
    return 1 - math.exp(scale) * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Evaluate the continued fraction from its front (Lentz); it converges in about sqrt(max(a, b)) steps."""
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    value, step, change = d, 0, 0.0
    while abs(change - 1) > _PRECISE:
        step += 1
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        d = 1 / _not_zero(1 + even * d)
        c = _not_zero(1 + even / c)
        value *= d * c
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        d = 1 / _not_zero(1 + odd * d)
        c = _not_zero(1 + odd / c)
        change = d * c
        value *= change
    return value


def _not_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

"""How far counts scatter around what was expected: Var = D x E + phi x E^2, learned with memory that fades."""

from __future__ import annotations

from dataclasses import dataclass

PHI_LEAST = 0.02
"""What even a quiet platform's days differ by: 14 %."""
_ENOUGH = 20.0
"""Windows of more expected messages than this weigh hardly more: each is one draw of how a day goes."""
_SAME = 1e-9
_PRIOR_MESSAGES = 200.0
"""Weight of what is assumed before anything was seen, as if so many messages had shown it."""


@dataclass(frozen=True, slots=True)
class Scatter:
    """The sums of a regression of (count - expected)^2 / expected on expected, weighted by expected.

    Its line is D + phi x E. The weight is what makes it steady: a conversation that begins in an empty night is a
    hundred times the expected and says nothing of the day.
    """

    weight: float
    by_mean: float
    by_square: float
    strayed: float
    strayed_by_mean: float
    least: float
    phi_least: float

    @classmethod
    def assumed(cls, d: float, phi: float, *, least: float, phi_least: float = PHI_LEAST) -> Scatter:
        """Begin with an assumption, which little evidence will outweigh; no variance is less than that of the least."""
        empty = cls(0.0, 0.0, 0.0, 0.0, 0.0, least, phi_least)
        for mean in (5.0, 50.0):
            for _ in range(round(_PRIOR_MESSAGES / mean)):
                empty = empty.seen(mean, mean + (d * mean + phi * mean * mean) ** 0.5, 1.0)
        return empty

    def seen(self, expected: float, count: float, keep: float) -> Scatter:
        """Take one more window; `keep` is how much of the older weight is left."""
        heft = 1 / (1 + expected / _ENOUGH)
        weight, strayed = heft * expected, heft * (count - expected) ** 2
        return Scatter(
            self.weight * keep + weight,
            self.by_mean * keep + weight * expected,
            self.by_square * keep + weight * expected * expected,
            self.strayed * keep + strayed,
            self.strayed_by_mean * keep + strayed * expected,
            self.least,
            self.phi_least,
        )

    def fit(self) -> tuple[float, float]:
        """Give D and phi of the line. D may be negative, where busy hours scatter much more than quiet ones."""
        spread = self.weight * self.by_square - self.by_mean * self.by_mean
        slope = self.weight * self.strayed_by_mean - self.by_mean * self.strayed
        # Where every window expects the same there is no line to be drawn.
        steep = slope / spread if spread > _SAME * self.weight * self.by_square else 0.0
        phi = max(steep, self.phi_least)
        return (self.strayed - phi * self.by_mean) / self.weight, phi

    def variance(self, expected: float) -> float:
        """Give the variance of a count of which so much is expected."""
        d, phi = self.fit()
        square = expected * expected
        return max(d * expected + phi * square, self.least * expected + self.phi_least * square)

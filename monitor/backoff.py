"""How long to wait before trying again: doubling, with full jitter, so that many never come back in step."""

from __future__ import annotations

import random


class Backoff:
    """Waits in seconds: from `first`, doubling up to `most`."""

    def __init__(self, first: float = 0.05, most: float = 5.0) -> None:
        self._first = first
        self._most = most
        self.attempt = 0

    def reset(self) -> None:
        """Begin anew; call it only when what was lost is wholly back."""
        self.attempt = 0

    def next(self) -> float:
        """Give the next wait, and count the attempt."""
        ceiling: float = min(self._most, self._first * 2 ** min(self.attempt, 30))
        self.attempt += 1
        return random.uniform(0.2, 1.0) * ceiling  # noqa: S311 - jitter is no secret

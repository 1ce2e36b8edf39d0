"""How long to wait before the next try: full jitter, so that a thousand subscribers never come back in step."""

from __future__ import annotations

from collections.abc import Callable

from monitor.client.errors import Unreachable

FIRST_S, MOST_S = 0.5, 30.0
RESTART_S = 5.0
"""A daemon that restarts throws everybody out at once: over so long they come back."""
LONGEST_S = 3600.0
"""No server is believed that wants us to stay away for longer."""


class Pause:
    """Gives waits in seconds; `draw` gives a number from 0 to 1."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._ceiling = FIRST_S

    def reset(self) -> None:
        """Begin anew; call it only when the line is followed again."""
        self._ceiling = FIRST_S

    def next(self, trouble: Exception | None = None) -> float:
        """Give the wait after this trouble; what the server asked for is kept to, and the jitter comes on top."""
        if isinstance(trouble, Unreachable) and trouble.restarting:
            return self._draw() * RESTART_S
        ceiling, self._ceiling = self._ceiling, min(MOST_S, self._ceiling * 2)
        asked = trouble.retry_after if isinstance(trouble, Unreachable) else None
        return min(asked or 0.0, LONGEST_S) + self._draw() * ceiling

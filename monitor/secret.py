"""A value that never shows itself: not in a repr, a log line, a message, a pickle."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Holds a text that only `reveal` gives away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, at the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")

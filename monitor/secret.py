"""A value that never shows itself: not in a repr, a log line, a message, a pickle."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import NoReturn


class Secret:
    """Holds a text that only `reveal` gives away. It is no key of anything: its hash would be one of the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text, at the one place that needs it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        """Compare in a time that does not tell how much of it agrees."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_bytes(self._text), _bytes(other._text))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "***"

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled.")


def _bytes(text: str) -> bytes:
    # What came from the environment may hold bytes that are no text (PEP 383).
    return text.encode("utf-8", "surrogatepass")


def within(value: object) -> Iterator[Secret]:
    """Find every secret in a value and in all that it is made of: dataclasses, mappings, sequences."""
    if isinstance(value, Secret):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from within(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from within(key)
            yield from within(inner)
    elif isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from within(inner)

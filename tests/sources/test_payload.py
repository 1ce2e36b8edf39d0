"""Payloads: what any role may send to a channel becomes a mapping, or is said to be unreadable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import payload


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        ("{}", {}),
        ('{"id": 1, "table": "messages"}', {"id": 1, "table": "messages"}),
        (' {"a": {"b": [1, null, true]}} ', {"a": {"b": [1, None, True]}}),
        ('{"nama": "Ibu Sari é 🎓"}', {"nama": "Ibu Sari é 🎓"}),
        ('{"a": 1, "a": 2}', {"a": 2}),
    ],
)
def test_readable(text, value):
    """An object of JSON is what it says; no payload at all is a signal without facts."""
    assert payload.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "42",
        "null",
        "true",
        '"text"',
        "[]",
        "[{}]",
        "{",
        '{"a": NaN}',
        "{'a': 1}",
        '{"a": 1} {"b": 2}',
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        " ",
        "\0",
        '{"a":' * 5000 + "1" + "}" * 5000,
        "[" * 7999,
    ],
)
def test_unreadable(text):
    """What is no object of JSON is unreadable, and never an error."""
    assert payload.read(text) is None


@given(st.text(max_size=200))
def test_any(text):
    """No text makes it fail."""
    assert payload.read(text) is None or isinstance(payload.read(text), dict)

"""Texts that stand for something else: what fits a type, and how it is written then."""

from __future__ import annotations

import pytest

from monitor.domain.typed import canonical


@pytest.mark.parametrize("text", ["true", "TRUE", "True", "1", "yes", "Yes", "on", "ON", " true "])
def test_true(text):
    """Every word for yes is true, in large and small letters."""
    assert canonical("bool", text) == "true"


@pytest.mark.parametrize("text", ["false", "FALSE", "0", "no", "No", "off", "OFF", "\toff"])
def test_false(text):
    """Every word for no is false."""
    assert canonical("bool", text) == "false"


@pytest.mark.parametrize("text", ["", "2", "ja", "truefalse", "nil", "t", "enabled", "1.0"])
def test_no_bool(text):
    """Anything else is no bool."""
    assert canonical("bool", text) is None


@pytest.mark.parametrize(
    ("text", "written"),
    [("8", "8"), ("-3", "-3"), ("+5", "5"), ("007", "7"), (" 12 ", "12"), ("0", "0"), ("9" * 15, "9" * 15)],
)
def test_int(text, written):
    """A whole number is written without ornament."""
    assert canonical("int", text) == written


@pytest.mark.parametrize("text", ["", "1.5", "1e3", "0x10", "eight", "1_000", "--1", "9" * 16, "٣", "²"])
def test_no_int(text):
    """Anything else is none, a number that a page could not hold exactly as well."""
    assert canonical("int", text) is None


@pytest.mark.parametrize("kind", ["text", "choice"])
@pytest.mark.parametrize("text", ["", " id ", "true", "8"])
def test_text(kind, text):
    """A text is what it is."""
    assert canonical(kind, text) == text

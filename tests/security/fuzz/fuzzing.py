"""What fuzzing is made of: texts that are nearly JSON, and a check that is fed with them for as long as it takes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

MINUTE_S = 60.0
"""How long a target is fed in the long form."""
ODD = ("", '"', "\\", "\x00", "\ud83d", "\u2028", "\u202e", "🙂", "9" * 40, "x" * 500, "[" * 60, "{" * 60)
KNOWN = "0 -0 1e400 1e-400 18446744073709551616 null NaN true __proto__ constructor messages user bot INSERT"
WORDS = st.sampled_from([*ODD, *KNOWN.split()])
TEXT = st.text(max_size=12) | WORDS
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**31, 2**53, 2**63, 2**64, 10**30, -(2**63), 0.5])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def tables(
    known: dict[str, st.SearchStrategy[Any]], other: st.SearchStrategy[Any] = JSON
) -> st.SearchStrategy[dict[str, Any]]:
    """Make objects with these keys, each right, wrong or absent, and with others beside them."""
    return st.builds(
        lambda right, wrong, gone, more: {
            **{key: value for key, value in right.items() if key not in gone},
            **{key: value for key, value in wrong.items() if key not in gone},
            **more,
        },
        st.fixed_dictionaries(known),
        st.dictionaries(st.sampled_from(sorted(known)), other, max_size=2),
        st.sets(st.sampled_from(sorted(known)), max_size=2),
        st.dictionaries(TEXT, other, max_size=2),
    )


@st.composite
def written(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> str:
    """Write a value as JSON, and often spoil it: cut it, double a part of it, put something in between."""
    text = json.dumps(draw(values), ensure_ascii=draw(st.booleans()))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        to = draw(st.integers(at, min(len(text), at + 8)))
        text = text[:at] + draw(st.sampled_from(["", text[at:to] * 2]) | TEXT) + text[to:]
    return text.encode("utf-8", "replace").decode()


def feed(check: Callable[[Any], None], values: st.SearchStrategy[Any], examples: int) -> None:
    """Feed a check with so many values; what it raises is shrunk to the smallest that raises it."""
    _fed(check, values, examples, 0)


def feed_long(check: Callable[[Any], None], values: st.SearchStrategy[Any], seconds: float = MINUTE_S) -> int:
    """Feed a check for so many seconds, from other seeds each time; give the number of values."""
    until, examples = time.monotonic() + seconds, 1000
    for turn in itertools.count(1):
        _fed(check, values, examples, turn)
        if time.monotonic() >= until:
            return turn * examples
    raise AssertionError


def _fed(check: Callable[[Any], None], values: st.SearchStrategy[Any], examples: int, seed: int) -> None:
    @hypothesis.seed(seed)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(values)
    def run(value: Any) -> None:
        check(value)

    run()

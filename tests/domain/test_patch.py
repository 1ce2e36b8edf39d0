"""Merge patches: the twin of the page's own, held to the same vectors."""

from __future__ import annotations

import copy
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain import patch

VECTORS = Path(__file__).parents[1] / "vectors" / "merge_patch.json"

scalars = st.booleans() | st.sampled_from([0, 1, 2, 0.0, 1.0, "", "0", "a", "b"])
keys = st.sampled_from(["a", "b", "c", "d"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(keys, values, max_size=4)


def text(value):
    """Write JSON in one form: there, false, 0 and 0.0 differ."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize("case", orjson.loads(VECTORS.read_bytes()), ids=lambda case: case["name"])
def test_vectors(case):
    """Every case of RFC 7396, appendix A, and of our own comes out as on the page, and changes nothing given."""
    document, changes = copy.deepcopy(case["document"]), copy.deepcopy(case["patch"])
    assert text(patch.apply(document, changes)) == text(case["result"])
    assert text(document) == text(case["document"])
    assert text(changes) == text(case["patch"])


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (False, 0, False),
        (True, 1, False),
        (1, 1.0, False),
        ("1", 1, False),
        ("a", "a", True),
        ([1, [2]], [1, [2]], True),
        ([1, 2], (1, 2), True),
        ([1], [1, 1], False),
        ([0], [False], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"b": 1}, False),
        ({"a": {"b": 0}}, {"a": {"b": False}}, False),
        ({}, [], False),
        ([], {}, False),
    ],
)
def test_same(old, new, same):
    """Two values are the same when JSON writes them alike; Python's own equality is too kind."""
    assert patch.same(old, new) is same


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param({"a": 0}, {"a": False}, {"a": False}, id="0 becomes false"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": True}}, {"a": {"b": True}}, id="deep, 1 becomes true"),
        pytest.param({"a": 1, "b": 2}, {"b": 2}, {"a": None}, id="a key goes"),
        pytest.param({}, {"a": {}}, {"a": {}}, id="an empty object comes"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}, id="an object is emptied"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}, id="only the leaf that moved"),
        pytest.param({"a": [1, 2]}, {"a": [1, 3]}, {"a": [1, 3]}, id="an array is replaced whole"),
        pytest.param({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}, id="an object becomes an array"),
        pytest.param({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="a number becomes an object"),
        pytest.param({"a": {"b": [0]}}, {"a": {"b": [0]}}, {}, id="nothing"),
    ],
)
def test_diff(old, new, changes):
    """A patch holds what differs and nothing more."""
    assert text(patch.diff(old, new)) == text(changes)


@pytest.mark.life
@given(objects, objects)
def test_round_trip(old, new):
    """Over the wire and applied, a patch leads from any document to any other, and there is none between equals."""
    before = text(old)
    changes = orjson.loads(orjson.dumps(patch.diff(old, new)))
    assert text(patch.apply(old, changes)) == text(new)
    assert text(old) == before
    assert (changes == {}) is (text(old) == text(new))
    assert patch.diff(new, copy.deepcopy(new)) == {}


@pytest.mark.life
@given(objects, objects)
def test_same_is_text(old, new):
    """Two objects are the same exactly when their JSON is."""
    assert patch.same(old, new) is (text(old) == text(new))


def shared(old, new, changes):
    """Say whether all that the patch does not name is the very same object."""
    return all(
        shared(value, new[key], changes[key]) if key in changes else new[key] is value
        for key, value in old.items()
        if key not in changes or (isinstance(value, dict) and isinstance(changes[key], dict))
    )


@pytest.mark.life
@given(objects, objects)
def test_sharing(old, new):
    """What a patch does not touch is shared with the document before, at every depth."""
    changes = patch.diff(old, new)
    result = patch.apply(old, changes)
    assert shared(old, result, changes)
    assert result is not old

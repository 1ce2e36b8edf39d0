"""The SQL of a profile: its one row becomes facts, and what does not fit is said with file, column and mend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import ProfileError
from monitor.sources.queries import Query, describe, fits


@dataclass(frozen=True)
class Facts:
    count: int
    share: float | None
    names: list[str]


ROW: dict[str, Any] = {"count": 1, "share": 0.5, "names": ["a"], "more": "not asked for"}
QUERY = Query("facts.sql", "select 1", Facts)


def said(rows: list[dict[str, Any]]) -> str:
    with pytest.raises(ProfileError) as caught:
        QUERY.read(rows)
    return str(caught.value)


def test_load(tmp_path: Path):
    """A query is a file of its name in the profile's folder."""
    (tmp_path / "facts.sql").write_text("select 'é'", encoding="utf-8")
    assert Query.load(tmp_path, "facts", Facts) == Query("facts.sql", "select 'é'", Facts)


def test_missing(tmp_path: Path):
    """A file that is not there is named, with who needs it."""
    with pytest.raises(ProfileError, match=r"facts\.sql: the file is missing; the check Facts needs it\."):
        Query.load(tmp_path, "facts", Facts)


def test_read():
    """The columns become the facts; a column more is no matter."""
    assert QUERY.read([ROW]) == Facts(1, 0.5, ["a"])
    assert QUERY.read([{**ROW, "share": None, "names": []}]) == Facts(1, None, [])


@pytest.mark.parametrize("rows", [[], [ROW, ROW]])
def test_rows(rows):
    """Anything but one row is refused with the number of rows."""
    assert said(rows) == f"facts.sql: gives {len(rows)} rows; make it give exactly one."


@pytest.mark.parametrize(
    ("column", "mend"), [("count", "int8"), ("share", "float8 (null allowed)"), ("names", "text[] without nulls")]
)
def test_column(column, mend):
    """A missing column is named with the type that it should have."""
    row = {key: value for key, value in ROW.items() if key != column}
    assert said([row]) == f'facts.sql: gives no column "{column}"; add it, as {mend}.'


@pytest.mark.parametrize(
    ("column", "value", "kind", "mend"),
    [
        ("count", "1", "str", "int8"),
        ("count", True, "bool", "int8"),
        ("count", 1.0, "float", "int8"),
        ("count", None, "NoneType", "int8"),
        ("share", 1, "int", "float8 (null allowed)"),
        ("names", ("a",), "tuple", "text[] without nulls"),
        ("names", [None], "list", "text[] without nulls"),
        ("names", [1], "list", "text[] without nulls"),
    ],
)
def test_type(column, value, kind, mend):
    """A column of another type is named with the cast that mends it."""
    assert said([{**ROW, column: value}]) == f'facts.sql: column "{column}" gives {kind}; cast it to {mend}.'


def test_words():
    """Every type that a fact may have has its name in PostgreSQL."""
    assert [describe(hint) for hint in (int, float, str, bool, list[int])] == [
        "int8",
        "float8",
        "text",
        "bool",
        "int8[] without nulls",
    ]
    assert fits(False, bool)
    assert not fits(0, bool)


@dataclass(frozen=True)
class Pairs:
    name: list[str]
    count: list[int]
    share: float


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"name": ["a", None], "count": [1, 2], "share": 0.5}, '"name"'),
        ({"name": ["a", "b"], "count": [1, 2.0], "share": 0.5}, '"count"'),
        ({"name": ["a", "b"], "count": [1], "share": 0.5}, "name 2, count 1"),
        ({"name": [], "count": [], "share": float("nan")}, '"share"'),
        ({"name": [], "count": [], "share": float("inf")}, '"share"'),
    ],
)
def test_arrays(row, words):
    """Every element of an array is looked at, arrays are as long as one another, and numbers are finite."""
    with pytest.raises(ProfileError, match=r"pairs\.sql") as caught:
        Query("pairs.sql", "", Pairs).read([row])
    assert words in str(caught.value)

"""The named SQL of a profile: each file gives one row, whose columns are the fields of one check's facts."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Literal

from monitor.errors import ProfileError

Outcome = Literal["answered", "turned away", "lost"]
"""How a question ended: with facts, with a no of the database's, or with no session to ask it on."""
POSTGRES = {int: "int8", float: "float8", str: "text", bool: "bool"}
"""What to cast a column to, so that it gives the type that its fact has."""


@dataclass(frozen=True, slots=True)
class Query:
    """One file of SQL and the facts that it gives."""

    name: str
    sql: str
    facts: type

    @classmethod
    def load(cls, folder: Traversable, name: str, facts: type) -> Query:
        """Read `name`.sql of a profile's folder; a missing file is a `ProfileError`."""
        path = folder / f"{name}.sql"
        try:
            return cls(f"{name}.sql", path.read_text(encoding="utf-8"), facts)
        except FileNotFoundError:
            raise ProfileError(f"{name}.sql: the file is missing; the check {facts.__name__} needs it.") from None

    def read(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Make the facts of the query's only row; what does not fit is a `ProfileError` with file, column and mend."""
        if len(rows) != 1:
            raise ProfileError(f"{self.name}: gives {len(rows)} rows; make it give exactly one.")
        row = rows[0]
        hints = typing.get_type_hints(self.facts)
        values = {}
        for field in dataclasses.fields(self.facts):
            if field.name not in row.keys():  # noqa: SIM118 - an asyncpg record's `in` looks at its values
                raise ProfileError(
                    f'{self.name}: gives no column "{field.name}"; add it, as {describe(hints[field.name])}.'
                )
            value = row[field.name]
            if not fits(value, hints[field.name]):
                raise ProfileError(
                    f'{self.name}: column "{field.name}" gives {type(value).__name__}; '
                    f"cast it to {describe(hints[field.name])}."
                )
            values[field.name] = value
        lengths = {name: len(value) for name, value in values.items() if isinstance(value, list)}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ProfileError(f"{self.name}: its arrays differ in length ({told}); aggregate the same rows for each.")
        return self.facts(**values)


def fits(value: object, hint: Any) -> bool:
    """Say whether a value has the type that a fact declares, each element of a list as well; a float must be finite."""
    if isinstance(hint, types.UnionType):
        return any(fits(value, one) for one in hint.__args__)
    if typing.get_origin(hint) is list:
        (element,) = typing.get_args(hint)
        return isinstance(value, list) and all(fits(one, element) for one in value)
    return type(value) is hint and (not isinstance(value, float) or math.isfinite(value))


def describe(hint: Any) -> str:
    """Name the PostgreSQL type for a fact's type."""
    if isinstance(hint, types.UnionType):
        return f"{describe(hint.__args__[0])} (null allowed)"
    if typing.get_origin(hint) is list:
        return f"{describe(typing.get_args(hint)[0])}[] without nulls"
    return POSTGRES[hint]

"""Reads TOML: a file, a value, and one table key by key, noting each mistake with its key, its value and its mend."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.errors import ConfigError


def read(path: Path) -> dict[str, Any]:
    """Read a file; a `ConfigError` names the line that is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); name a file that exists."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The line is named, never quoted: it may hold a password.
        where = re.search(r"at line \d+", str(error))
        place = where[0] if where else "to its end, or not in UTF-8"
        raise ConfigError([f"{path}: is not TOML {place}; mend it there."]) from None
    except RecursionError:
        raise ConfigError([f"{path}: has values within values without end; no key needs more than three."]) from None


def value(text: str) -> Any:
    """Read a number, a boolean or a list as a file would; anything else is a text that needs no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def lay(table: dict[str, Any], section: str, values: Mapping[str, Any]) -> None:
    """Lay values over a section of a table; one that is no table is left for `Reader` to refuse."""
    present = table.get(section, {})
    if isinstance(present, Mapping):
        table[section] = {**present, **values}


def lay_deep(table: dict[str, Any], section: str, values: Mapping[str, Any]) -> None:
    """Lay values over a section of a table, and tables within it over those that stand there."""
    present = table.get(section, {})
    if not values:
        return
    if not isinstance(present, Mapping):
        # A table in the place of a value is left for `Reader` to refuse.
        table[section] = dict(values)
        return
    merged = dict(present)
    for key, value in values.items():
        if isinstance(value, Mapping):
            lay_deep(merged, key, value)
        else:
            merged[key] = value
    table[section] = merged


class Reader:
    """One table of TOML: takes keys out, one by one, and notes what is wrong with them."""

    def __init__(self, table: Mapping[str, Any], path: str, mistakes: list[str]) -> None:
        self._left = dict(table)
        self._path = path
        self._mistakes = mistakes

    def wrong(self, key: str, value: object, mend: str) -> None:
        """Note a mistake; a secret's value must be given as None. A table is not shown: who knows what stands in it."""
        shown = f" is {value!r}:" if value is not None else ""
        if _holds_a_table(value):
            shown = " is a table:"
        self._mistakes.append(f"{self._path}{key}{shown or ':'} {mend}")

    def has(self, key: str) -> bool:
        return key in self._left

    def names(self) -> tuple[str, ...]:
        """Give the keys that nobody has taken yet."""
        return tuple(self._left)

    def text(self, key: str, default: str = "", *, one_of: tuple[str, ...] = (), needed: bool = False) -> str:
        value = self._left.pop(key, None)
        if value is None:
            if needed:
                self.wrong(key, None, "is missing; give it as a text in quotes.")
            return default
        if not isinstance(value, str) or (needed and not value):
            self.wrong(key, value, "give a text in quotes.")
        elif one_of and value not in one_of:
            self.wrong(key, value, f"give one of {', '.join(one_of)}.")
        else:
            return value
        return default

    def secret(self, key: str, default: str = "") -> str:
        value = self._left.pop(key, None)
        if value is not None and not isinstance(value, str):
            self.wrong(key, None, "give a text in quotes.")
            return default
        return default if value is None else value

    def number(self, key: str, default: float, least: float, most: float, *, whole: bool = False) -> float:
        value = self._left.pop(key, None)
        if value is None:
            return default
        kind = "a whole number" if whole else "a number"
        if (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not least <= value <= most
        ):
            self.wrong(key, value, f"give {kind} from {least:g} to {most:g}.")
            return default
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        value = self._left.pop(key, default)
        if not isinstance(value, bool):
            self.wrong(key, value, "give true or false.")
            return default
        return value

    def texts(self, key: str, *, one_of: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, value, "give a list of texts.")
            return ()
        for item in value:
            if one_of and item not in one_of:
                self.wrong(key, item, f"give only {', '.join(one_of)}.")
        return tuple(value)

    def numbers(self, key: str, default: tuple[int, ...], least: int, most: int) -> tuple[int, ...]:
        value = self._left.pop(key, None)
        if value is None:
            return default
        if not isinstance(value, list) or not value or not all(type(item) is int for item in value):
            self.wrong(key, value, f"give a list of whole numbers from {least} to {most}.")
        elif not all(least <= item <= most for item in value):
            self.wrong(key, value, f"give whole numbers from {least} to {most}.")
        else:
            return tuple(value)
        return default

    def table(self, key: str) -> Mapping[str, Any]:
        value = self._left.pop(key, {})
        if not isinstance(value, Mapping):
            # Not its value: an address with a password may stand where the table belongs.
            self.wrong(key, None, f"is no table; make it one: [{self._path}{key}].")
            return {}
        return value

    def part(self, key: str) -> Reader:
        """Read a table within this one."""
        return Reader(self.table(key), f"{self._path}{key}.", self._mistakes)

    def done(self, known: str) -> None:
        """Note every key that nobody took."""
        for key in self._left:
            # Not its value: it may be a password under a wrong name.
            self.wrong(key, None, f"is not known here; known: {known}.")


def _holds_a_table(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(_holds_a_table(inner) for inner in value))

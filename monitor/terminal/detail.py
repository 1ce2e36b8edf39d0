"""One entry in full: all that the document holds of it, whatever check it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from monitor.terminal.entries import Entry
from monitor.terminal.texts import NONE, ago, moment, number, quoted, stamp

_ABOVE = {"verdict", "reason", "headline", "also"}
"""What the title says already."""


def detail(entry: Entry, now: datetime, zone: ZoneInfo) -> RenderableType:
    """Draw its facts, then a table for each group of named things within it."""
    inner = entry.get("detail")
    rest = {key: value for key, value in entry.items() if key not in {*_ABOVE, "detail"}}
    groups: list[RenderableType] = []
    for facts in (rest, inner if isinstance(inner, Mapping) else {}):
        flat = dict(_flat(facts))
        if flat:
            groups.append(_facts(flat, now, zone))
        groups += [_Fitting(name, rows, now, zone) for name, rows in _tables(facts)]
    return Group(*groups)


def _flat(facts: Mapping[str, object], path: str = "") -> Iterator[tuple[str, object]]:
    """Give each plain value by its path; what is a table of its own is left out."""
    for key, value in facts.items():
        name = f"{path}{key}"
        if not isinstance(value, Mapping):
            yield name, value
        elif not value:
            yield name, NONE
        elif not _is_table(value):
            yield from _flat(value, f"{name}.")


def _tables(facts: Mapping[str, object], path: str = "") -> Iterator[tuple[str, Mapping[str, Mapping[str, object]]]]:
    for key, value in facts.items():
        if isinstance(value, Mapping):
            if _is_table(value):
                yield f"{path}{key}", value
            else:
                yield from _tables(value, f"{path}{key}.")


def _is_table(value: Mapping[str, object]) -> bool:
    return bool(value) and all(isinstance(row, Mapping) for row in value.values())


def _facts(flat: Mapping[str, object], now: datetime, zone: ZoneInfo) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column()
    for name, value in flat.items():
        grid.add_row(Text(quoted(name)), Text(shown(value, now, zone)))
    return Group(grid, Text(""))


class _Fitting:
    """A table where it fits; where it does not, its rows one below the other, each with its facts."""

    def __init__(self, name: str, rows: Mapping[str, Mapping[str, object]], now: datetime, zone: ZoneInfo) -> None:
        self._name, self._rows = name, rows
        self._now, self._zone = now, zone

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = _table(self._name, self._rows, self._now, self._zone)
        if Measurement.get(console, options.update(width=1000), table).maximum <= options.max_width:
            yield table
            return
        yield Text(quoted(self._name), style="italic")
        for key, row in self._rows.items():
            yield Text(f"  {quoted(str(key))}", style="bold")
            yield Padding(_facts(row, self._now, self._zone), (0, 0, 0, 4))


def _table(name: str, rows: Mapping[str, Mapping[str, object]], now: datetime, zone: ZoneInfo) -> RenderableType:
    columns = list(dict.fromkeys(key for row in rows.values() for key in row))
    table = Table(box=box.SIMPLE_HEAD, title=Text(quoted(name)), title_justify="left", pad_edge=False)
    table.add_column("")
    for column in columns:
        table.add_column(Text(quoted(column)))
    for key, row in rows.items():
        table.add_row(Text(quoted(str(key))), *(Text(shown(row.get(column), now, zone)) for column in columns))
    return table


def shown(value: object, now: datetime, zone: ZoneInfo) -> str:
    """Write a value of the document as one line."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case Mapping():
            return ", ".join(f"{quoted(str(key))} {shown(inner, now, zone)}" for key, inner in value.items())
        case list() | tuple():
            return ", ".join(shown(inner, now, zone) for inner in value)
        case _:
            at = moment(value)
            return f"{stamp(at, now, zone)} ({ago(value, now)})" if at is not None else quoted(str(value))

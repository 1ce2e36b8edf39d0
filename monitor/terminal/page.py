"""What is on the screen: the board, or one entry in full; drawn from the document alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from monitor.terminal.detail import detail
from monitor.terminal.entries import MARKS, PLAIN_MARKS, Entry, entries, figure, label, overall, verdict_of, why
from monitor.terminal.texts import ago, moment, quoted, sentence, stamp, word, zone_of

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "magenta"}
_TRANSITIONS = 8
_WIDE = 100
"""From this width on there is room for a reason's code before its sentence."""
_BOARD_KEYS = "↑↓ or j k: choose   Enter: in full   q: quit"
_DETAIL_KEYS = "↑↓ or j k: scroll   Esc: back   q: quit"


@dataclass(frozen=True, slots=True)
class View:
    """What there is to draw, at this instant of the server's clock; `age` is that of its last word, in seconds."""

    document: Mapping[str, Any]
    now: datetime
    age: float
    live: bool
    trouble: str | None


@dataclass(slots=True)
class Cursor:
    """Where the reader is: which entry is chosen, whether it is shown in full, how far that is scrolled."""

    chosen: str = ""
    opened: bool = False
    scroll: int = 0
    step: int = 10
    """Lines of a page; the last drawing knows."""

    def press(self, key: str, names: list[str]) -> None:
        """Move as a key says; the keys that leave are the screen's."""
        if self.opened:
            moves = {"up": -1, "down": 1, "page_up": -self.step, "page_down": self.step, "home": -(10**6), "end": 10**6}
            self.scroll = max(0, self.scroll + moves.get(key, 0))
            self.opened = key != "back"
            return
        if not names:
            return
        at = names.index(self.chosen) if self.chosen in names else 0
        last = len(names) - 1
        moves = {"up": at - 1, "down": at + 1, "home": 0, "end": last, "page_up": at - 5, "page_down": at + 5}
        self.chosen = names[min(last, max(0, moves.get(key, at)))]
        if key == "open":
            self.opened, self.scroll = True, 0


def rows(document: Mapping[str, Any]) -> list[str]:
    """Name what can be chosen, from top to bottom."""
    return list(entries(document))


class Page:
    """A drawing of one view; it fills the screen, and its middle scrolls to what is chosen."""

    def __init__(self, view: View | None, cursor: Cursor, waiting: str = "") -> None:
        self._view = view
        self._cursor = cursor
        self._waiting = waiting

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height, width = options.height or console.height, options.max_width
        lines = self._lines(console, options.update(width=width, height=None), height)
        if self._view is not None and not self._view.live:
            # What is on the screen may not be so any more; the words above say it, the grey repeats it.
            grey = Style(dim=True)
            lines = [lines[0], lines[1], *(list(Segment.apply_style(line, post_style=grey)) for line in lines[2:])]
        for at, line in enumerate(lines[:height]):
            yield from line
            if at < height - 1:
                yield Segment.line()

    def _lines(self, console: Console, options: ConsoleOptions, height: int) -> list[list[Segment]]:
        def drawn(what: RenderableType) -> list[list[Segment]]:
            return console.render_lines(what, options, pad=True)

        view, cursor = self._view, self._cursor
        if view is None:
            return drawn(Text(self._waiting, overflow="ellipsis", no_wrap=True))
        marks = MARKS if options.encoding.startswith("utf") else PLAIN_MARKS
        head = drawn(_head(view, marks))
        foot = drawn(Text(_DETAIL_KEYS if cursor.opened else _BOARD_KEYS, style="dim", no_wrap=True))
        room = cursor.step = max(1, height - len(head) - len(foot))
        entry = entries(view.document).get(cursor.chosen)
        if cursor.opened and entry is not None:
            body = drawn(
                Group(_title(cursor.chosen, entry, view, marks), detail(entry, view.now, zone_of(view.document)))
            )
            start = cursor.scroll = min(cursor.scroll, max(0, len(body) - room))
        else:
            body, start = [], 0
            for name, block in _board(view, cursor.chosen, marks, wide=options.max_width >= _WIDE):
                block_lines = drawn(block)
                if name == cursor.chosen and len(body) + len(block_lines) > room:
                    start = len(body) + len(block_lines) - room
                body += block_lines
        shown = body[start : start + room]
        blank = [[Segment(" " * options.max_width)]]
        return head + shown + blank * (room - len(shown)) + foot


def _head(view: View, marks: Mapping[str, str]) -> RenderableType:
    document, zone = view.document, zone_of(view.document)
    verdict = overall(document)
    status = str(document.get("status"))
    left = Text.assemble(
        (quoted(str(document.get("platform"))), "bold"),
        "  ",
        (f"{marks[verdict]} {word('status', status).upper()}", STYLES[verdict]),
        f" for {ago(document.get('since'), view.now)}",
    )
    counts = document.get("counts")
    counted = "  ".join(f"{name} {count}" for name, count in counts.items()) if isinstance(counts, Mapping) else ""
    if view.live:
        link = Text(f"live  {view.now.astimezone(zone):%H:%M:%S %Z}", style="green")
    else:
        link = Text(f"LINK LOST, data of {view.age:.0f} s ago", style="bold reverse yellow")
    top = Table.grid(expand=True, padding=(0, 2))
    top.add_column(no_wrap=True)
    top.add_column(justify="center", ratio=1, no_wrap=True)
    top.add_column(justify="right", no_wrap=True)
    top.add_row(left, Text(counted), link)
    told = view.trouble if not view.live and view.trouble else ""
    return Group(top, Text(told, style="yellow", no_wrap=True, overflow="ellipsis") if told else Rule(style="dim"))


def _grid() -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    for width in (1, 9, 20, 11, 6):
        grid.add_column(width=width, no_wrap=True, overflow="ellipsis")
    grid.add_column(ratio=1)
    return grid


def _why(entry: Entry, view: View, *, wide: bool) -> Text:
    if not entry.get("reason"):
        return Text("")
    code = f"{quoted(str(entry['reason']))} " if wide else ""
    return Text.assemble((code, "dim"), why(entry, view.now, zone_of(view.document)))


def _board(view: View, chosen: str, marks: Mapping[str, str], *, wide: bool) -> Iterator[tuple[str, RenderableType]]:
    """Give each block of the board, by the name of the entry that it shows."""
    section = ""
    for name, entry in entries(view.document).items():
        part, _, nested = name.partition("/")
        heading = part if part in {"cron", "services", "monitor"} else "checks"
        if heading != section and section:
            title = label(heading) if heading != "monitor" else "Monitor"
            yield "", Text(f"\n{title}" if nested else "", style="bold")
        section = heading
        verdict = verdict_of(entry)
        grid = _grid()
        grid.add_row(
            Text(">" if name == chosen else ""),
            Text(f"{marks[verdict]} {verdict.upper()}", style=STYLES[verdict]),
            Text(("  " if part == "cron" and nested else "") + label(name), style="bold" if name == chosen else ""),
            Text(figure(entry), justify="right"),
            Text(ago(entry.get("since"), view.now), justify="right"),
            _why(entry, view, wide=wide),
        )
        yield name, grid
    yield from (("", block) for block in _transitions(view, marks))


def _transitions(view: View, marks: Mapping[str, str]) -> Iterator[RenderableType]:
    told = view.document.get("transitions")
    found = [one for one in told.values() if isinstance(one, Mapping)] if isinstance(told, Mapping) else []
    if not found:
        return
    yield Text("\nLast transitions", style="bold")
    zone = zone_of(view.document)
    for one in sorted(found, key=lambda one: str(one.get("at")), reverse=True)[:_TRANSITIONS]:
        at, to = moment(one.get("at")), str(one.get("to"))
        said = sentence(one, view.now, zone) if one.get("reason") else ""
        yield Text.assemble(
            "  ",
            stamp(at, view.now, zone) if at is not None else "",
            f" {quoted(str(one.get('check')))} {quoted(str(one.get('from')))} → ",
            (f"{marks.get(to, '')} {quoted(to)}", STYLES.get(to, "")),
            (f"  {said}", "dim"),
        )


def _title(name: str, entry: Entry, view: View, marks: Mapping[str, str]) -> RenderableType:
    verdict = verdict_of(entry)
    zone = zone_of(view.document)
    head = Text.assemble(
        (label(name), "bold"), "  ", (f"{marks[verdict]} {verdict.upper()}", STYLES[verdict]), f"  {figure(entry)}"
    )
    lines = [head]
    if entry.get("reason"):
        lines.append(Text.assemble((f"{quoted(str(entry['reason']))}  ", "dim"), why(entry, view.now, zone)))
    also = entry.get("also")
    for code, one in also.items() if isinstance(also, Mapping) else ():
        said = sentence({**one, "reason": code}, view.now, zone, entry.get("since"))
        lines.append(Text.assemble(("also  ", "dim"), (f"{quoted(code)}  ", "dim"), said))
    return Group(*lines, Text(""))

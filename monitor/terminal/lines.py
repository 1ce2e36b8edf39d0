"""The document in lines, for pipes, logs and programs that ask once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from monitor.terminal.entries import Entry, entries, figure, overall, verdict_of, why
from monitor.terminal.texts import ago, quoted, stamp, zone_of


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any], now: datetime) -> Iterator[str]:
    """Give a line for each entry whose verdict or reason is another one than before, after that of the whole."""
    zone = zone_of(after)
    time = stamp(now, now, zone)
    old = entries(before) if before is not None else {}
    if before is None or overall(before) != overall(after):
        counts = ", ".join(f"{verdict} {count}" for verdict, count in after.get("counts", {}).items())
        yield f"{time} {overall(after):7} {quoted(str(after.get('status')))} ({counts})"
    for name, entry in entries(after).items():
        was = old.get(name)
        if was is None or meaning(was) != meaning(entry):
            turned = f" (was {verdict_of(was)})" if was is not None and verdict_of(was) != verdict_of(entry) else ""
            said = why(entry, now, zone) or figure(entry)
            yield f"{time} {verdict_of(entry):7} {quoted(name)}{turned}{f': {said}' if said else ''}"
    for name in old.keys() - entries(after).keys():
        yield f"{time} gone    {quoted(name)}"


def meaning(entry: Entry) -> tuple[str, object]:
    """Give what a line is worth printing for."""
    return verdict_of(entry), entry.get("reason")


def answer(document: Mapping[str, Any], name: str | None, now: datetime) -> str:
    """Give one line about one entry, or about the whole. It holds no `|`, where Nagios would look for figures."""
    zone = zone_of(document)
    if name is not None:
        entry = entries(document)[name]
        said = [text for text in (figure(entry), why(entry, now, zone), f"for {ago(entry.get('since'), now)}") if text]
        code = f" [{quoted(str(entry['reason']))}]" if entry.get("reason") else ""
        line = f"{verdict_of(entry).upper()} {quoted(name)}{code}: {'; '.join(said)}"
    else:
        told = entries({"checks": document.get("checks")})
        bad = [f"{one} {verdict_of(entry)}" for one, entry in told.items() if verdict_of(entry) != "ok"]
        well = f"all {len(told)} checks are ok" if told else "no check is known"
        line = f"{overall(document).upper()} {quoted(str(document.get('platform')))}: {', '.join(bad) or well}"
    return line.replace("|", "/")

"""What a document holds that has a verdict: by name, in order, and the verdict of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from monitor.domain.document import ORDER
from monitor.domain.verdict import BADNESS, Verdict
from monitor.terminal.texts import number, quoted, sentence, word

Entry = Mapping[str, Any]
MARKS = {"ok": "✓", "warn": "▲", "fail": "✗", "unknown": "?"}
PLAIN_MARKS = {"ok": "+", "warn": "!", "fail": "x", "unknown": "?"}
_UNITS = {"per_h": "/h", "per_min": "/min"}


def entries(document: Mapping[str, Any]) -> dict[str, Entry]:
    """Give all of them by the name that a person types: the checks in order, cron, jobs, services, monitor."""
    return dict(_walk(document))


def _walk(document: Mapping[str, Any]) -> Iterator[tuple[str, Entry]]:
    checks = _named(document.get("checks"))
    for name in sorted(checks, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
        yield name, checks[name]
    cron = document.get("cron")
    if isinstance(cron, Mapping) and "verdict" in cron:
        yield "cron", cron
        for name, job in sorted(_named(cron.get("jobs")).items()):
            yield f"cron/{name}", job
    for name, service in sorted(_named(document.get("services")).items()):
        yield f"services/{name}", service
    monitor = document.get("monitor")
    if isinstance(monitor, Mapping) and "verdict" in monitor:
        yield "monitor", monitor


def _named(section: object) -> dict[str, Entry]:
    if not isinstance(section, Mapping):
        return {}
    return {str(name): entry for name, entry in section.items() if isinstance(entry, Mapping) and "verdict" in entry}


def verdict_of(entry: Entry) -> str:
    """Give its verdict; one that this program does not know is unknown."""
    verdict = str(entry.get("verdict"))
    return verdict if verdict in MARKS else "unknown"


def overall(document: Mapping[str, Any]) -> str:
    """Give the verdict of the whole: that of the worst check (fail, warn, unknown, ok), none is unknown.

    It agrees with the daemon's status: healthy is ok, degraded is warn or fail, unknown is unknown.
    """
    verdicts = [Verdict(verdict_of(entry)) for entry in _named(document.get("checks")).values()]
    return max(verdicts, key=BADNESS.__getitem__, default=Verdict.UNKNOWN).value


def watched(document: Mapping[str, Any], name: str | None) -> str | None:
    """Give the verdict of one entry, or of the whole where none is named; None when there is no such entry."""
    if name is None:
        return overall(document)
    entry = entries(document).get(name)
    return verdict_of(entry) if entry is not None else None


def label(name: str) -> str:
    """Give the heading of an entry."""
    section, _, part = name.partition("/")
    if part:
        return quoted(part)
    return "Monitor" if name == "monitor" else word("check", section)


def figure(entry: Entry) -> str:
    """Write its headline: a value, of how many, in which unit."""
    headline = entry.get("headline")
    if not isinstance(headline, Mapping) or not isinstance(headline.get("value"), int | float):
        return ""
    text = number(headline["value"])
    if isinstance(headline.get("of"), int | float):
        text += f"/{number(headline['of'])}"
    unit = str(headline.get("unit", ""))
    return text + _UNITS.get(unit, f" {quoted(unit)}" if unit else "")


def why(entry: Entry, now: datetime, zone: ZoneInfo) -> str:
    """Give the sentence of its primary reason; nothing when there is none."""
    return sentence(entry, now, zone) if entry.get("reason") else ""

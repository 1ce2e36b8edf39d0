"""The page's own words and sentences, in English, and the platform's texts made fit for a terminal."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

QUOTED = 200
"""How much of a text from the platform is quoted."""
DAY = timedelta(days=1)
NONE = "-"
_MOMENTS = re.compile(r"^(since|at|from|to|last_fired)$|_at$")
_GROWING = {"elapsed_s": ("since", 1), "late_min": ("expected_at", 60)}
"""What grows by the clock is told from its beginning: since which parameter, and in how many seconds' steps."""
_GROUPS = {"parent": "check", "last_verdict": "verdict", "slowest": "question"}
_SPOKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal would obey, and marks that turn the direction of writing."""


@functools.cache
def _texts(name: str) -> Mapping[str, Any]:
    """Read one of the page's files: packed into the wheel, or from the page's sources beside us."""
    packed = resources.files("monitor") / "_texts" / name
    source = Path(__file__).parents[2] / "web" / "src" / "i18n" / name
    for file in (packed, source):
        if file.is_file():
            found: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return found
    return {}


def word(group: str, value: str) -> str:
    """Give the page's word for a value of the wire; the value itself where it has none."""
    known = _texts("words.json").get(group, {}).get(value)
    return str(known["en"]) if known else quoted(value)


def quoted(text: str) -> str:
    """Cut a text of the platform, and show its control characters instead of letting the terminal obey them."""
    cut = f"{text[:QUOTED]}…" if len(text) > QUOTED else text
    return _SPOKEN.sub(lambda found: chr(0x2400 + ord(found[0])) if ord(found[0]) < 0x20 else "\u2421", cut)


def number(value: float) -> str:
    """Write a number as a person reads it."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def moment(text: object) -> datetime | None:
    """Read a moment of the wire (RFC 3339); None when it is none."""
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) and "T" in text else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None


def zone_of(document: Mapping[str, Any]) -> ZoneInfo:
    """Give the platform's zone; UTC where this machine does not know it."""
    try:
        return ZoneInfo(str(document.get("zone", "UTC")))
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def stamp(at: datetime, now: datetime, zone: ZoneInfo, *, seconds: bool = True) -> str:
    """Write a moment by the platform's clock, with its day once it is more than one away."""
    local = at.astimezone(zone)
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M %Z}"
    return time if abs(now - at) < DAY else f"{local:%d %b %Y} {time}"


def ago(since: object, now: datetime) -> str:
    """Say how long ago a moment of the wire was, in its largest unit."""
    at = moment(since)
    if at is None:
        return NONE
    seconds = max(0, int((now - at).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def sentence(told: Mapping[str, Any], now: datetime, zone: ZoneInfo, since: object = None) -> str:
    """Give the sentence of a reason: `told` has its `reason` and `params`, and `since` is the check's own."""
    code, params = str(told.get("reason", "")), told.get("params")
    params = params if isinstance(params, Mapping) else {}
    since = told.get("since", since)
    template = _texts("reasons.json").get(code, {}).get("en")
    if template is None:
        more = ", ".join(f"{quoted(str(key))}={_value(key, value)}" for key, value in params.items())
        return quoted(code) + (f" ({more})" if more else "")
    return re.sub(r"\{(\w+)\}", lambda found: _filled(found[1], params, since, now, zone), template)


def _filled(name: str, params: Mapping[str, Any], since: object, now: datetime, zone: ZoneInfo) -> str:
    value = params.get(name)
    if _MOMENTS.search(name) or name == "slot":
        at = moment(value if value is not None else since if name == "since" else None)
        if at is not None:
            local = at.astimezone(zone)
            return f"{local:%A}s at {local:%H:%M}" if name == "slot" else stamp(at, now, zone, seconds=False)
        if name.startswith("last_"):
            return "never"
    if name in _GROWING:
        key, unit_s = _GROWING[name]
        began = moment(params.get(key, since if key == "since" else None))
        if began is not None:
            return number(max(0, int((now - began).total_seconds() / unit_s)))
    if name == "attempt" and value == 0:
        return "1"
    return _value(name, value)


def _value(name: str, value: object) -> str:
    match value:
        case bool():
            return word("flag", str(value).lower())
        case int() | float():
            return number(value)
        case list():
            return quoted(", ".join(map(str, value)))
        case str() if value:
            told = word(_GROUPS.get(name, name), value)
            return told.lower() if name == "sender" else told
        case _:
            return NONE


def now_of(as_of: datetime, age: float) -> datetime:
    """Give the time by the server's clock, so that ages are right on a machine whose clock is wrong."""
    return as_of.astimezone(UTC) + timedelta(seconds=age)

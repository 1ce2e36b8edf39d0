"""What a profile expects of the platform's settings: the form of each, read from its table."""

from __future__ import annotations

import re

from monitor.domain.checks.settings import LONGEST, Setting
from monitor.toml import Reader

MOST = 10**15 - 1
"""The largest number that is taken for one: it has fifteen digits."""


def read(reader: Reader) -> tuple[Setting, ...]:
    """Read the profile's table of settings, key by key; mistakes are noted."""
    settings = []
    for key in reader.names():
        part = reader.part(key)
        kind = part.text("type", "text", one_of=("text", "bool", "int", "choice"))
        pattern, choices = part.text("pattern"), part.texts("choices")
        needed, secret = part.flag("needed", default=True), part.flag("secret", default=False)
        minimum, maximum = _bound(part, "minimum", kind), _bound(part, "maximum", kind)
        longest = int(part.number("max_length", LONGEST, 1, LONGEST, whole=True))
        part.done("type, pattern, choices, needed, secret, minimum, maximum, max_length")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            part.wrong("pattern", pattern, f"is no regular expression: {error}.")
            pattern = ""
        if (kind == "choice") != bool(choices):
            part.wrong("choices", None, 'give the choices of a setting with type = "choice", and of no other.')
        if minimum is not None and maximum is not None and minimum > maximum:
            part.wrong("minimum", minimum, "give no more than the maximum.")
        settings.append(Setting(key, kind, pattern, choices, needed, secret, minimum, maximum, longest))
    return tuple(settings)


def _bound(part: Reader, key: str, kind: str) -> int | None:
    if not part.has(key):
        return None
    if kind != "int":
        part.wrong(key, None, 'give it to a setting with type = "int", and to no other.')
    return int(part.number(key, 0, -MOST, MOST, whole=True))

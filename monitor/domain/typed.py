"""Texts that stand for something else: how a flag or a setting of a given type is written, if it fits the type."""

from __future__ import annotations

import re

TRUE = {"true", "1", "yes", "on"}
FALSE = {"false", "0", "no", "off"}
"""What stands for a bool, in small letters."""
NUMBER = re.compile(r"[+-]?[0-9]{1,15}")
"""Whole numbers that every reader of JSON can hold as well: below 2^53."""


def canonical(kind: str, text: str) -> str | None:
    """Write a bool as true or false and an int without ornament, leave any other text; None when it does not fit."""
    match kind:
        case "bool":
            word = text.strip().lower()
            return "true" if word in TRUE else "false" if word in FALSE else None
        case "int":
            return str(int(text)) if NUMBER.fullmatch(text.strip()) else None
        case _:
            return text

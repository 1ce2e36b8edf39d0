"""Secrets that are planted wherever the system takes one, and the search for what of them comes out again."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from random import Random
from urllib.parse import quote, quote_plus

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
AMID = "\"\\é'/ %&+?#=;:@é"
"""What JSON, a URL, a line of a file and an address of PostgreSQL each write otherwise, or end at."""
WORD = 12


def forms(text: str) -> dict[str, set[str]]:
    """Give each way in which a text may stand in an output; made without a line of the product's."""
    escaped = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    escaped |= {json.dumps(one)[1:-1] for one in escaped}
    quoted = {quote(text), quote(text, safe=""), quote_plus(text)}
    quoted |= {re.sub("%..", lambda one: one[0].lower(), one) for one in quoted}
    return {
        "raw": {text},
        "JSON": escaped,
        "Python": {repr(text)[1:-1], ascii(text)[1:-1]},
        "URL": quoted,
        "HTML": {html.escape(text), html.escape(text, quote=False)},
        "base64": set(aligned(text)),
        "hexadecimal": {text.encode().hex(), text.encode().hex().upper()},
    }


def aligned(text: str) -> Iterator[str]:
    """Give what stands in the base64 of anything that holds the text, wherever within three bytes it begins.

    Only whole groups of three bytes are taken, so that neither neighbour has a part in the letters.
    """
    raw = text.encode()
    for skipped in range(3):
        inner = raw[skipped:]
        inner = inner[: len(inner) // 3 * 3]
        yield base64.b64encode(inner).decode()
        yield base64.urlsafe_b64encode(inner).decode()


class Canaries:
    """The planted secrets by their slots. Each has a word of its own at its beginning and at its end.

    The words are letters and digits, which no way of writing alters: so they are found where a secret was cut as well.
    """

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._sought: dict[str, dict[str, set[str]]] = {}

    def plant(self, slot: str, amid: str = AMID) -> str:
        """Make a secret for a slot."""
        words = ["".join(self._chance.choices(LETTERS, k=WORD)) for _ in range(2)]
        text = amid.join(words)
        self._seek(slot, [text, *words])
        return text

    def know(self, slot: str, text: str) -> str:
        """Take a secret that somebody else has made: a token, a cookie."""
        self._seek(slot, [text, text[-24:]])
        return text

    @property
    def slots(self) -> set[str]:
        return set(self._sought)

    def _seek(self, slot: str, texts: list[str]) -> None:
        assert slot not in self._sought, slot
        told = [forms(one) for one in texts]
        self._sought[slot] = {kind: set().union(*(one[kind] for one in told)) for kind in told[0]}

    def hits(self, output: str) -> set[tuple[str, str]]:
        """Give the slots whose secrets stand in an output, and how they are written there."""
        return {
            (slot, kind)
            for slot, kinds in self._sought.items()
            for kind, texts in kinds.items()
            if any(text in output for text in texts)
        }

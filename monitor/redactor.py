"""Takes the secrets that are known out of a text, in whatever way they are written there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from monitor.secret import Secret

SHORTEST = 8
"""Shorter ones are not looked for: they would be found in ordinary words, and tell by their absence what they are."""
HIDDEN = "***"
NAMED = re.compile(r"pass|secret|token|key", re.IGNORECASE)
RAW = {
    number: f"\\u{number:04x}"
    for number in (0x7F, *range(0x80, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""What JSON leaves as it is, and somebody takes for the end of a line, for a command, or for the way to read it."""


def redactor(secrets: Iterable[Secret]) -> Callable[[str], str]:
    """Make what takes these out of a text: as they are, escaped as in JSON, in Python or in a URL, and in base64.

    Of a secret that is an address, the passwords in it are secrets too.
    """
    texts = {text for secret in secrets for text in _parts(secret.reveal()) if len(text) >= SHORTEST}
    forms = {form for text in texts for form in _forms(text) if len(form) >= SHORTEST}
    if not forms:
        return lambda text: text
    # The longest first, so that nothing of it is left where a shorter one is its beginning.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(HIDDEN, text)


def _parts(text: str) -> Iterator[str]:
    yield text
    try:
        parts = urlsplit(text)
    except ValueError:
        return
    if "://" in text:
        yield from filter(None, (parts.password, unquote(parts.password or "")))
        yield from (value for key, value in parse_qsl(parts.query) if NAMED.search(key))


def _forms(text: str) -> Iterator[str]:
    coded = set(_base64(text))
    plain = {text, *_urls(text), *coded, *(quote(form, safe="") for form in coded)}
    escaped = {written for form in plain for written in (*_json(form), repr(form)[1:-1])}
    yield from plain | escaped
    # JSON within JSON: an answer that is quoted in a line.
    yield from (written for form in escaped for written in _json(form))


def _json(text: str) -> Iterator[str]:
    yield json.dumps(text)[1:-1]
    as_it_is = json.dumps(text, ensure_ascii=False)[1:-1]
    yield as_it_is
    yield as_it_is.translate(RAW)


def _urls(text: str) -> Iterator[str]:
    for written in (
        quote(text, safe="", errors="replace"),
        quote(text, errors="replace"),
        quote_plus(text, errors="replace"),
    ):
        yield written
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), written)


def _base64(text: str) -> Iterator[str]:
    """Give what of it stands in a longer base64 for sure, wherever within three bytes it begins (RFC 4648, 4)."""
    plain = text.encode("utf-8", "replace")
    for lead in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            written = encode(b"\0" * lead + plain).decode()
            first = -(-8 * lead // 6)
            whole = 8 * (lead + len(plain)) // 6
            yield written[first:whole]

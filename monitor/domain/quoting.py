"""How text of the platform is told on: shown as it is, without secrets, and grouped by what it says."""

from __future__ import annotations

import hashlib
import re

HIDDEN = "•••"
BOUND = 8
"""So many times what may be quoted is looked at: a text that hides more than that in secrets is cut."""
LONGEST = 2000
"""What comes later in a text does not tell it from others."""

_FLAGS = re.IGNORECASE | re.DOTALL
_PORT = r"(?!\d{1,5}(?:[/?#\s\"']|\Z))"
_NAMED = (
    # The name may be the end of a longer one (PGPASSWORD, ANTHROPIC_API_KEY), in quotes as JSON has it.
    r"((?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization|cookie"
    # "Missing key: faculty" is no secret.
    r"|(?:[_-]|api|access|private)\s?key|key(?=\s*=))\\?[\"']?\s*[:=]\s*)"
    r"(?:(?:Basic|Bearer|Digest|Token)\s+)?"
    # JSON within JSON, JSON, a word in quotes, a bare word.
    r"(?:\\\".*?(?:\\\"|\Z)|\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s&]+)"
)
_SECRETS = tuple(
    (re.compile(pattern, _FLAGS), shown)
    for pattern, shown in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", HIDDEN),
        # The credentials of an address; where the text was cut before the @, to its end.
        (r"(?<=://)[^\s/?#]*@", f"{HIDDEN}@"),
        (rf"(?<=://)[^\s/@:]*:{_PORT}[^\s/@]+\Z", HIDDEN),
        (r"\b(Bearer\s+)(?!token\b|auth)[^\s\"',;]+", rf"\1{HIDDEN}"),
        (r"\beyJ[\w-]{8,}(?:\.[\w-]+)*", HIDDEN),
        (r"\b(?:sk-|(?:sk|rk|pk)_(?:live|test)_|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|AIza)[\w-]+", HIDDEN),
        (r"(\bpassword\s+)'[^']*'?", rf"\1{HIDDEN}"),
        (_NAMED, rf"\1{HIDDEN}"),
    )
)
_ADDRESS = re.compile(rf"(?<=://)[^\s/@:]*:{_PORT}\S*@", _FLAGS)
"""An address with credentials, to its last @."""
_WORD = re.compile(r"\S+")
_DATE = (
    # A date that spells its month: "Sun, 22 Nov 2026", "22/Nov/2026", "Nov 22".
    r"\b(?:(?:mon|tue|wed|thu|fri|sat|sun),?\s+)?(?:\d{1,2}[\s/-])?"
    r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[\s/-]\d{1,4}(?:[\s/,-]+\d{4})?"
)
_VARYING = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        r"\"[^\"]*\"|`[^`]*`|“[^”]*”|«[^»]*»|(?<!\w)'[^'\n]*'(?!\w)",
        r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b",
        _DATE,
        # Whatever has a digit: numbers, hexadecimal ones, most identifiers.
        r"\b\w*\d\w*",
    )
)
_HOLE = "\0"
_HOLES = re.compile(rf"{_HOLE}(?:[\s.,:;/+*%-]*{_HOLE})*")


def without_secrets(text: str) -> str:
    """Hide what looks like a secret: keys, tokens, passwords, the credentials of addresses."""
    text = _WORD.sub(_without_credentials, text)
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


def _without_credentials(word: re.Match[str]) -> str:
    # Of what follows the last @ each "://" would be tried to the end: the square of its length.
    before, at, after = word[0].rpartition("@")
    return _ADDRESS.sub(f"{HIDDEN}@", before + at) + after if "://" in before else word[0]


def quoted(text: str, at_most: int = 200) -> str:
    """Give the text as it can be shown anywhere: no secret, no control character, no longer than `at_most`."""
    bound = BOUND * at_most
    shown, length = [], 0
    for letter in without_secrets(text[:bound]):
        piece = letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        length += len(piece)
        shown.append(piece)
        if length > at_most:
            break
    if length <= at_most and len(text) <= bound:
        return "".join(shown)
    while length > at_most - 1:
        length -= len(shown.pop())
    return "".join(shown) + "…"


def fingerprint(text: str) -> str:
    """Give the same short mark to errors that differ only in numbers, identifiers, times and what they quote."""
    bare = without_secrets(text[:LONGEST]).replace(_HOLE, " ")
    for pattern in _VARYING:
        bare = pattern.sub(_HOLE, bare)
    words = " ".join(_HOLES.sub("#", bare).lower().split())
    return hashlib.blake2s(words.encode("utf-8", "replace"), digest_size=6).hexdigest()

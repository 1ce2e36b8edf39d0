"""The last look: a secret that is known is found in a line, in whatever way it was written there."""

from __future__ import annotations

import base64
import io
import json
import sys
from urllib.parse import quote, quote_plus, urlencode

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from monitor import logs
from monitor.redactor import SHORTEST, redactor
from monitor.secret import Secret

CANARIES = [
    'p@ss/w"ord\\é', "plainplain", "a b+c/d?e#f&g=h%i", "tab\tnew\nline", "\u2028\x7f\x85separate",
    "日本語のひみつです", "'quoted'ly'",
]  # fmt: skip
WRITE = {
    "as it is": str,
    "JSON": json.dumps,
    "JSON, not ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "orjson": lambda text: orjson.dumps(text).decode(),
    "JSON within JSON": lambda text: json.dumps({"a": json.dumps({"b": text})}),
    "Python": repr,
    "URL": lambda text: f"https://x/?a={quote(text, safe='')}&b=1",
    "URL, path": lambda text: f"https://x/{quote(text)}/",
    "URL, small": lambda text: quote(text, safe="").lower() if text.islower() else quote(text, safe=""),
    "form": lambda text: f"a={quote_plus(text)}",
    "form, whole": lambda text: urlencode({"a": text}),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "basic login": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "basic login, other user": lambda text: base64.b64encode(f"users:{text}".encode()).decode(),
    "basic login, third user": lambda text: base64.b64encode(f"a:{text}:and more".encode()).decode(),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


def left(text: str, secret: str) -> list[str]:
    """Give the parts of the secret that still stand there: halves of it, in any plain form."""
    half = len(secret) // 2
    return [part for part in (secret, secret[:half], secret[half:]) if len(part) > 3 and part in text]


@pytest.mark.parametrize("secret", CANARIES)
@pytest.mark.parametrize("way", WRITE)
def test_found(secret, way):
    """Whatever way it is written, it is taken out, and what stands beside it stays."""
    text = f"before {WRITE[way](secret)} after"
    clean = redactor([Secret("other-one"), Secret(secret)])(text)
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "***" in clean
    assert left(clean, secret) == []


@given(st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=40), st.sampled_from(sorted(WRITE)))
def test_any_secret(secret, way):
    """So it is with any secret that is long enough."""
    clean = redactor([Secret(secret)])(WRITE[way](secret))
    assert secret not in clean
    assert "***" in clean


@pytest.mark.parametrize("length", range(1, SHORTEST))
def test_short(length):
    """One that is shorter than that is not looked for: it would be found in ordinary words."""
    text = "abcdefghij"[:length]
    assert redactor([Secret(text), Secret("")])(f"{text}, {text}") == f"{text}, {text}"


def test_longest_first():
    """Of a secret that begins with another one nothing is left."""
    assert (
        redactor([Secret("hunter2hunter2"), Secret("hunter2hunter2-and-more")])("x hunter2hunter2-and-more y")
        == "x *** y"
    )


@pytest.mark.parametrize("dsn", [
    "postgresql://u:hunt%40r2xx@h/db", "postgresql://u@h/db?password=hunt%40r2xx&sslmode=verify-full",
    "postgresql://u@h/db?sslmode=verify-full&sslpassword=hunt%40r2xx",
])  # fmt: skip
def test_address(dsn):
    """The password within an address is a secret too, as it stands there and as it is meant; the rest of it is none."""
    clean = redactor([Secret(dsn)])
    for text in (dsn, "hunt@r2xx", "hunt%40r2xx" if ":hunt" in dsn else "hunt@r2xx"):
        assert clean(f"a {text} b") == "a *** b"
    assert clean("h/db verify-full") == "h/db verify-full"


@pytest.mark.parametrize("odd", ["http://[", "://", "postgresql://u:p@[::1", "\ud800" * 8])
def test_odd(odd):
    """What is no address, and what is no text, is looked for as it is."""
    assert redactor([Secret(odd), Secret("hunter2hunter2")])("x hunter2hunter2 y") == "x *** y"


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("secret", CANARIES)
def test_logs(as_json, secret, monkeypatch):
    """No line of the logs holds one: not in a field, not in an exception's words, not in what a library says."""
    import logging

    hook = sys.excepthook
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    try:
        logs.configure(as_json=as_json, secrets=[Secret(secret)])
        log = structlog.get_logger()
        log.warning("value.told", value=secret, nested=[{secret: {"a": f"x{secret}y"}}], sent=secret.encode())
        try:
            raise ValueError(f"cannot log in with {secret!r}, {secret}")  # noqa: TRY301
        except ValueError:
            log.exception("request.failed")
        logs.Foreign().emit(logging.LogRecord("asyncio", logging.ERROR, "x", 1, "%s %s", (secret, [secret]), None))
        said = sys.stderr.getvalue()
    finally:
        sys.excepthook = hook
        structlog.reset_defaults()
    assert said.count("***") >= 6
    for write in WRITE.values():
        assert write(secret).strip("\"'") not in said
    if as_json:
        assert [json.loads(line)["event"] for line in said.splitlines()] == [
            "value.told", "request.failed", "library.warned",
        ]  # fmt: skip

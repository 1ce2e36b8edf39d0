"""Text of the platform: shown without secrets and control characters, grouped by what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.quoting import fingerprint, quoted

SECRET = "s3cr3tValue"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("429 from sk-ant-api03-s3cr3tValue_x (example)", "429 from ••• (example)"),
        ("stripe sk_live_s3cr3tValue refused", "stripe ••• refused"),
        ("github ghp_s3cr3tValue, slack xoxb-1-s3cr3tValue", "github •••, slack •••"),
        ("Authorization: Bearer s3cr3tValue", "Authorization: •••"),
        ("header 'Bearer s3cr3tValue', sent", "header 'Bearer •••', sent"),
        ("authorization: Basic s3cr3tValue== refused", "authorization: ••• refused"),
        ("jwt eyJhbGciOiJI.s3cr3tValue.abc expired", "jwt ••• expired"),
        ("postgres://huph:s3cr3tValue@db:5432/huph refused", "postgres://•••@db:5432/huph refused"),
        ("postgres://huph:a/s3cr3tValue@b@db/huph", "postgres://•••@db/huph"),
        ("redis://:s3cr3tValue@valkey:6379/0", "redis://•••@valkey:6379/0"),
        ("http://s3cr3tValue@host/x", "http://•••@host/x"),
        ("cut off at postgres://huph:s3cr3tVal", "cut off at postgres://•••"),
        ("PGPASSWORD=s3cr3tValue psql", "PGPASSWORD=••• psql"),
        ("ANTHROPIC_API_KEY='s3cr3tValue and more' x", "ANTHROPIC_API_KEY=••• x"),
        ('{"api_key": "s3cr3tValue\\"b", "user": "x"}', '{"api_key": •••, "user": "x"}'),
        (r'{\"password\":\"s3cr3tValue\",\"u\":1}', r'{\"password\":•••,\"u\":1}'),
        ("https://a.b/c?key=s3cr3tValue&d=1", "https://a.b/c?key=•••&d=1"),
        ("alter role x password 's3cr3tValue y' now", "alter role x password ••• now"),
        ("cookie: s3cr3tValue; a", "cookie: ••• a"),
        ("-----BEGIN RSA PRIVATE KEY-----\ns3cr3tValue", "•••"),
    ],
)  # fmt: skip
def test_secrets(text, shown):
    """What looks like a secret is replaced, wherever it stands and also where the text was cut inside of it."""
    assert SECRET[:9] in text
    assert quoted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "429 rate_limit_error from the language model (example)",
        "template 'daily' has no field 'faculty' (example)",
        'duplicate key value violates unique constraint "pk_messages"',
        "Key (id)=(5) already exists.",
        "missing key: faculty",
        'password authentication failed for user "huph"',
        "Bearer token expired",
        "http://localhost:3300 and https://a.b:443/x?to=a@b",
        "max_tokens=1024 is too many; risk-free disk-usage",
        "zona é 東京 …",
    ],
)
def test_plain_words(text):
    """Words that only sound like secrets are left as they are."""
    assert quoted(text) == text


def test_control_characters():
    """Control characters and marks that turn the direction of writing are shown, not obeyed; so is half a letter."""
    assert quoted("a\x07\x1b[31m\n\t\x00\u202eb\x7f\ud800") == r"a\x07\x1b[31m\n\t\x00\u202eb\x7f\ud800"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x" * 10, "x" * 10),
        ("x" * 11, "x" * 9 + "…"),
        ("x" * 8 + "\n", "x" * 8 + r"\n"),
        ("x" * 8 + "\nx", "x" * 8 + "…"),
        ("key=" + "s" * 200 + " x", "key=•••…"),
    ],
)
def test_cut(text, shown):
    """A text is cut at its limit, never in the middle of an escape; so is what hides too much."""
    assert quoted(text, 10) == shown


@given(st.text(), st.integers(2, 50))
def test_any_text(text, at_most):
    """Any text becomes one printable line within its limit."""
    shown = quoted(text, at_most)
    assert len(shown) <= at_most
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("canceled after 3000 ms", "canceled after 12.5 ms"),
        ("request req_01abcX failed", "request req_99zz failed"),
        ("block 0xdeadbeef", "block 0x1f"),
        ("run 0ba1c2de-0000-4bcd-8def-abcdefabcdef", "run deadbeef-abcd-abcd-abcd-abcdefabcdef"),
        ("at 2026-11-22T01:20:11.000Z: no answer", "at 2026-11-23 02:00:00: no answer"),
        ("at 22/Nov/2026: no answer", "at 1/Dec/2026: no answer"),
        ("Sun, 22 Nov 2026 01:20:11 no answer", "Tue, 3 Mar 2027 11:00:00 no answer"),
        ("template 'daily' has no field \"a\"", "template 'it is long' has no field \"\""),
        ("“x” and `y`", "“z z” and `w`"),
        ("10.0.0.5:5432 refused", "192.168.7.1:6379 refused"),
        ("12 of 30, 5, 6 failed", "1 of 2, 3 failed"),
        ("Connection\n  RESET", "connection reset"),
        ("token=abc refused", "token=xyz refused"),
    ],
)
def test_same_kind(one, other):
    """Errors that differ only in numbers, identifiers, times, quoted words, spaces or secrets are of one kind."""
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("429 rate_limit_error (example)", "template 'follow_up' is invalid (example)"),
        ("can't open", "can't close, isn't open"),
        ("connection refused", "connection reset"),
        ("", "x"),
    ],
)
def test_other_kind(one, other):
    """Errors that say something else are told apart; an apostrophe opens no quotation."""
    assert fingerprint(one) != fingerprint(other)


@given(st.text())
def test_any_fingerprint(text):
    """A fingerprint is short, and the same whenever it is taken."""
    assert fingerprint(text) == fingerprint(text)
    assert len(fingerprint(text)) == 12


def test_stable():
    """A fingerprint outlives the program: what was written down yesterday is found again."""
    assert fingerprint("429 rate_limit_error") == "1ed325744b7b"

"""Cookie headers, tokens and claims as nobody would write them: drawn, a few in the short form and many in the long."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.access.nextauth import Claims
from tests.access.minting import GOOD, HOURS_8, KINDS, NOW, USER, V4, V5, Forge, forges, told
from tests.security.fuzz.fuzzing import feed_long

SHORT = settings(max_examples=100, deadline=None)
CLAIMS = Claims(*USER.values(), NOW, NOW + HOURS_8)


@pytest.fixture(scope="module")
def keyed() -> list[Forge]:
    """Those who have the keys, and say anything."""
    return [one for kind, one in forges().items() if kind in {V4, V5}]


NAMES = st.sampled_from([*(kind.name for kind in KINDS), "next-auth.session-toke", "a", ""])
SUFFIXES = st.sampled_from(["", ".0", ".1", ".2", ".00", ".4", ".5", ".99", "."])
TEXTS = st.text(max_size=40) | st.text('ABCDEFabcdef0123456789-_.=;, \t"\\%\r\n\0é\ud800', max_size=200)
HEADERS = TEXTS | st.lists(st.tuples(NAMES, SUFFIXES, TEXTS), max_size=8).map(
    lambda pairs: ";".join(f"{name}{suffix}={value}" for name, suffix, value in pairs)
)


def nobody(header: str) -> None:
    assert told(header) in {None, "sign_in"}


@SHORT
@given(HEADERS)
def test_headers(header):
    """Whatever a header says, it is nobody or turned away; nothing else ever happens."""
    nobody(header)


@pytest.mark.prove
def test_headers_long():
    """So it is for a minute."""
    print(f"{feed_long(nobody, HEADERS):,} values")


CUTS = st.lists(st.integers(0, 700), max_size=6)
EDITS = st.lists(st.tuples(st.integers(0, 700), st.sampled_from(["", "A", ".", "=", " ", "é", "A" * 20])), max_size=2)


def in_pieces(forge: Forge, cuts: list[int], edits: list[tuple[int, str]], order: Any) -> None:
    """Cut a good token into pieces that come in any order, with letters of it changed: it is whole, or none."""
    good = token = forge.sealed(GOOD)
    for at, letter in edits:
        token = token[:at] + letter + token[at + 1 :] if at < len(token) else token + letter
    at = [0, *sorted(min(cut, len(token)) for cut in cuts), len(token)]
    pieces = [token[begin:end] for begin, end in itertools.pairwise(at)]
    whole = len(pieces) == 1
    pairs = [f"{forge.kind.name}{'' if whole else f'.{place}'}={piece}" for place, piece in enumerate(pieces)]
    order.shuffle(pairs)
    said = told("; ".join(pairs))
    if token == good and (whole or (len(pieces) <= 5 and all(pieces))):
        assert said == CLAIMS
    elif token != good:
        # Space at a piece's end is not the cookie's (RFC 6265, 5.2).
        assert said in {None, "sign_in"} or (said == CLAIMS and token.replace(" ", "") == good)
    else:
        assert said in {None, "sign_in", CLAIMS}


@SHORT
@given(CUTS, EDITS, st.randoms())
def test_pieces(keyed, cuts, edits, order):
    """A token in pieces is what it was before, or nothing."""
    for forge in keyed:
        in_pieces(forge, cuts, edits, order)


@pytest.mark.prove
def test_pieces_long(keyed):
    """So it is for a minute."""

    def check(drawn: tuple[list[int], list[tuple[int, str]], Any]) -> None:
        for forge in keyed:
            in_pieces(forge, *drawn)

    print(f"{feed_long(check, st.tuples(CUTS, EDITS, st.randoms())):,} values")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(NOW),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
SPOILED = st.dictionaries(st.sampled_from([*GOOD]), JSON).map(lambda some: GOOD | some)
INSTANTS = st.integers(0, 2**33) | st.integers(NOW - 20, NOW + HOURS_8 + 20)


def typed(forge: Forge, claims: dict[str, Any], now: int) -> None:
    said = told(f"{forge.kind.name}={forge.sealed(json.dumps(claims))}", now)
    if not isinstance(said, Claims):
        assert said in {"sign_in", "expired"}
        return
    assert now < said.exp <= said.iat + HOURS_8
    assert said.sub
    for text in (said.sub, said.role, said.name or "", said.email or ""):
        assert isinstance(text, str)
        assert text.isprintable()


@SHORT
@given(SPOILED, INSTANTS)
def test_claims(keyed, claims, now):
    """Whatever the claims are, what is told has its types, has not ended, and can be stored and shown."""
    for forge in keyed:
        typed(forge, claims, now)


@pytest.mark.prove
def test_claims_long(keyed):
    """So it is for a minute."""

    def check(drawn: tuple[dict[str, Any], int]) -> None:
        for forge in keyed:
            typed(forge, *drawn)

    print(f"{feed_long(check, st.tuples(SPOILED, INSTANTS)):,} values")


@SHORT
@given(st.binary(max_size=200))
def test_payloads(keyed, payload):
    """Bytes that were encrypted by the true key, but are no claims, are turned away."""
    for forge in keyed:
        assert told(f"{forge.kind.name}={forge.sealed(payload)}") == "sign_in"
